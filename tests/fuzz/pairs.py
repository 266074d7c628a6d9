"""Two gates before one console, alike but for the hot path, which one of them does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attacks.apps import IN_PLACE, Console, by_form
from attacks.wire import Client, Reply, send
from support.bench import Bench, Sections

from tfa_middleware.passes import Passes

#: What no two requests have alike.
_OF_THE_SERVER = ("wsgi.input", "wsgi.errors")
_CHOSEN_ANEW = re.compile(rb'(name="csrf_token" value=)"[^"]*"|(tfa-\w+=)[^;]+')


class Told:
    """Logs people in as a console does; then gives the one answer that it is told to, and notes what it saw."""

    def __init__(self, console: Console) -> None:
        self.answer: Callable[..., Iterable[bytes]] = console
        self.saw: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.saw.append({key: value for key, value in environ.items() if key not in _OF_THE_SERVER})
        return self.answer(environ, start)


class Gate:
    """One of the two, on a store of its own."""

    def __init__(self, folder: Path, console: Console, sections: Sections) -> None:
        self.console = Told(console)
        self.bench = Bench(self.console, folder, {**sections, "tfa": {"accounts": "store", **sections.get("tfa", {})}})
        self.services = self.bench.services
        self.rows = self.services.store

    def begin(self, rows: dict[str, Any], now: float) -> None:
        """Begin where the passes were new."""
        self.rows._rows, self.bench.clock.now = dict(rows), now
        self.services.passes.verdicts.forget()
        self.look()

    def look(self) -> None:
        """Let the next request look whether anything ended."""
        self.services.passes.verdicts.due = float("-inf")

    def passes(self) -> list[tuple[Any, ...]]:
        """The passes that live."""
        found = [(one.realm, one.user, one.seen, dict(one.bindings)) for one in self.services.passes.list()]
        return sorted(found, key=repr)

    def sent(self, environ: dict[str, Any], answer: Callable[..., Iterable[bytes]]) -> dict[str, Any]:
        """What came of a request: for the browser, for the console, and for the passes."""
        self.console.saw.clear()
        self.console.answer = answer
        reply = send(self.bench.app, dict(environ))
        return {**_comparable(reply), "seen": list(self.console.saw), "passes": self.passes()}


def _comparable(reply: Reply) -> dict[str, Any]:
    headers = [(name, _settled(value.encode("latin-1"))) for name, value in reply.headers]
    return {
        "status": reply.status,
        "headers": sorted(headers),
        "body": _settled(reply.body),
        "error": repr(reply.error),
    }


def _settled(text: bytes) -> bytes:
    return _CHOSEN_ANEW.sub(rb"\1\2*", text)


class Pair:
    """``hot`` and ``careful``. ``taken`` counts what went the hot path."""

    def __init__(self, folder: Path, sections: Sections) -> None:
        console = Console(IN_PLACE, {"/two/login": by_form()})
        self.hot, self.careful = (Gate(folder, console, sections) for _ in range(2))
        self.realms = [one.name for one in self.hot.bench.settings.realms]
        self.cookies = self._logged_in("mallory")
        self.rows, self.now = dict(self.hot.rows._rows), self.hot.bench.clock.now
        self.taken = 0
        serve = self.hot.bench.app._at_once
        self.hot.bench.app._at_once = lambda *both: self._counted(serve(*both))
        self.careful.bench.app._at_once = lambda *_: None

    def _counted(self, answer: Iterable[bytes] | None) -> Iterable[bytes] | None:
        self.taken += answer is not None
        return answer

    def _logged_in(self, user: str) -> dict[str, str]:
        client = Client(self.hot.bench.app)
        for realm in self.hot.services.map.realms.values():
            secret = self.hot.bench.enrol_totp(user, realm.name)
            client.login(user, path=realm.entry)
            page = f"/_tfa/{realm.name}/challenge"
            assert client.press("verify", page, code=self.hot.bench.code(secret)).code == 303
            self.hot.bench.next_step()
        assert len(self.hot.passes()) == len(self.realms)
        return dict(client.jar)

    def begin(self) -> None:
        """Begin anew, both from one state."""
        for one in (self.hot, self.careful):
            one.begin(self.rows, self.now)

    def both(self, act: Callable[[Gate], object]) -> None:
        """Something happens to both."""
        for one in (self.hot, self.careful):
            act(one)
            one.look()

    def ask(self, environ: dict[str, Any], answer: Callable[..., Iterable[bytes]]) -> None:
        """The same request to both must come to the same."""
        quick, slow = self.hot.sent(environ, answer), self.careful.sent(environ, answer)
        for part, found in slow.items():
            told = {key: value for key, value in environ.items() if not key.startswith("wsgi.")}
            assert quick[part] == found, f"{part} of {told}"


def ended_elsewhere(gate: Gate, realm: str) -> None:
    """Another worker ends the passes of a realm."""
    worker = Passes(gate.rows, lambda: "", gate.bench.clock)
    worker.end_all(realm, "mallory")
