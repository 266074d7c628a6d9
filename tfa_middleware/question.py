"""The front server's question: which request it asks about, and what of it the answer depends on."""

from __future__ import annotations

import re
from operator import itemgetter
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
#: Remembered are only addresses, and names of headers, that are as short as most are, in characters; and so many names.
_SHORT, _LONG, _MANY = 1024, 4096, 100
_ADDRESS = itemgetter("PATH_INFO", _METHOD, "SCRIPT_NAME", _HOST, "HTTP_HOST", _URI)
#: Address, length, body, and the names of the environ.
Question = tuple[tuple[str, ...], str | None, str | None, tuple[str, ...]]


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
    """All that the answer to a question that is `plain` depends on, beside the pass: of most headers only the names.
    Raises `KeyError` where a part of the address is missing, as in all that is no question."""
    return _ADDRESS(question), question.get("CONTENT_LENGTH"), question.get(BODY), tuple(question)


def plain(question: Environ) -> bool:
    """Whether `facts` say it all, in few words: no value may matter of a query, a body, Upgrade or Authorization."""
    try:
        address, _, body, names = facts(question)
    except KeyError:
        return False
    if len(names) > _MANY or len("".join(names)) > _LONG or len("".join(address)) > _SHORT:
        return False
    if "?" in question[_URI] or body not in (None, "", "0") or has_body(question):
        return False
    return not ("HTTP_UPGRADE" in question or "HTTP_AUTHORIZATION" in question)
