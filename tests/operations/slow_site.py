"""A console for servers that are told to stop: a login, and answers that take until a file "go" appears."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

LARGE = 8 << 20


def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """The console."""
    path = environ["PATH_INFO"]
    if path == "/login" and environ["REQUEST_METHOD"] == "POST":
        form = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        start("302 Found", [("Location", "/home"), ("Set-Cookie", f"sid={form['username'][0]}; Path=/")])
        return []
    start("200 OK", [("Content-Type", "text/plain")])
    if path == "/open/slow":
        return slow()
    if path == "/open/large":
        return iter([b"1", *[b"x" * (1 << 20)] * 8])
    if path == "/home":
        return [f"{environ.get('HTTP_COOKIE', '').removeprefix('sid=')} is inside".encode()]
    return [b"open"]


def slow() -> Iterator[bytes]:
    """One octet at once, another one when the file is there."""
    yield b"1"
    while not Path("go").exists():
        time.sleep(0.02)
    yield b"2"
