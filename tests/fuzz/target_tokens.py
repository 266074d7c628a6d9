"""The signed cookie and the seal: nothing but what was made here is ever believed."""

from __future__ import annotations

from core.parts import KEYS, sealer

from tfa_middleware.cookies import parse
from tfa_middleware.errors import BadRequest, RecordError
from tfa_middleware.sessions import PASSED, VISITOR, Session, SessionCookie

NOW = 1_800_000_000.0
COOKIE = SessionCookie(KEYS, "user")
OTHER = SessionCookie(KEYS, "admin")
PASS = Session(PASSED, "an-id-of-a-pass", int(NOW), {"sid": ("tag",)}, "/private")
#: What the browser of a person with a pass sends, and what it sends to the other realm.
GIVEN = COOKIE.header(PASS)[1].split(";")[0]
FOREIGN = OTHER.header(PASS)[1].split(";")[0]
CONTEXT = "realm/user/totp/1"
SECRET = b'{"secret":"JBSWY3DPEHPK3PXP"}'
SEALED = sealer().seal(SECRET, CONTEXT)


def session_cookie(data: bytes) -> None:
    """A Cookie header, in which 0x01 stands for a good cookie and 0x02 for the one of another realm: it is a visitor's,
    or letter by letter the session that was given out, and that only where it comes once."""
    text = data.decode("latin-1").replace("\x01", GIVEN).replace("\x02", FOREIGN)
    try:
        pairs = parse(text)
    except BadRequest:
        return
    found = COOKIE.read(pairs, NOW)
    if found.state != VISITOR:
        assert found == PASS
        assert sum(name.lower() == COOKIE.name.lower() for name, _ in pairs) == 1
    else:
        assert found.fresh
    assert not COOKIE.csrf_matches(PASS, text)


def seal(data: bytes) -> None:
    """``context LF seal``, in which 0x01 stands for a good context or seal: it opens to what was sealed there, or
    raises `RecordError`, whose text tells nothing of it."""
    context, _, text = data.decode("latin-1").partition("\n")
    context, text = context.replace("\x01", CONTEXT), text.replace("\x01", SEALED)
    try:
        opened = sealer().open(text, context)
    except RecordError as error:
        return _says_nothing(error)
    assert (context, opened) == (CONTEXT, SECRET)
    return None


def _says_nothing(error: RecordError) -> None:
    assert "JBSW" not in str(error)
