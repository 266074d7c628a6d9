"""Cookies: what the gate forwards is read by every parser as the gate read it."""

from __future__ import annotations

from fuzz.readers import COOKIES
from tfa_middleware import cookies
from tfa_middleware.errors import BadRequest

#: What a browser was given, and the cookie that the page's scripts make.
VOUCHED = {"sid": "good", "theme": "dark"}
KEPT = "ui"
OURS = {*VOUCHED, KEPT}


def cookie_header(data: bytes) -> None:
    """A stranger's Cookie header: no parser finds a name or a session in what is forwarded but the vouched ones."""
    text = data.decode("latin-1")
    try:
        named = cookies.unambiguous(cookies.parse(text))
    except BadRequest:
        return
    jar = {name: value for name, value in named.items() if VOUCHED.get(name) == value}
    if KEPT in named and cookies.is_plain(named[KEPT]):
        jar[KEPT] = named[KEPT]
    forwarded = cookies.header(jar)
    assert cookies.parse(forwarded) == list(jar.items())
    for who, read in COOKIES.items():
        for name, value in read(forwarded):
            assert name in jar, f"{who} finds a cookie called {name!r}"
            assert name == KEPT or value == VOUCHED[name], f"{who} finds another value for {name!r}"


def cookie_value(data: bytes) -> None:
    """A value that the application itself gave out, with a part that somebody else chose (a theme, a name): no parser
    finds another session in it, before or behind the real one."""
    text = data.decode("latin-1")
    for before in (True, False):
        pair, session = f"theme={text}", "sid=good"
        try:
            named = cookies.unambiguous(cookies.parse("; ".join([pair, session] if before else [session, pair])))
        except BadRequest:
            continue
        jar = {name: value for name, value in named.items() if name in VOUCHED}
        for who, read in COOKIES.items():
            evil = [value for name, value in read(cookies.header(jar)) if name == "sid" and value != jar.get("sid")]
            assert evil == [], f"{who} finds another session"


def set_cookie(data: bytes) -> None:
    """A Set-Cookie header: read without an error, and what a browser sends back is what was read."""
    text = data.decode("latin-1")
    one = cookies.parse_set(text, 1_800_000_000)
    assert one == cookies.parse_set(text, 1_800_000_000)
    assert text.split(";")[0].replace("=", "", 1).strip(" \t").startswith(one.name)
    assert one.deletes or one.value
    found = cookies.all_set([("Set-Cookie", text), ("X-Other", text)], 1_800_000_000)
    assert list(found) == ([one.name] if one.name else [])
    if one.name and not one.deletes and len(text) < cookies.MAX_HEADER:
        assert cookies.parse(cookies.header({one.name: one.value})) == [(one.name, one.value)]
        assert cookies.overlay({one.name: "old", "b": "2"}, found) == {"b": "2", one.name: one.value}
