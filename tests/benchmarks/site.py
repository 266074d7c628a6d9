"""A site with a login before a page that costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from support.spy import Spy

from benchmarks.subjects import Environ, bare


class Site:
    """A login, as `Spy` has it, before `bare`."""

    def __init__(self) -> None:
        self._spy = Spy()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        app = bare if environ["PATH_INFO"] == "/private" else self._spy
        return app(environ, start_response)
