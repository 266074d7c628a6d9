"""What looks like the application's session: cookies of such names, and session ids in queries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from tfa_middleware import cookies
from tfa_middleware.cookies import fold

#: Names of cookies that a session lives in, where the realm does not name them.
SESSION_LIKE = re.compile(r"(?i)(?!.*(?:csrf|xsrf)).*(?:sess|sid|auth|ident|login|token|remember|trac)")
#: Names of a session id in a query that are cut where no pass says what the application's cookie is called.
SESSION_NAMES = ("sid", "session", "sessionid", "session_id", "cftoken")
_SESSION_PARAMETERS = frozenset({"jsessionid", "phpsessid", "asp_net_sessionid"})


def sets_session(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether an answer sets a cookie that a session may live in."""
    changes = cookies.all_set(headers, 0)
    return any(SESSION_LIKE.match(name) and not one.deletes for name, one in changes.items())


def without_session_ids(query: str, bound: Iterable[str], always: Iterable[str] = ()) -> str:
    """A query less parameters that some applications read as a session id: those called like a bound session cookie,
    and those of ``always``."""
    named = (*(name for name in bound if SESSION_LIKE.match(name)), *always)
    names = {fold(name).casefold() for name in named} | _SESSION_PARAMETERS
    pieces = re.findall("[^&;]+[&;]*", query)
    kept = [piece for piece in pieces if _parameter(piece) not in names]
    return "".join(kept).rstrip("&;") if len(kept) < len(pieces) else query


def _parameter(piece: str) -> str:
    """The name of a query's parameter as the laxest reader has it: cut at NUL, folded, without case."""
    name = unquote_plus(re.split("[=&;]", piece, maxsplit=1)[0])
    return fold(name.partition("\x00")[0]).casefold()
