"""Reads the body of a login and gives it back to the application untouched.

Every spelling under which some framework would find the password field counts, and anything that two parsers could read
differently (a field twice, a JSON key twice, an unknown type or charset) is refused (REQUIREMENTS A6, H11).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tfa_middleware import parts
from tfa_middleware.errors import BadRequest

Pairs = list[tuple[str, str]]
_JSON_LIKE = re.compile(rb"[\x00\xef\xbb\xbf\xfe\xff\s]*[{\[]")
#: No field is called like this: it is the writing of JSON or of parts.
_PUNCTUATION = re.compile(r'["{}\x01-\x1f]')
_TRUNCATED = re.compile(r"\x00.*", re.DOTALL)
#: Characters of the parameters of a type. Looking for the charset takes time by their square.
_PARAMETERS = 512


@dataclass(frozen=True)
class Fields:
    """The fields of a body and a query. ``readable`` is False where the body could not be read as a form or JSON,
    ``larger`` says that it is longer than is read."""

    body: Pairs = field(default_factory=list, repr=False)
    query: Pairs = field(default_factory=list, repr=False)
    readable: bool = True
    empty: bool = True
    larger: bool = False

    def values(self, name: str, *, body: bool = True, query: bool = True) -> list[str]:
        """The values of every field whose name some framework reads as ``name``."""
        wanted = canonical(name)
        source = (self.body if body else []) + (self.query if query else [])
        return [value for found, value in source if canonical(found) == wanted]


def canonical(name: str) -> str:
    """A field's name as the laxest framework reads it: cut at NUL, trimmed, ``user[]`` and ``user.x`` as PHP folds
    them, without case."""
    text = _TRUNCATED.sub("", name).strip()
    stem, bracket, rest = text.partition("[")
    text = stem if bracket and "]" in rest else text
    return re.sub(r"[. \[]", "_", text).casefold()


def announced(environ: dict[str, Any]) -> dict[str, Any]:
    """The environ of a request that says whether it has a body: in HTTP/1 it does; from HTTP/2 on it need not (RFC 9113
    8.1), so there the body's first octet is looked for, and a copy of the environ tells."""
    if environ.get("SERVER_PROTOCOL", "")[:6] not in ("HTTP/2", "HTTP/3"):
        return environ
    if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
        return environ
    head, stream = _read(environ["wsgi.input"], 1), environ["wsgi.input"]
    if not head:
        return {**environ, "wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
    body = io.BufferedReader(_Chained(head, stream, None))
    return {**environ, "wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


def take(environ: dict[str, Any], limit: int) -> bytes | None:
    """The request's body, put back for the application; None where it is longer than ``limit`` octets (also put back).

    Raises `BadRequest` where its length is a riddle or the client stopped before the end.
    """
    length = _length(environ)
    if length == 0:
        environ["wsgi.input"] = io.BytesIO()  # what was not judged does not reach the application either
        return b""
    stream = environ["wsgi.input"]
    body: bytes = _read(stream, limit + 1 if length is None else min(length, limit + 1))
    if len(body) > limit:
        rest = None if length is None else length - len(body)
        environ["wsgi.input"] = io.BufferedReader(_Chained(body, stream, rest))
        return None
    if length is not None and len(body) < length:
        raise BadRequest("the body ended before its length")
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return body


def _length(environ: dict[str, Any]) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    if not text:
        chunked = environ.get("HTTP_TRANSFER_ENCODING") or environ.get("wsgi.input_terminated")
        return None if chunked else 0
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise BadRequest("Content-Length is not a number")
    return int(text)


def _read(stream: Any, size: int) -> bytes:
    parts = []
    try:
        while size > 0 and (part := stream.read(size)):
            parts.append(part)
            size -= len(part)
    except Exception:  # noqa: BLE001 - each server has errors of its own for a body that is no HTTP
        raise BadRequest("the body could not be read") from None
    return b"".join(parts)


class _Chained(io.RawIOBase):
    """What was read already, then the rest of the stream, never past its end."""

    def __init__(self, head: bytes, rest: Any, remaining: int | None) -> None:
        self._head = io.BytesIO(head)
        self._rest = rest
        self._remaining = remaining

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._head.read(len(buffer))
        if not part:
            size = len(buffer) if self._remaining is None else min(len(buffer), self._remaining)
            part = self._rest.read(size) if size else b""
            if self._remaining is not None:
                self._remaining -= len(part)
        buffer[: len(part)] = part
        return len(part)


def query_fields(query: str) -> Pairs:
    """The fields of a query string, ``&`` and ``;`` as separators (both are in use)."""
    pairs = _urlencoded(query)
    if ";" not in query:
        return pairs
    return pairs + [pair for pair in _urlencoded(query.replace(";", "&")) if pair not in pairs]


def _urlencoded(text: str) -> Pairs:
    try:
        return parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="replace", max_num_fields=2000)
    except ValueError:
        raise BadRequest("too many fields") from None


def read(environ: dict[str, Any], body: bytes | None) -> Fields:
    """The fields of one request whose ``body`` was taken. Raises `BadRequest` on duplicate JSON keys."""
    query = query_fields(environ.get("QUERY_STRING", ""))
    if body == b"":
        return Fields([], query)
    if body is None:
        return Fields([], query, readable=False, empty=False, larger=True)
    if environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
        return Fields([], query, readable=False, empty=False)
    kind, charset = _content_type(environ.get("CONTENT_TYPE", ""))
    reader = _READERS.get(kind) or (_json if kind.endswith("+json") else None)
    if reader is None or charset not in ("", "utf-8", "utf8", "us-ascii"):
        return Fields([], query, readable=False, empty=False)
    try:
        pairs = [*reader(body, environ.get("CONTENT_TYPE", "")), *_disguised(body, reader)]
    except (ValueError, RecursionError):
        return Fields([], query, readable=False, empty=False)
    return Fields(pairs, query, empty=False)


def is_form(environ: dict[str, Any]) -> bool:
    """Whether the type says that the body is a form or JSON, however it is written."""
    kind, _ = _content_type(environ.get("CONTENT_TYPE", ""))
    return kind in _READERS or kind.endswith("+json")


def _content_type(text: str) -> tuple[str, str]:
    kind, _, rest = text.partition(";")
    if len(rest) > _PARAMETERS:
        return kind.strip().lower(), "?"
    # RFC 2231's charset*= is a charset to Django.
    charsets = re.findall(r"""charset([^\s=;]*)\s*=\s*["']?([^\s;"']*)""", rest, re.IGNORECASE)
    sure = len(charsets) == 1 and not charsets[0][0]
    return kind.strip().lower(), (charsets[0][1].lower() if sure else "?" if charsets else "")


def _form(body: bytes, _: str) -> Pairs:
    pairs = query_fields(body.decode("utf-8", "replace"))
    if _JSON_LIKE.match(body):
        with suppress(ValueError, RecursionError):  # many an application reads JSON whatever the type says
            pairs = [*pairs, *_flat(json.loads(body, object_pairs_hook=_unique))]
    return pairs


def _disguised(body: bytes, reader: Callable[[bytes, str], Pairs]) -> Pairs:
    """What an application finds that takes every body for a urlencoded form: ``{"a": "&password=x&"}``."""
    if reader is _form:
        return []
    text = body.decode("utf-8", "replace")
    if reader is not parts.read:  # whose own headers hold ``; name=``
        text = text.replace(";", "&")
    found = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="replace", max_num_fields=10_000)
    return [(name, value) for name, value in found if not _PUNCTUATION.search(name)]


def _json(body: bytes, _: str) -> Pairs:
    return list(_flat(json.loads(body.decode("utf-8"), object_pairs_hook=_unique)))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [canonical(name) for name, _ in pairs]
    if len(set(names)) != len(names):
        raise BadRequest("a JSON key comes twice")
    return dict(pairs)


def _flat(value: Any, depth: int = 0) -> Iterable[tuple[str, str]]:
    if depth > 8:
        raise ValueError("too deep")
    items = value.items() if isinstance(value, dict) else ()
    for name, inner in items:
        if isinstance(inner, str | int | float) and not isinstance(inner, bool):
            yield name, str(inner)
        yield from _flat(inner, depth + 1)
    if isinstance(value, list):
        for inner in value:
            yield from _flat(inner, depth + 1)


_READERS = {
    "application/x-www-form-urlencoded": _form,
    "multipart/form-data": parts.read,
    "application/json": _json,
    "text/json": _json,
}
