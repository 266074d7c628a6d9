"""What is measured: WSGI applications, and requests to them that somebody who is logged in makes.

Each subject is made in a folder of its own and says which earlier one it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from time import sleep
from typing import Any

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
#: The Cookie header of the next request, a string of its own each time: a reused one flatters caches.
NextCookie = Callable[[], str]


@dataclass(frozen=True)
class Subject:
    """``under`` names the subject without the thing measured; ``path`` is what the requests ask for, and ``status`` how
    they are answered."""

    name: str
    under: str
    app: App
    cookie: NextCookie
    path: str = "/private"
    status: str = "200"


def bare(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The least that an application does."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


class Noop:
    """The least that a middleware does."""

    def __init__(self, app: App) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self.app(environ, start_response)


class Least:
    """What the law asks of any gate in Python, and nothing else, so that the price of the law is seen: the environ is
    copied (H10), its names are looked at (A18), and the answer's headers are (A13, G9). There is no session at all."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.names = frozenset(environ_of("", ""))
        self.harmless = frozenset(("Content-Type", "Content-Length"))

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
            for name, _ in headers:
                if name not in self.harmless:
                    raise ValueError(name)
            return start_response(status, [*headers, ("Vary", "Cookie")])

        if not self.names.issuperset(environ):
            raise ValueError("an unknown name")
        return self.app(environ.copy(), start)


def fresh(header: str) -> NextCookie:
    """The same header, as a new string each time."""
    return lambda: header[:1] + header[1:]


def changing(header: str) -> NextCookie:
    """A header that no cache has seen."""
    numbers = count()
    return lambda: f"{header}; n={next(numbers)}"


def ours(folder: Path) -> Iterator[Subject]:
    """The middleware around `bare`: a pass, verdicts that are not known, a visitor who is sent to the login.

    Everything is as by default: SQLite, a text file of accounts, a pass for a password and a code."""
    import pyotp
    from support.browser import Browser
    from support.spy import Spy

    from tfa_middleware import TwoFactorMiddleware, from_dict
    from tfa_middleware.wiring import services

    sections = {
        "tfa": {"insecure_dev": "yes", "ntp_server": ""},
        "realm:user": {"paths": "/", "login": "/login", "username": "username", "password": "password"},
    }
    settings = from_dict(sections, folder)
    parts = services(settings)
    accounts, secret = parts.map.realms["user"].accounts, pyotp.random_base32()
    data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1"}
    accounts.add("alice", accounts.new("totp", "Phone", data, ""))
    browser = Browser(TwoFactorMiddleware(Spy(), settings, parts), {})
    browser.login("alice")
    browser.answer(pyotp.TOTP(secret).now())
    browser.follow()
    sleep(2.5)  # a file that changed this moment is read at every look
    header = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    wrapped = TwoFactorMiddleware(bare, settings)
    yield Subject("ours, a passed request", "bare", wrapped, fresh(header))
    yield Subject("ours, another Cookie header", "bare", wrapped, changing(header))

    def forgetful(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        wrapped._services.passes.verdicts.forget()
        return wrapped(environ, start_response)

    yield Subject("ours, after a revocation elsewhere", "bare", forgetful, fresh(header))
    (record,) = parts.passes.list()

    def looking(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert wrapped._services.passes.get(record.realm, record.id) is not None
        return bare(environ, start_response)

    yield Subject("of which one look at the store", "bare", looking, fresh(header))

    def new(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        wrapped._standings._made.clear()
        return forgetful(environ, start_response)

    yield Subject("ours, a session not seen before", "bare", new, strangers(parts))
    yield Subject("ours, a visitor", "bare", wrapped, fresh("theme=dark"), status="403")


def strangers(parts: Any) -> NextCookie:
    """Cookie headers of passes like the one that there is, more of them than a worker remembers, in turns."""
    from dataclasses import replace

    from tfa_middleware.passes import _key
    from tfa_middleware.passrecord import dumped
    from tfa_middleware.sessions import _REMEMBERED, PASSED, Session, new_id

    realm, (record,) = parts.map.realms["user"], parts.passes.list()
    headers = []
    for number in range(_REMEMBERED + 500):
        sid = {"sid": f"{number:032}"}
        one = replace(record, id=new_id(), bindings=realm.tags.bind_all(sid))
        parts.store.put(_key(one.realm, one.id), dumped(one), ttl=86400)
        ours = realm.cookie.header(Session(PASSED, one.id, int(record.created)))[1].partition(";")[0]
        headers.append(f"{ours}; sid={sid['sid']}")
    turns = cycle(headers)
    return lambda: next(turns)


def webob(_: Path) -> Iterator[Subject]:
    """WebOb's decorator around `bare`."""
    from webob.dec import wsgify

    @wsgify.middleware
    def middleware(request: Any, app: Any) -> Any:
        return request.get_response(app)

    yield Subject("WebOb wsgify", "bare", middleware(bare), fresh("theme=dark"))


def beaker(folder: Path) -> Iterator[Subject]:
    """Beaker's session, read on every request: signed in the cookie, and in files."""
    from beaker.middleware import SessionMiddleware

    def reading(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        session = environ["beaker.session"]
        if environ["PATH_INFO"] == "/enter":
            session["user"] = "alice"
            session.save()
        elif session.get("user") != "alice":
            raise AssertionError("not logged in")
        return bare(environ, start_response)

    shapes = {
        "Beaker, session in the cookie": {"session.type": "cookie", "session.validate_key": "v" * 32},
        "Beaker, session in files": {"session.type": "file", "session.data_dir": str(folder / "beaker")},
    }
    for name, options in shapes.items():
        app = SessionMiddleware(reading, {**options, "session.data_serializer": "json"})
        yield Subject(name, "bare", app, fresh(entered(app)))


def repoze_who(_: Path) -> Iterator[Subject]:
    """repoze.who with its signed ticket."""
    from repoze.who.classifiers import default_challenge_decider, default_request_classifier
    from repoze.who.middleware import PluggableAuthenticationMiddleware
    from repoze.who.plugins.auth_tkt import AuthTktCookiePlugin

    ticket = AuthTktCookiePlugin("s" * 64, "auth_tkt", digest_algo="sha512")
    app = PluggableAuthenticationMiddleware(
        bare,
        [("ticket", ticket)],
        [("ticket", ticket)],
        [],
        [],
        default_request_classifier,
        default_challenge_decider,
        log_stream=None,
    )
    headers = ticket.remember(environ_of("/private", ""), {"repoze.who.userid": "alice"})
    yield Subject("repoze.who, auth_tkt", "bare", app, fresh(headers[0][1].split(";")[0]))


def environ_of(path: str, cookie: str) -> Environ:
    """A request of a browser's script."""
    from io import BytesIO

    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "HTTP_ACCEPT": "*/*",
        "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_SEC_FETCH_MODE": "cors",
        "HTTP_SEC_FETCH_DEST": "empty",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_COOKIE": cookie,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def entered(app: App) -> str:
    """The Cookie header after a visit of ``/enter``."""
    taken: list[tuple[str, str]] = []
    body = app(environ_of("/enter", ""), lambda status, headers, exc_info=None: taken.extend(headers))
    list(body)
    close = getattr(body, "close", None)
    if close:
        close()
    return "; ".join(value.split(";")[0] for name, value in taken if name.lower() == "set-cookie")
