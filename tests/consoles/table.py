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
class Door:
    """A login by another way than the form of the login page, with the right password in it: ``{user}`` and ``{word}``
    stand for the two. ``posted`` empty: a GET."""

    path: str
    posted: str = ""
    kind: str = "application/x-www-form-urlencoded"

    def filled(self, user: str) -> tuple[str, str]:
        """The path and the body for this person."""
        path, posted = (text.replace("{user}", user).replace("{word}", PASSWORD) for text in (self.path, self.posted))
        return path, posted


@dataclass(frozen=True)
class Console:
    """``keys`` of the realm beside its preset. ``entry`` shows the form of ``fields``, ``door`` takes it; ``page`` has
    ``inside`` with the name of who is logged in, in the place of ``{user}``; ``others`` need a login too. ``logout`` is
    a path, or a link on ``page`` by its selector; empty for a form. ``doors`` are other ways to log in. ``people`` are
    those that it has. ``basic``: there is no form, browsers send name and password in a header.
    ``token``: a script logs in by ``door``, and goes on with what stands there in the answer."""

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
    doors: tuple[Door, ...] = ()
    people: tuple[str, ...] = (FIRST, SECOND)
    core: bool = False
    basic: bool = False
    token: str = ""

    def __str__(self) -> str:
        return self.name

    def mark(self, user: str = "") -> str:
        """What only this user's page shows."""
        return self.inside.format(user=user or self.people[0])


_EXAMPLES = "/examples/jsp/security/protected/"
_PING = '<?xml version="1.0"?><methodCall><methodName>wiki.getAllPages</methodName></methodCall>'
_TOMCAT = ("j_username", "j_password")
_CHECK = "j_username={user}&j_password={word}"
_WIKI = "do=login&u={user}&p={word}"
_XML = (
    '<?xml version="1.0"?><methodCall><methodName>dokuwiki.login</methodName><params>'
    "<param><value>{user}</value></param><param><value>{word}</value></param></params></methodCall>"
)
_JSON = '{"email": "{user}", "password": "{word}"}'
_CACTI = "action=login&login_username={user}&login_password={word}"

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
        doors=(
            Door(f"{_EXAMPLES}j_security_check?{_CHECK}"),
            Door(f"{_EXAMPLES}x/y/j_security_check", _CHECK),
            Door(f"{_EXAMPLES}j_security_check;jsessionid=0", _CHECK),
            Door("/examples/j_security_check", _CHECK),
        ),
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
        doors=(Door(f"/kept/j_security_check?{_CHECK}"), Door("/kept/x/j_security_check", _CHECK)),
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
        doors=(Door("/legacy/login.jsp?username={user}&password={word}"),),
    ),
    Console(
        name="tomcat-manager",
        script="tomcat",
        preset="tomcat-manager",
        keys={"exempt": "/manager/text"},
        entry="/manager/html",
        page="/manager/html",
        inside="Tomcat Web Application Manager",
        error="Tomcat Manager Application",
        others=("/manager/", "/manager/html/list", "/manager/status", "/manager/jmxproxy/?qry=*:*"),
        client=Client("/manager/text/list", "/legacy:running"),
        people=(FIRST,),
        core=True,
        basic=True,
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
        doors=(
            Door(f"/doku.php?{_WIKI}"),
            Door("/doku.php?do=profile", _WIKI),
            Door("/feed.php", _WIKI),
            Door("/lib/exe/ajax.php?call=linkwiz", _WIKI),
            Door("/lib/exe/css.php", _WIKI),
            Door(f"/lib/exe/js.php?{_WIKI}"),
            Door("/lib/exe/xmlrpc.php", _XML, "text/xml"),
            Door("/lib/exe/jsonrpc.php/core.login", '{"user": "{user}", "pass": "{word}"}', "application/json"),
        ),
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
        doors=(
            Door("/login", "email={user}&password={word}"),
            Door("/login", _JSON, "application/json"),
            Door("/login?include_auth_token", _JSON, "application/json"),
        ),
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
        doors=(Door("/admin/", "username={user}&password={word}&this_is_the_login_form=1"),),
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
        doors=(Door("/login/?login={user}&password={word}"), Door("/", "login={user}&password={word}&persistent=1")),
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
        doors=(
            Door("/login?username={user}&password={word}"),
            Door("/wiki", "user={user}&username={user}&password={word}"),
        ),
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
        doors=(Door("/opds?username={user}&password={word}"),),
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
        doors=(
            Door(f"/cacti/index.php?{_CACTI}"),
            Door("/cacti/graph_view.php", _CACTI),
            Door(f"/cacti/user_admin.php?{_CACTI}&remember_me=on"),
            Door("/cacti/include/global.php", _CACTI),
        ),
    ),
    Console(
        name="node-red",
        script="node-red",
        preset="node-red",
        keys={"exempt": "/api/"},
        entry="/",
        door="/auth/token",
        page="/settings",
        inside='"username":"{user}"',
        error="Invalid resource owner credentials",
        others=("/flows", "/nodes", "/icons/", "/settings/user", "/context/global", "/comms"),
        client=Client("/api/hello", "hello program"),
        doors=(
            Door(
                "/auth/token",
                '{"grant_type": "password", "client_id": "node-red-editor", "scope": "*",'
                ' "username": "{user}", "password": "{word}"}',
                "application/json",
            ),
            Door("/auth/token?username={user}", "client_id=node-red-admin&grant_type=password&scope=*&password={word}"),
        ),
        token="access_token",
    ),
)
