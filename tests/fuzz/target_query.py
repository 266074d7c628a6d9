"""Queries: a login in them is seen, and a session id in them is cut off, whoever reads the rest."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, unquote_plus

from core.parts import settings
from support.raw_wsgi import request as environ_of
from werkzeug.wrappers import Request

from fuzz.readers import Pairs
from tfa_middleware import forms, login
from tfa_middleware.errors import BadRequest
from tfa_middleware.sessionlike import without_session_ids

RULE = login.LoginRule(settings())
SESSION = "sid"


def _werkzeug(query: str) -> Pairs:
    try:
        return list(Request(environ_of("/", QUERY_STRING=query)).args.items(multi=True))
    except UnicodeDecodeError:  # it answers 500 to octets that are no UTF-8
        return []


def _old(query: str) -> Pairs:
    return parse_qsl(query.replace(";", "&"), keep_blank_values=True)


def _php(query: str) -> Pairs:
    """As PHP does it: names lose blanks in front, are cut at NUL, and dots and blanks become underscores."""
    pieces = (one.partition("=") for one in query.split("&"))
    names = ((unquote_plus(name).lstrip().partition("\x00")[0], value) for name, _, value in pieces)
    return [(name.replace(".", "_").replace(" ", "_"), unquote_plus(value)) for name, value in names]


QUERIES: dict[str, Callable[[str], Pairs]] = {
    "urllib": lambda query: parse_qsl(query, keep_blank_values=True),
    "semicolons": _old,
    "Werkzeug": _werkzeug,
    "PHP": _php,
}


def query(data: bytes) -> None:
    """Who finds a user and a password in a query sees an attempt, also by the quick look; who looks for a session id in
    what is forwarded finds none, and what is no session id stays."""
    text = data.decode("latin-1")
    try:
        attempt = RULE.is_attempt(forms.Fields([], forms.query_fields(text)))
    except BadRequest:
        return
    assert RULE.in_query(text) == attempt, "the quick look sees something else"
    cut = without_session_ids(text, (SESSION,))
    for who, read in QUERIES.items():
        named = dict(read(text))
        assert attempt or not (named.get("password") and "username" in named), f"{who} finds a login"
        assert SESSION not in dict(read(cut)), f"{who} finds a session id"
    pieces = [one for one in text.replace(";", "&").split("&") if one]
    assert set(cut.replace(";", "&").split("&")) <= {*pieces, ""}
    if "sid" not in unquote_plus(text).lower() and "sessionid" not in text.lower():
        assert cut == text
