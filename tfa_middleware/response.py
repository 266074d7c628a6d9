"""Answers of ours as WebOb responses. Loaded with the first one: WebOb costs a worker 2 MiB that a passed request does
not need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import webob

_DAY = 86400


class Response(webob.Response):  # type: ignore[misc]
    """A response whose Location stays as it is.

    WebOb would put the scheme and host that the server saw before it, and behind a proxy those are not the
    browser's. A relative reference is enough (RFC 9110 10.2.2).
    """

    def _abs_headerlist(self, _environ: dict[str, Any]) -> list[tuple[str, str]]:
        return list(self.headerlist)


def answer(status: int, text: str, content_type: str, headers: Iterable[tuple[str, str]]) -> webob.Response:
    """A response with these headers. Raises ValueError for a header that could not be one."""
    response = Response(body=text.encode(), status=status, content_type=content_type, charset="UTF-8")
    for name, value in headers:
        _check_header(name, value)
        if name.lower() == "vary" and "Vary" in response.headers:
            response.headers["Vary"] += ", " + value
        else:
            response.headers.add(name, value)
    return response


def file(body: bytes, content_type: str, tag: str) -> webob.Response:
    """A file of ours, which browsers may keep for a day."""
    response = Response(body=body, content_type=content_type, conditional_response=True)
    response.charset = "UTF-8"
    response.etag = tag
    response.headers["Cache-Control"] = f"public, max-age={_DAY}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _check_header(name: str, value: str) -> None:
    # The value may be a secret cookie, so that only the name is told (H10, K1).
    if any(ord(character) > 255 or ord(character) < 32 or ord(character) == 127 for character in name + value):
        raise ValueError(f"header {name!r} holds a character that no header may")
