"""Who writes requests by hand: every path, header, method and body, in every way that a raw socket allows.

He is given more than an attacker has: the victim's live cookies of the application, though not her pass.
"""

from __future__ import annotations

import io
from itertools import islice

from attacks.wire import request

from attackers.lair import OWN, VICTIM, WORKER, Honest, Lair, Prowler
from attackers.spellings import spelled

#: As PATH_INFO has them: decoded once, octets as latin-1.
_PATHS = """
/private //private ///private /./private /x/../private /%2e%2e/private /private/. /private/ /private%2f /private%5c
\\private /\\private /%70rivate /%2570rivate /PRIVATE /private;jsessionid=1 /private;/ /private%00 /private. /private%3f
/private%23 /priv%C0%AFate /;/private /x.css/../private /private/x.css/.. /x.css;/../private /private;.css /private.css
/login/../private /login;/../private /login%2f..%2fprivate /login/..;/private /login/. /login/ /LOGIN //login /login;x
/_tfa/../private /_tfa/static/../../private /_tfa/user/../../private /_tfa;/user/ /_TFA/user/ /_tfa/user/%2e%2e/%2e%2e/x
* private @evil/private http://evil/private http:/private ?/private #/private /logout/../private /me /me/../private
"""
PATHS = [*_PATHS.split(), "", "/private\x00", "/private\t", "/private ", "/\x0bprivate", "/priv\xffate"]
PATHS += ["/\xef\xbc\x8fprivate", "/\xe2\x80\x8bprivate", "/x/.. /private", "/\xef\xbc\x8570rivate"]
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "FOO", "get", "CONNECT", "TRACE")
#: Who somebody is, or what a request "really" is, for some server or proxy.
_NAMES = """
REMOTE_USER HTTP_REMOTE_USER HTTP_X_REMOTE_USER HTTP_X_FORWARDED_USER HTTP_X_AUTH_REQUEST_USER HTTP_X_WEBAUTH_USER
HTTP_X_ORIGINAL_URL HTTP_X_REWRITE_URL HTTP_X_FORWARDED_URI HTTP_X_FORWARDED_PREFIX HTTP_X_HTTP_METHOD_OVERRIDE
HTTP_X_USER HTTP_FROM HTTP_X_TFA_USER HTTP_X_TFA_PASS HTTP_COOKIE2 AUTH_TYPE HTTP_X_SSL_CLIENT_S_DN HTTP_X_FORWARDED_FOR
"""
NAMES = _NAMES.split()


def attack(lair: Lair) -> None:
    """Over the whole table: without a pass, with the victim's cookies of the application, with his own pass."""
    victim = Honest(lair).sign_in()
    theirs = {name: value for name, value in victim.jar.items() if not name.startswith("tfa")}
    own = lair.passed(OWN)
    browsers = [lair.prowler(), lair.prowler(**theirs), lair.visitor().copy(**theirs), own.copy(**theirs)]
    _paths(lair, browsers)
    _headers(browsers, own)
    _bodies(lair, own)
    _environs(lair, own, theirs)


def _paths(lair: Lair, browsers: list[Prowler]) -> None:
    for place, path in enumerate(PATHS):
        for number, client in enumerate(browsers):
            other = "/login" if (place + number) % 2 else "/x.css"
            methods = METHODS if lair.long else ("GET", METHODS[1 + (place + number) % 8])
            for method in methods:
                client.copy().get(path, method)
            if lair.long or (place + number) % 4 == 1:
                client.copy().get(other, RAW_URI=path, REQUEST_URI=path, SCRIPT_NAME=path)
                client.copy().get("/private", SCRIPT_NAME=other, PATH_INFO=path)


def _headers(browsers: list[Prowler], own: Prowler) -> None:
    for name in NAMES:
        for value in (VICTIM, "/private"):
            for client in (*browsers[:2], own):
                client.copy().get("/private", **{name: value})
                client.copy().get("/login", **{name: value})


def _bodies(lair: Lair, own: Prowler) -> None:
    """The victim's login, in every spelling, to every door and to places that are none, with his own pass."""
    for plain in lair.knocks():
        for knock in islice(spelled(plain, long=True), None if lair.long else 14, None):
            client = own.copy()
            if b"SECRET of mallory" not in client.get("/private").body:
                own = lair.passed(OWN)
                client = own.copy()
            client.knock(knock, look=False)
            lair.prowl(client, own.copy())
            visitor = lair.prowler()
            visitor.knock(knock, look=True)
            visitor.prowl()


def _environs(lair: Lair, own: Prowler, theirs: dict[str, str]) -> None:
    """What servers could hand over: lengths that lie, bodies with GET, cookies of odd octets."""
    login = b"username=alice&password=right"
    for client in (own, lair.visitor().copy(**theirs)):
        for length in ("", "0", "1", "15", "999", "-1", "+29", "29 ", "0x1d", "\u0662\u0669"):
            for path in ("/login", "/private"):
                more = {"CONTENT_LENGTH": length, "wsgi.input": io.BytesIO(login)}
                one = client.copy()
                one._sent({**request(path, "POST", login, one.cookie), **more, WORKER: 0})
                one._sent({**request(path, "GET", login, one.cookie), **more, "wsgi.input_terminated": True})
                one.prowl()
        for cookie in ("\x00", "\xff", ";" * 400, "a" * 40_000, "=", "tfa-user", "tfa-user=", '"', "x=\r\nX-Y: z"):
            client.copy().get("/private", HTTP_COOKIE=f"{client.cookie}; {cookie}")
            client.copy().get("/private", HTTP_COOKIE=f"{cookie}; {client.cookie}")
