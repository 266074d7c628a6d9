"""Cells of the matrix that are open, each with its reason: a limit that docs/security.md states, or a fault."""

from __future__ import annotations

PASSWORD, OWN, HOLDER = "knows the password", "has an own account", "holds all cookies"
RACES, SPELLER = "races", "spells by hand"

DOOR = (
    "Without `whoami` nobody can ask whose the session is after a door that no rule lists, with fields of other names "
    "or a body that cannot be read."
)
MOMENT = (
    "Between the application's login by an unlisted door and the answer of `whoami` other requests of the same pass "
    "are served, for milliseconds."
)
NAMES = "Without `whoami` the account is the name that was typed; the application takes other names for it too."
TICKET = "A session id outside cookies, in a header of the application's own, is not bound to any browser."

OPEN: dict[tuple[str, str], str] = {
    ("ticket in the page, own header", HOLDER): TICKET,
    ("unlisted door, same fields, new id", OWN): DOOR,
    ("unlisted door, same fields, new id", SPELLER): DOOR,
    ("unlisted door, same fields, in silence", OWN): DOOR,
    ("unlisted door, same fields, in silence", SPELLER): DOOR,
    ("unlisted door, other fields, new id", OWN): DOOR,
    ("unlisted door, other fields, new id", RACES): DOOR,
    ("unlisted door, other fields, new id", SPELLER): DOOR,
    ("unlisted door, other fields, in silence", OWN): DOOR,
    ("unlisted door, other fields, in silence", RACES): DOOR,
    ("unlisted door, other fields, in silence", SPELLER): DOOR,
    ("unlisted door, other fields, in silence; whoami always", RACES): MOMENT,
    ("login at any path", OWN): DOOR,
    ("login at any path", SPELLER): DOOR,
    ("logged in by reset, in silence, unlisted", OWN): DOOR,
    ("logged in by reset, in silence, unlisted", RACES): DOOR,
    ("logged in by reset, in silence, unlisted", SPELLER): DOOR,
    ("logged in by reset, in silence, unlisted; whoami always", RACES): MOMENT,
    ("names folded with accents", PASSWORD): NAMES,
    ("names folded with accents", OWN): NAMES,
}
