"""Ways through the gate, each with a client on it that is ready to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import odd_apps
from support.bench import Bench
from support.odd_apps import Odd
from support.raw_wsgi import Environ, Exchange, Start, served
from support.validated import NAVIGATION, SCRIPT, Client, Console
from tfa_middleware.stores.memory import MemoryStore

Way = Callable[[Odd, Environ, Start], Iterable[bytes]]

#: How a request may come through the gate: its path and its headers.
PATHS = {
    "outside": ("/open/x", NAVIGATION),
    "public": ("/site/static/x", NAVIGATION),
    "exempt": ("/site/api/x", SCRIPT),
    "visitor": ("/site/door", NAVIGATION),
    "passed": ("/site/x", SCRIPT),
    "passed, on a login path": ("/site/door", SCRIPT),
    "passed, with a look ahead": ("/site/x", NAVIGATION),
}


def settings(mount: str = "") -> dict[str, str]:
    return {
        "paths": f"{mount}/site",
        "login": f"{mount}/site/login {mount}/site/door",
        "public": f"{mount}/site/static/",
        "exempt": f"{mount}/site/api/",
        "logout": f"{mount}/site/logout",
    }


@dataclass
class Stand:
    """A client on one of the ways, before a gate whose application is ``odd``."""

    client: Client
    bench: Bench
    path: str
    headers: dict[str, str]

    def environ(self, method: str = "GET", body: bytes = b"", **more: Any) -> Environ:
        return self.client.environ(self.path, method, body, **{**self.headers, **more})

    def served(self, environ: Environ | None = None, *, take: int | None = None) -> Exchange:
        return served(self.bench.app, environ or self.environ(), take=take)


class Stands:
    """Makes stands. The gate is made once, since that takes longer than all else; its store starts empty each time."""

    def __init__(self, folder: Path) -> None:
        self._store = MemoryStore()
        self.console = Console(Odd(odd_apps.a_list))
        self.bench = Bench(self.console, folder, store=self._store, **settings())

    def __call__(self, odd: Odd, way: str) -> Stand:
        for key in self._store.keys(""):
            self._store.delete(key)
        self.console.other = odd
        client = Client(self.bench.app)
        if way.startswith("passed"):
            assert client.sign_in().status == "303 See Other"
        path, headers = PATHS[way]
        return Stand(client, self.bench, path, headers)


def visitor(odd: Odd, folder: Path) -> Stand:
    """A visitor on a login path, before a gate of his own in which people can enrol."""
    bench = Bench(Console(odd), folder, **settings())
    return Stand(Client(bench.app), bench, *PATHS["visitor"])


def ids(ways: list[Any]) -> list[str]:
    """The names of applications, for the names of tests."""
    return [way.__name__ for way in ways]
