"""The consoles that were tried: how each is started and set up, and what a person sees of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

#: The people of the start scripts.
FIRST, SECOND, PASSWORD = "admin", "alice", "S3cretPass!x"


def basic(user: str, password: str = PASSWORD) -> dict[str, str]:
    """What a program sends."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@dataclass(frozen=True)
class Client:
    """What the console's own programs ask, and something that only they are told. ``body`` is posted."""

    path: str
    told: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: basic(FIRST))


@dataclass(frozen=True)
class Console:
    """``keys`` of the realm beside its preset. ``entry`` shows the form of ``fields`` and ``door`` takes it; ``page`` has
    ``inside`` with the name of who is logged in, in the place of ``{user}``; ``others`` need a login too. ``logout`` is a
    path, or a link on ``page`` by its selector; empty for a form. ``people`` are those that it has."""

    name: str
    script: str
    entry: str
    page: str
    inside: str
    error: str
    others: tuple[str, ...]
    preset: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, str] = ("username", "password")
    door: str = ""
    logout: str = "/logout"
    client: Client | None = None
    people: tuple[str, ...] = (FIRST, SECOND)
    core: bool = False

    def __str__(self) -> str:
        return self.name

    def mark(self, user: str = "") -> str:
        """What only this user's page shows."""
        return self.inside.format(user=user or self.people[0])


_EXAMPLES = "/examples/jsp/security/protected/"
_PING = '<?xml version="1.0"?><methodCall><methodName>wiki.getAllPages</methodName></methodCall>'
_TOMCAT = ("j_username", "j_password")

CONSOLES = (
    Console(
        name="tomcat-form",
        script="tomcat",
        preset="tomcat-form",
        keys={"paths": "/examples", "login": f"{_EXAMPLES} */j_security_check"},
        entry=_EXAMPLES,
        door=f"{_EXAMPLES}j_security_check",
        page=f"{_EXAMPLES}index.jsp",
        fields=_TOMCAT,
        inside="<b>{user}</b>",
        error="Invalid user name and/or password",
        others=(f"{_EXAMPLES}index.jsp?role=tomcat", "/examples/"),
        logout=f"{_EXAMPLES}index.jsp?logoff=true",
        core=True,
    ),
    Console(
        name="tomcat-form-kept",
        script="tomcat",
        preset="tomcat-form",
        keys={"paths": "/kept", "login": "/kept/ */j_security_check", "logout": "/kept/logout.jsp"},
        entry="/kept/",
        door="/kept/j_security_check",
        page="/kept/index.jsp",
        fields=_TOMCAT,
        inside='<p id="me">{user}</p>',
        error="Wrong name or password",
        others=("/kept", "/kept/index.jsp?x=1"),
        logout="/kept/logout.jsp",
        core=True,
    ),
    Console(
        name="jsp",
        script="tomcat",
        keys={
            "paths": "/legacy",
            "login": "/legacy/login.jsp",
            "logout": "/legacy/logout.jsp",
            "whoami": "/legacy/home.jsp",
            "whoami_pattern": 'id="me">([^<]+)<',
        },
        entry="/legacy/login.jsp",
        page="/legacy/home.jsp",
        inside='<p id="me">{user}</p>',
        error="Wrong name or password",
        others=("/legacy/", "/legacy/home.jsp?x=1"),
        logout="/legacy/logout.jsp",
        core=True,
    ),
    Console(
        name="dokuwiki",
        script="dokuwiki",
        preset="dokuwiki",
        keys={"exempt": "/lib/exe/xmlrpc.php"},
        entry="/doku.php?do=login",
        page="/doku.php?do=profile",
        fields=("u", "p"),
        inside="<bdi>{user}</bdi>",
        error="Sorry, username or password was wrong.",
        others=("/", "/doku.php?id=start&do=edit", "/doku.php?do=admin", "/lib/exe/ajax.php?call=linkwiz", "/feed.php"),
        logout="a[href*='do=logout']",
        client=Client("/lib/exe/xmlrpc.php", "<methodResponse>", _PING),
        core=True,
    ),
    Console(
        name="pgadmin",
        script="pgadmin",
        preset="pgadmin",
        entry="/login",
        door="/authenticate/login",
        page="/browser/js/utils.js",
        fields=("email", "password"),
        inside="username: '{user}'",
        error="Incorrect username or password",
        others=("/browser/", "/user_management/user/", "/settings/", "/preferences/get_all"),
        people=(f"{FIRST}@example.com", f"{SECOND}@example.com"),
        core=True,
    ),
    Console(
        name="django-admin",
        script="python",
        preset="django-admin",
        environ={"TFA_TEST_CONSOLE": "django-admin"},
        entry="/admin/login/",
        page="/admin/",
        inside="<strong>{user}</strong>",
        error="Please enter the correct username and password",
        others=("/admin/auth/user/", "/admin/auth/user/?o=-1", "/admin/auth/user/1/change/", "/admin/jsi18n/"),
        logout="",
        core=True,
    ),
    Console(
        name="flask-login",
        script="python",
        preset="flask-login",
        environ={"TFA_TEST_CONSOLE": "flask-session"},
        entry="/login",
        page="/private",
        inside="<b id=me>{user}</b>",
        error="Who are you?",
        others=("/", "/reports", "/reports/today?sort=name"),
        core=True,
    ),
    Console(
        name="rdiffweb",
        script="rdiffweb",
        preset="rdiffweb",
        keys={"exempt": "/api/"},
        entry="/login/",
        page="/prefs/general",
        fields=("login", "password"),
        inside="<span>{user}</span>",
        error="Invalid username or password.",
        others=("/", "/home/admin", "/admin/users", "/browse/admin/data?sort=name"),
        logout="",
        client=Client("/api/currentuser", '"username": "admin"'),
        people=(FIRST,),
    ),
    Console(
        name="trac",
        script="trac",
        preset="trac",
        entry="/login",
        page="/prefs",
        inside='trac-author-user">{user}<',
        error="Invalid username or password",
        others=("/", "/admin", "/wiki/WikiStart?action=edit", "/timeline"),
        logout="",
    ),
    Console(
        name="calibre-web",
        script="calibre-web",
        preset="calibre-web",
        keys={"exempt": "/opds"},
        entry="/login",
        page="/me",
        inside='hidden-sm">{user}</span>',
        error="Wrong Username or Password",
        others=("/", "/admin/view", "/ajax/listbooks", "/kobo/x/v1/initialization"),
        client=Client("/opds", "<feed"),
    ),
    Console(
        name="cacti",
        script="cacti",
        preset="cacti",
        entry="/cacti/index.php",
        page="/cacti/index.php",
        fields=("login_username", "login_password"),
        inside="usermenuup'>{user}</span>",
        error="Access Denied! Login failed.",
        others=("/cacti/", "/cacti/user_admin.php", "/cacti/host.php?action=edit", "/cacti/settings.php"),
        logout="/cacti/logout.php",
    ),
)
