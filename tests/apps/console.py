"""A login of a real application: how it is built, set up behind the gate, and told apart from outside and inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfa_middleware.hold import App

Sections = Mapping[str, Mapping[str, str]]
PASSWORD = "S3cretPass!x"
FIRST, SECOND = "admin", "alice"


@dataclass(frozen=True)
class Console:
    """``build(folder)`` makes the application. ``entry`` is its login page; ``page`` and ``others`` need a login.
    ``inside`` is markup that only somebody logged in sees, with ``{user}``; ``error`` is its own word for a wrong
    password. ``passwords`` are those of the users `FIRST` and `SECOND`. With ``keeps_login`` its login looks at no
    password while somebody is signed in, and answers as if it had been right."""

    name: str
    realm: str
    sections: Sections
    build: Callable[[Path], App]
    entry: str
    page: str
    others: tuple[str, ...]
    inside: str
    error: str
    passwords: Mapping[str, str] = field(default_factory=lambda: {FIRST: PASSWORD, SECOND: PASSWORD})
    keeps_login: bool = False

    def __str__(self) -> str:
        return self.name

    def with_keys(self, section: str, **keys: str) -> dict[str, dict[str, str]]:
        """The sections, some keys of one of them changed."""
        changed = {name: dict(found) for name, found in self.sections.items()}
        changed.setdefault(section, {}).update(keys)
        return changed

    def mark(self, user: str = FIRST) -> str:
        """What only this user's pages show."""
        return self.inside.format(user=user)


class Watched:
    """The application, with the calls that reach it: (method, path, Cookie header)."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.calls: list[tuple[str, str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.calls.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_COOKIE", "")))
        return self._app(environ, start_response)
