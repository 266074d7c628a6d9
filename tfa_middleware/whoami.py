"""Asks the application itself who it thinks is logged in."""

from __future__ import annotations

import io
from collections.abc import Mapping

from tfa_middleware import cookies
from tfa_middleware.hold import Answer, App, Environ, HeaderList
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request, is_identity

#: Nothing else of the browser's request goes along: who chooses the language could blind a pattern of words.
_KEPT = ("HTTP_HOST", "HTTP_USER_AGENT", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def ask(
    app: App, request: Request, realm: Realm, jar: Mapping[str, str], limit: int, authorization: str = ""
) -> tuple[str, HeaderList]:
    """``cookies, Authorization -> (canonical name or empty, the Set-Cookie headers that the browser must have)``.
    Follows no redirect.

    What the page sets is the browser's only where the application needs it: some give every answer a new session id and
    forget the old one. Where the cookies of before still name the same account, they stand, with the message that a
    session in a cookie keeps for the next page.
    """
    name, headers = _asked(app, request, realm, jar, limit, authorization)
    news = cookies.all_set(headers, 0)
    renewed = bool(name) and any(one in jar and news[one].value != jar[one] for one in news)
    if renewed and _asked(app, request, realm, jar, limit, authorization)[0] == name:
        return name, []
    return name, headers


def ask_beside(
    app: App, request: Request, realm: Realm, jar: Mapping[str, str], limit: int, authorization: str = ""
) -> tuple[str, HeaderList]:
    """`ask` from a thread of its own, while another answer is open: many frameworks keep the request in the thread."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(ask, app, request, realm, jar, limit, authorization).result()


def _asked(
    app: App, request: Request, realm: Realm, jar: Mapping[str, str], limit: int, authorization: str
) -> tuple[str, HeaderList]:
    answer = Answer(app, _environ(request.environ, realm.settings.whoami, cookies.header(jar), authorization))
    body = answer.read(limit)
    status = int(answer.status[:3])
    name = realm.rule.named(status, body) if body is not None else ""
    return name, [(key, value) for key, value in answer.headers if key.lower() == "set-cookie"]


def given_to_anybody(app: App, request: Request, realm: Realm) -> HeaderList:
    """The Set-Cookie headers with which the entry page answers a browser without cookies."""
    return [(key, value) for key, value in at_entry(app, request, realm)[1] if key.lower() == "set-cookie"]


def at_entry(app: App, request: Request, realm: Realm, authorization: str = "") -> tuple[int, HeaderList]:
    """Status and headers with which the entry page answers this Authorization alone, without any cookie."""
    answer = Answer(app, _environ(request.environ, realm.entry, "", authorization))
    answer.close()
    return int(answer.status[:3]), answer.headers


def _environ(environ: Environ, target: str, cookie: str, authorization: str = "") -> Environ:
    path, _, query = target.partition("?")
    mount = environ.get("SCRIPT_NAME", "")
    inside = path[len(mount) :] if mount and path.startswith(mount + "/") else path
    asked = {key: value for key, value in environ.items() if _goes_along(key)}
    asked |= {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": mount,
        "PATH_INFO": inside,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": "",
        "CONTENT_TYPE": "",
        "HTTP_ACCEPT": "*/*",
        "HTTP_ACCEPT_LANGUAGE": "en",
        "wsgi.input": io.BytesIO(),
    }
    if cookie:
        asked["HTTP_COOKIE"] = cookie
    if authorization:
        asked["HTTP_AUTHORIZATION"] = authorization
    return asked


def _goes_along(key: str) -> bool:
    if is_identity(key):
        return False
    return key in _KEPT or key.startswith(("wsgi.", "SERVER_", "REMOTE_ADDR", "REMOTE_PORT", "HTTP_X_FORWARDED_"))
