"""Who knows the victim's password, and nothing else."""

from __future__ import annotations

import base64

from attackers.lair import VICTIM, Lair, Prowler
from attackers.spellings import spelled

METHODS = ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "get")
OURS = (
    "/_tfa/user/",
    "/_tfa/user/enrol",
    "/_tfa/user/enrol/totp",
    "/_tfa/user/enrol/email",
    "/_tfa/user/enrol/recovery",
)
STATIC = ("/private/x.css", "/x.css?y", "/private;x.css", "/private/%2e%2e/x.css", "/login/x", "/login?next=/private")


def attack(lair: Lair) -> None:
    """Log in by every door in every spelling, as every kind of browser, and look around with all that came of it."""
    for plain in lair.knocks():
        for knock in spelled(plain, long=lair.long):
            for client in (lair.prowler(), lair.visitor()):
                before = client.copy()
                client.knock(knock, look=client.jar == {})
                _looks(client, before)
    for alias in lair.animal.aliases:
        for knock in lair.knocks(alias):
            client = lair.visitor()
            client.knock(knock)
            client.prowl()
    _asks_otherwise(lair, _pending(lair))
    _presses_everything(lair)
    _hides_the_login(lair)


def _pending(lair: Lair) -> Prowler:
    client = lair.prowler()
    client.knock(lair.door(VICTIM, "right"))
    return client


def _looks(client: Prowler, before: Prowler) -> None:
    theirs = client.but("tfa-user")
    client.lair.prowl(client, theirs, before, before.copy(**theirs.jar))


def _asks_otherwise(lair: Lair, client: Prowler) -> None:
    """Every method, and paths that are open for others, while the factor is asked."""
    for method in METHODS:
        client.get("/private", method)
    for path in STATIC:
        client.get(path)
        client.but("tfa-user").get(path)
    token = base64.b64encode(f"{VICTIM}:right".encode()).decode()
    for one in (client, lair.prowler()):
        for path in ("/private", "/login", "/x.css", "/_tfa/user/challenge"):
            one.get(path, HTTP_AUTHORIZATION=f"Basic {token}")
        one.get("/private", HTTP_REMOTE_USER=VICTIM, REMOTE_USER=VICTIM, HTTP_X_FORWARDED_USER=VICTIM)


def _presses_everything(lair: Lair) -> None:
    """The middleware's own pages, without a code: enrol, switch off, cancel, send again, go on as somebody else."""
    for page in OURS:
        client = _pending(lair)
        for action in ("start", "confirm", "enabled", "remove", "sign_out", "recovery", "end_session", "resend"):
            client.press(action, page, kind="totp", enabled="", code="000000", username="mallory", user="mallory")
        client.prowl()
    for action, code in (("verify", ""), ("verify", "000000"), ("cancel", ""), ("", ""), ("VERIFY", "null")):
        client = _pending(lair)
        pending = client.copy()
        client.press(action, code=code)
        client.prowl()
        pending.prowl()
        client.knock(lair.door("trent", "right"))
        for one in (client, pending, client.copy(**pending.jar), pending.copy(**client.jar)):
            one.prowl()


def _hides_the_login(lair: Lair) -> None:
    """A good login made to look like a failed one, and what is worth something only after it."""
    for tail in ("?next=/login", "?next=login", "?next=//evil.example/", "?next=/login%3Fx", "?next=/LOGIN", "?next="):
        for plain in lair.knocks():
            client = lair.visitor()
            client.post(plain.path.partition("?")[0] + tail, plain.body, **plain.more)
            client.prowl("/private?password=x", "/private?username=trent&password=right", "/login?x=1")
            client.knock(lair.door("trent", "right"))
            client.prowl()
