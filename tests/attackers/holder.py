"""Who holds every cookie that was ever set for anybody, the victim's before and after the pass included.

The victim's pass cookie together with a cookie that is her session is that session; all but one of them is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from attackers.lair import OWN, PLAIN, VICTIM, Honest, Lair, Prowler

OURS = "tfa-user"
QUERIES = ("sid", "SID", "session", "sessionid", "jsessionid", "PHPSESSID", "remember_token", "twin", "x-ticket")
HEADERS = (
    "X_AUTH_TOKEN",
    "X_SESSION_ID",
    "SESSION_ID",
    "X_SESSION_TOKEN",
    "COOKIE2",
    "X_COOKIE",
    "X_API_KEY",
    "X_TICKET",
)


def attack(lair: Lair) -> None:
    """Use each cookie in every place, alone and beside his own pass."""
    victim = Honest(lair)
    victim.browser.get("/login")
    victim.enter()
    pending = victim.jar
    victim.sign_in()
    assert victim.opens()
    for live in (True, False):
        worth = victim.jar if live else {}
        _everywhere(lair, worth)
        _in_logins(lair, victim.jar)
        lair.prowler(**pending).prowl()
        if live:
            _signs_out(victim)
    lair.prowler(**victim.jar).prowl()


def _signs_out(victim: Honest) -> None:
    for one, page in ((victim, "/_tfa/user/"), (Honest(victim.lair).sign_in(), "/logout")):
        old = one.jar
        one.browser.get(page)
        if "sign_out" not in one.browser.page.text:  # the application's own logout, or the pass ran out by now
            one.browser.get("/_tfa/user/")
        if "sign_out" in one.browser.page.text:
            one.browser.press("sign_out")
        assert not one.opens(), "a session that was signed out still opens"
        Prowler(victim.lair, **old).prowl()


def _everywhere(lair: Lair, worth: dict[str, str]) -> None:
    own, plain, visitor = lair.passed(OWN), lair.passed(PLAIN), lair.visitor()
    for name, value in _found(lair):
        for base in (lair.prowler(), own, plain, visitor):
            with_it = base.copy(**{name: value})
            if not _is_the_session(lair, with_it.jar, worth):
                with_it.prowl("/login", "/x.css", "/me")
        for pass_cookie in {worth.get(OURS, ""), own.jar[OURS]} - {""}:
            jar = {OURS: pass_cookie, name: value}
            if not _is_the_session(lair, jar, worth):
                lair.prowler(**jar).prowl()
        if name != OURS:
            _in_other_places(lair, own, value)
            _in_other_places(lair, lair.prowler(), value)


def _found(lair: Lair) -> list[tuple[str, str]]:
    """What he holds: all of the application's, and the newest of ours."""
    found = [one for one in lair.app.cookies if one[1] not in ("", "deleted")]
    ours = [one for one in found if one[0] == OURS]
    return [one for one in found if one[0] != OURS][-6:] + ours[-4:]


def _is_the_session(lair: Lair, jar: dict[str, str], worth: dict[str, str]) -> bool:
    if not worth or jar.get(OURS) != worth[OURS]:
        return False
    return any(jar.get(name) == worth.get(name) for name in lair.animal.opening)


def _in_other_places(lair: Lair, client: Prowler, value: str) -> None:
    for name in QUERIES:
        client.copy().get(f"/private?{name}={value}")
    for path in ("/private;jsessionid=", "/private;sid=", "/login;jsessionid=", "/x.css;jsessionid="):
        client.copy().get(path + value)
    client.copy().post("/private", {"sid": value, "jsessionid": value})
    for name in HEADERS:
        client.copy().get("/private", **{f"HTTP_{name}": value})
    client.copy().get("/private", HTTP_AUTHORIZATION=f"Bearer {value}")
    for cookie in _headers(client, value):
        client.copy().get("/private", HTTP_COOKIE=cookie)


def _headers(client: Prowler, value: str) -> Iterator[str]:
    own, rest = client.cookie or "x=1", client.but("sid").cookie or "x=1"
    yield from (f"{own}; sid={value}", f"sid={value}; {own}", f'{rest}; sid="{value}"', f"{rest}; SID={value}")
    yield from (f"{rest}; $Version=1; sid={value}", f"{rest}; x=1 sid={value}", f"{rest}, sid={value}")
    yield from (f"{rest}; =sid={value}", f"{rest}; sid ={value}", f"{rest};sid={value};", f"{own}; x=1,sid={value}")
    yield from (f'{rest}; x="a; sid={value}"', f"{own}\x00; sid={value}", f"{rest}; s[id={value}; s.id={value}")


def _in_logins(lair: Lair, jar: dict[str, str]) -> None:
    """His own login, made with the victim's cookies."""
    stolen = {name: value for name, value in jar.items() if name != OURS}
    for user in (OWN, PLAIN, VICTIM):
        for base in (lair.visitor(), lair.prowler()):
            client = base.copy(**stolen)
            client.get("/login")
            client.jar.update(stolen)
            client.knock(lair.door(user, "right"), look=False)
            client.answer()
            client.prowl()
            client.jar.update(stolen)
            client.prowl()
