"""A console on which Basic opens everything, for a server. ``/-/seen`` tells what it was asked for with a password."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from zoo.habits import Seated

INI = """
[tfa]
insecure_dev = yes
ntp_server =
[realm:user]
paths = /
login = /login
public = /-/
authorization = basic
[mail]
smtp = file:mail
"""
_console = Seated()
_asked: list[list[str]] = []


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """The console."""
    if environ["PATH_INFO"] == "/-/seen":
        text = json.dumps({"served": _console.served, "asked": _asked})
        return _console._answer(start, "200 OK", [("Content-Length", str(len(text)))], text)
    if "HTTP_AUTHORIZATION" in environ:
        _asked.append([environ["PATH_INFO"], environ["HTTP_AUTHORIZATION"]])
    return _console(environ, start)
