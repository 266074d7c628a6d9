"""The front server's question: which request it asks about, and what of it the answer depends on."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from tfa_middleware.errors import BadRequest
from tfa_middleware.hold import Environ
from tfa_middleware.request import has_body

SECRET, BODY = "HTTP_X_TFA_SECRET", "HTTP_X_TFA_BODY"
_METHOD, _URI, _HOST = "HTTP_X_FORWARDED_METHOD", "HTTP_X_FORWARDED_URI", "HTTP_X_FORWARDED_HOST"
#: What is said of the question, not of the request that it asks about.
_OF_THE_QUESTION = frozenset(
    {SECRET, _METHOD, _URI, _HOST, "HTTP_UPGRADE", "HTTP_CONNECTION", "RAW_URI", "REQUEST_URI"}
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}")
#: Remembered are only addresses, and names of headers, that are as short as most are, in characters.
_SHORT, _LONG = 1024, 4096
#: Values, and the names of the environ.
Question = tuple[str | tuple[str, ...] | None, ...]


def described(environ: Environ) -> Environ:
    """The environ of the request that the front server asks about. Raises `BadRequest` where it does not say which."""
    method, target = str(environ.get(_METHOD, "")), str(environ.get(_URI, ""))
    mount = str(environ.get("SCRIPT_NAME", ""))
    path, _, query = target.partition("?")
    octets = unquote_to_bytes(path.encode("latin-1"))
    inside = octets.decode("latin-1")
    if not _TOKEN.fullmatch(method) or not path.startswith("/") or (mount and not inside.startswith(f"{mount}/")):
        raise BadRequest("the front server does not say which request it asks about")
    kept = {key: value for key, value in environ.items() if key not in _OF_THE_QUESTION}
    host = environ.get(_HOST) or environ.get("HTTP_HOST", "")
    told = {"REQUEST_METHOD": method, "PATH_INFO": inside[len(mount) :], "QUERY_STRING": query, "HTTP_HOST": host}
    body = "1" if has_body(environ) else str(environ.get(BODY, ""))
    if str(environ.get("HTTP_UPGRADE", "")).lower() not in ("", "websocket"):
        raise BadRequest("another protocol would go past every check")
    return {**kept, **told, "REQUEST_URI": target, BODY: body}


def facts(question: Environ) -> Question:
    """All that the answer to a question that is `plain` depends on, beside the pass: of most headers only the names."""
    get = question.get
    address = get(_METHOD), get("SCRIPT_NAME"), get(_HOST), get("HTTP_HOST"), get(_URI)
    return *address, get(BODY), get("CONTENT_LENGTH"), get("HTTP_UPGRADE"), tuple(question)


def plain(question: Environ) -> bool:
    """Whether `facts` say it all, in few words: no value may matter of a query, a body or an Authorization."""
    *values, names = facts(question)
    if len("".join(names or ())) > _LONG or len("".join(str(one or "") for one in values)) > _SHORT:
        return False
    if "?" in question.get(_URI, "") or question.get(BODY, "") not in ("", "0") or has_body(question):
        return False
    return not (question.get("HTTP_UPGRADE") or "HTTP_AUTHORIZATION" in question)
