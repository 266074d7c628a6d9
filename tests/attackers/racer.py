"""Who has two browsers, two workers and slow requests.

Where one request shall fall into another, it is sent from inside the other: by the application, or by the body.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from attacks.wire import request
from support.together import at_once
from zoo.knocks import Knock

from attackers.lair import OWN, PLAIN, VICTIM, Lair, Prowler
from tfa_middleware.errors import PassEnded

WORKERS = 2
#: More than `Passes.suspend` waits for, as the tests set it.
POLL = 0.03


def attack(lair: Lair) -> None:
    """Let every login of the victim's fall into, beside and around requests of the same session."""
    for knock in lair.knocks():
        _shared_session(lair, knock)
        for own in (OWN, PLAIN):
            _slow_page(lair, own, knock)
            _slow_body(lair, own, knock)
            _other_worker(lair, own, knock)
            _in_between(lair, own, knock)
            _stream(lair, own, knock)
        _late_login_page(lair, knock)
        for _ in range(10 if lair.long else 1):
            _all_at_once(lair, knock)


def _inside(lair: Lair, when: str, act: Callable[[], object]) -> None:
    """Do ``act`` once, while the application works on a request to a path that begins so."""

    def before(method: str, path: str) -> None:
        if path.startswith(when):
            lair.console.before = lambda method, path: None
            act()

    lair.console.before = before


def _shared_session(lair: Lair, knock: Knock) -> None:
    """Another browser with the cookies of the login page, on the other worker, before, during and after the login."""
    first = lair.visitor()
    second = first.at(1)
    logged: list[str] = []

    def meanwhile(user: str) -> None:
        if not logged:
            logged.append(user)
            second.prowl("/login", "/me", "/x.css")
            second.knock(lair.door(PLAIN, "right"))
            second.prowl()

    lair.console.meanwhile = meanwhile
    first.knock(knock, look=False)
    lair.console.meanwhile = lambda user: None
    for one in (second, first, first.at(1), second.copy(**first.jar)):
        one.prowl("/login")
        one.answer()
        one.prowl()


def _slow_page(lair: Lair, own: str, knock: Knock) -> None:
    """His own request waits in the application while the same session becomes the victim's."""
    for worker in (0, 1):
        client = lair.passed(own)
        other = client.at(worker)
        time.sleep(POLL)
        _inside(lair, "/slow", lambda other=other: _logs_in(other, knock))
        client.get("/slow")
        client.prowl()
        other.answer()
        other.prowl()


def _logs_in(client: Prowler, knock: Knock) -> None:
    client.knock(knock, look=False)


class Trickling(io.BytesIO):
    """A body that does something before it comes."""

    def __init__(self, data: bytes, act: Callable[[], object]) -> None:
        super().__init__(data)
        self._acts = [act]

    def read(self, size: int | None = -1) -> bytes:
        if self._acts:
            self._acts.pop()()
        return super().read(size)


def _slow_body(lair: Lair, own: str, knock: Knock) -> None:
    """The same, while the body of his request comes."""
    for path, body in (("/slow", b"a=b"), ("/login", b"a=b"), ("/private", b"a=b&" + b"x" * 1_050_000)):
        client = lair.passed(own)
        other = client.at(1)
        stream = Trickling(body, lambda other=other: _logs_in(other, knock))
        environ = request(path, "POST", body, client.cookie, **{"wsgi.input": stream})
        client._sent(environ)
        client.prowl()
        other.answer()
        other.prowl()


def _other_worker(lair: Lair, own: str, knock: Knock) -> None:
    """His old pass, on a worker that knows its verdict, while and after it ends at the other one."""
    client = lair.passed(own)
    old = client.at(1)
    old.prowl()
    _inside(lair, "/login", old.prowl)
    client.knock(knock, look=False)
    lair.console.before = lambda method, path: None
    for one in (old, client, client.at(1)):
        one.prowl()
        one.answer()
        one.prowl()


def _in_between(lair: Lair, own: str, knock: Knock) -> None:
    """The session is the victim's already, and the gate has not heard the answer yet."""
    for worker in (0, 1):
        client = lair.passed(own)
        other = client.at(worker)
        other.prowl()
        lair.console.meanwhile = lambda user, other=other: other.prowl()
        client.knock(knock, look=False)
        lair.console.meanwhile = lambda user: None
        lair.prowl(other, client)


def _stream(lair: Lair, own: str, knock: Knock) -> None:
    """An answer that is under way goes on while the session becomes the victim's."""
    for path in lair.animal.pages:
        for method in ("GET", "POST"):
            client = lair.passed(own)
            body = b"a=b" if method == "POST" else b""
            blocks = lair.app(request(path, method, body, client.cookie), lambda *_: None)
            _taken(blocks, 3)
            _logs_in(client, knock)
            _taken(blocks, 3)
            blocks.close()
            client.prowl()


def _taken(blocks: Iterator[bytes], count: int) -> None:
    with suppress(PassEnded):  # a server cuts the connection here
        for _ in zip(range(count), blocks, strict=False):
            pass


def _late_login_page(lair: Lair, knock: Knock) -> None:
    """The login page is asked for ahead of the login, its answer comes after."""
    client = lair.visitor()
    other = client.at(1)
    _inside(lair, "/login", lambda: _logs_in(other, knock))
    client.get("/login")
    lair.console.before = lambda method, path: None
    for one in (client, other, client.copy(**other.jar), other.copy(**client.jar)):
        one.prowl()
        one.knock(lair.door(PLAIN, "right"), look=False)
        one.prowl()


def _all_at_once(lair: Lair, knock: Knock) -> None:
    """Right and wrong logins of three people in one session, in threads, on both workers."""
    start = lair.visitor()
    clients = [start.at(place % 2) for place in range(8)]
    wrong = lair.door(VICTIM, "wrong")
    tries = [knock, wrong, lair.door(PLAIN, "right"), lair.door(OWN, "right")] * 2
    at_once([lambda one=one, what=what: one.knock(what, look=False) for one, what in zip(clients, tries, strict=True)])
    for one in clients:
        one.prowl()
        one.answer()
        one.prowl()
        start.copy(**one.jar).prowl()
