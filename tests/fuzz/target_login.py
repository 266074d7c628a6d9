"""Logins: a password that some framework finds is an attempt, and of the user whom that framework finds."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from core.parts import settings

from fuzz.readers import BODIES, posted
from tfa_middleware import forms, login
from tfa_middleware.errors import BadRequest
from tfa_middleware.held import Held
from tfa_middleware.paths import local

RULE = login.LoginRule(settings())
LIMIT = 1 << 20


def login_body(data: bytes) -> None:
    """``content type LF query LF body``: whoever finds a password sees an attempt of the same user, or the gate says
    that it cannot read it."""
    head, _, rest = data.partition(b"\n")
    query, _, body = rest.partition(b"\n")
    kind = head.decode("latin-1").strip("\r")
    environ = posted(kind, query.decode("latin-1"), body)
    try:
        taken = forms.take(environ, LIMIT)
        assert taken == body
        assert environ["wsgi.input"].read() == body
        fields = forms.read(environ, taken)
        attempt = RULE.is_attempt(fields)
        if attempt:
            RULE.check_plain(fields)
        name = RULE.posted_name(fields) if attempt else ""
    except BadRequest:
        return
    if not fields.readable:
        return
    for who, read in BODIES.items():
        found = read(posted(kind, query.decode("latin-1"), body))
        if any(field == "password" and value for field, value in found):
            assert attempt, f"{who} finds a password where the gate finds none"
        users = {value for field, value in found if field == "username"}
        if attempt and users:
            assert {_canonical(user) for user in users} == {name}, f"{who} finds another user"


def _canonical(user: str) -> str:
    try:
        return RULE.canonical(user)
    except BadRequest:
        return "\x00"  # no name is this


URL = "https://backup.example.com/area/login"
HOST = "backup.example.com"


def location(data: bytes) -> None:
    """A Location of the application's: read without an error; where it is followed, it leads to this site, also for a
    browser, which takes backslashes for slashes and drops line ends."""
    text = data.decode("latin-1")
    headers = (("Location", text),)
    away = RULE.leads_away("302 Found", headers, URL)
    assert not away or login.resolved({"location": text}, URL)
    target = Held("302 Found", headers, b"", URL).target(())
    for safe in (target, local(text)):
        assert safe == "" or _as_browsers_do(safe) == HOST, "leads to another site"
    assert Held("302 Found", headers, b"", URL).target(("other.example.com",)).split("/")[0] in ("", "http:", "https:")


def _as_browsers_do(target: str) -> str | None:
    plain = target.strip("".join(map(chr, range(33)))).replace("\\", "/")
    return urlsplit(urljoin(URL, plain.replace("\t", "").replace("\r", "").replace("\n", ""))).hostname
