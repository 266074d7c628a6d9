"""An application that reads every path and cookie in the most generous way that some software is known to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote_to_bytes

from attacks.apps import Console, Environ


class Lax(Console):
    """Notes in ``admin`` what it takes for a request below /admin, as (PATH_INFO, whose session came along)."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.admin: list[tuple[str, str]] = []

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if segments(environ["PATH_INFO"])[:1] == ["admin"]:
            who = self.sessions.get(self._session(environ), "")
            self.admin.append((environ["PATH_INFO"], who))
        return super().__call__(environ, start)


def segments(path: str) -> list[str]:
    """The segments of a path as proxies, servlet containers and IIS may read it."""
    text = path
    for _ in range(3):
        text = unquote_to_bytes(text.encode("latin-1", "replace")).decode("latin-1")
    text = text.encode("latin-1").decode("utf-8", "replace").replace("\\", "/")
    text = unicodedata.normalize("NFKC", re.sub(r"[\u200b\x00-\x20]", "", text)).casefold()
    parts: list[str] = []
    for part in (re.sub(r"[;?#].*", "", one).rstrip(". ") or one for one in text.split("/")):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return parts


def cookie_values(header: str) -> set[str]:
    """The values that some parser finds for ``sid`` in a Cookie header."""
    try:
        found = SimpleCookie(header).get("sid")
    except CookieError:
        found = None
    values = {found.value} if found else set()
    for piece in re.split(r"""[,;'"\s]""", header):
        name, _, value = piece.partition("=")
        if name.casefold() == "sid":
            values.add(value)
    return values
