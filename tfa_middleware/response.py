"""The gate's own answers as WSGI sends them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from tfa_middleware.hold import Environ, HeaderList, StartResponse


@dataclass(frozen=True)
class Reply:
    """A whole answer: a WSGI application that tells everybody the same, and to HEAD only the headers of it.

    ``status`` is a line such as ``303 See Other``. A cookie in ``headers`` and the ``body`` are no matter for a log.
    """

    status: str
    headers: HeaderList = field(repr=False)
    body: bytes = field(repr=False)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, list(self.headers))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self.body]


def answer(status: int, text: str, content_type: str, headers: Iterable[tuple[str, str]]) -> Reply:
    """An answer with these headers; of two ``Vary`` one is made. Raises ValueError for a header that could not be
    one."""
    body = text.encode()
    given = [("Content-Type", f"{content_type}; charset=UTF-8"), ("Content-Length", str(len(body)))]
    varies = []
    for name, value in headers:
        _check_header(name, value)
        if name.lower() == "vary":
            varies.append(value)
        else:
            given.append((name, value))
    given += [("Vary", ", ".join(varies))] if varies else []
    return Reply(f"{status} {HTTPStatus(status).phrase}", given, body)


def _check_header(name: str, value: str) -> None:
    # The value may be a secret cookie, so that only the name is told (H10, K1).
    if any(ord(character) > 255 or ord(character) < 32 or ord(character) == 127 for character in name + value):
        raise ValueError(f"header {name!r} holds a character that no header may")
