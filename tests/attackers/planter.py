"""Who can plant cookies in the victim's browser before she logs in, and uses what he planted."""

from __future__ import annotations

from attackers.lair import OWN, PLAIN, VICTIM, Honest, Lair, Prowler


def attack(lair: Lair) -> None:
    """Plant what he has in several states; let the victim log in with it; use it at each of her steps."""
    for make in (lair.visitor, _failed(lair), _waits(lair, OWN), _waits(lair, VICTIM)):
        for part in ("all", "theirs", "ours") if lair.long or make == lair.visitor else ("all", "theirs"):
            _plant(lair, make(), part)
    for own in (OWN, PLAIN):
        for part in ("all", "theirs", "ours") if own == OWN or lair.long else ("all",):
            _plant(lair, lair.passed(own), part)
    _plant(lair, _made_up(lair), "all")


def _failed(lair: Lair):  # type: ignore[no-untyped-def]
    def make() -> Prowler:
        client = lair.visitor()
        client.knock(lair.door(VICTIM, "wrong"))
        return client

    return make


def _waits(lair: Lair, user: str):  # type: ignore[no-untyped-def]
    def make() -> Prowler:
        client = lair.visitor()
        client.knock(lair.door(user, "right"))
        return client

    return make


def _made_up(lair: Lair) -> Prowler:
    """Ids that he chose himself, which some application takes as they are."""
    return lair.prowler(sid="a" * 32, twin="a" * 32, remember_token="a" * 32)


def _plant(lair: Lair, his: Prowler, part: str) -> None:
    ours = [name for name in his.jar if name.startswith("tfa")]
    planted = {"all": his, "theirs": his.but(*ours), "ours": his.but(*(set(his.jar) - set(ours)))}[part].jar
    old, his_pass = his.copy(), lair.passed(PLAIN)
    victim = Honest(lair)
    for name, value in planted.items():
        victim.browser.client.set_cookie(name, value)
    victim.enter()
    _uses(his, old, his_pass, planted)
    victim.browser.get("/_tfa/user/challenge")
    if 'value="verify"' in victim.browser.page.text:
        victim.browser.press("verify", code=lair.code(VICTIM))
        lair.tick()
        victim.browser.follow()
        victim.opens()
    _uses(his, old, his_pass, planted)
    his.knock(lair.door(PLAIN, "right"))
    _uses(his, old, his_pass, planted)
    victim.opens()


def _uses(his: Prowler, old: Prowler, his_pass: Prowler, planted: dict[str, str]) -> None:
    for one in (his, old, his_pass.copy(**planted), Prowler(his.lair, **planted)):
        one.get("/login")
    his.lair.prowl(his, old, his_pass.copy(**planted), Prowler(his.lair, **planted))
    old.copy().answer()
    theirs = {name: value for name, value in planted.items() if not name.startswith("tfa")}
    for name, value in theirs.items():
        his_pass.copy().get(f"/private?{name}={value}")
        his_pass.copy().get(f"/private;jsessionid={value}")
        Prowler(his.lair, **{**his_pass.jar, name: value}).get("/private")
    Prowler(his.lair, **theirs).prowl()
