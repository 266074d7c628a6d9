"""Who knows the victim's password and has accounts of his own: one with a second factor, one without."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from zoo.knocks import Knock

from attackers.lair import OWN, PLAIN, VICTIM, Lair, Prowler
from attackers.spellings import spelled


def attack(lair: Lair) -> None:
    """Become the victim before, while and after proving a factor that is his own, by every door."""
    for own in (OWN, PLAIN):
        for plain in lair.knocks():
            for knock in islice(spelled(plain, long=lair.long), None if own == OWN else 2):
                _after(lair, own, knock)
            for alias in lair.animal.aliases:
                _after(lair, own, lair.knocks(alias)[lair.knocks().index(plain)])
            _before(lair, own, plain)
            _while_it_waits(lair, own, plain)
            _with_copies(lair, own, plain)
        _with_a_wrong_password(lair, own)


def _after(lair: Lair, own: str, knock: Knock) -> None:
    client = lair.passed(own)
    old = client.copy()
    client.knock(knock, look=b"csrf" in lair.prowler().get("/login").body)
    ours = {name: value for name, value in old.jar.items() if name.startswith("tfa")}
    mixed = client.copy(**ours)
    swapped = old.copy(**{name: value for name, value in client.jar.items() if name.startswith("tfa")})
    lair.prowl(client, old, mixed, swapped)
    if "tfa-user" in client.jar and client.jar != old.jar:
        client.answer()
        lair.prowl(client, old, swapped)


def _before(lair: Lair, own: str, knock: Knock) -> None:
    """The victim's login first, then his own in the same browser."""
    for tail in ("", "?next=/login"):
        client = lair.visitor()
        visitor = client.copy()
        client.knock(replace(knock, path=knock.path + (tail if "?" not in knock.path else "")), look=False)
        for one in (client, visitor, client.copy(**visitor.jar), visitor.copy(**client.jar)):
            lair.passed(own, one)
            lair.prowl(one, *(one.but(name) for name in one.jar if not name.startswith("tfa")))


def _while_it_waits(lair: Lair, own: str, knock: Knock) -> None:
    """Two logins at a time: his own waits, the victim's is made beside it, his code is asked for the wrong one."""
    client = lair.visitor()
    visitor = client.copy()
    client.knock(lair.door(own, "right"))
    own_one = client.copy()
    client.knock(knock)
    visitor.knock(knock)
    for one in (own_one, client, visitor, own_one.copy(**visitor.jar), visitor.copy(**own_one.jar)):
        one.answer()
        one.prowl()


def _with_copies(lair: Lair, own: str, knock: Knock) -> None:
    """Cookies of the victim's pending login in a browser with his own pass, and the other way round."""
    passed, pending = lair.passed(own), lair.visitor()
    before = pending.copy()
    pending.knock(knock)
    ours = [name for name in {**passed.jar, **pending.jar} if name.startswith("tfa")]
    mixes: list[Prowler] = [
        passed.copy(**pending.but(*ours).jar),
        pending.copy(**passed.but(*ours).jar),
        before.copy(**{name: passed.jar.get(name, "") for name in ours}),
        passed.copy(**before.but(*ours).jar),
    ]
    for one in mixes:
        one.prowl()
        one.answer()
        one.prowl()
        one.knock(knock)
        one.prowl()
        one.answer()
        one.prowl()


def _with_a_wrong_password(lair: Lair, own: str) -> None:
    """The victim's name with a wrong password, in a browser that is logged in: some applications answer as if it were
    right."""
    for knock in lair.knocks(VICTIM, "wrong"):
        client = lair.passed(own)
        client.knock(knock)
        client.prowl()
        client.answer()
        client.prowl()
        assert b"alice" not in client.get("/_tfa/user/").body, "the pass is called the victim's"
