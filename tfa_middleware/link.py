"""The link "Two-Factor Authentication" in the application's own pages, put in while they stream through."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from tfa_middleware.element import ElementEnd, Target
from tfa_middleware.recode import CODINGS, Edit, Recode

Headers = list[tuple[str, str]]

#: Headers that speak of the exact bytes; they are wrong once the page has changed (RFC 9110 8.6, RFC 9530).
_EXACT = frozenset(("content-length", "content-md5", "digest", "repr-digest", "content-digest", "accept-ranges"))
_PAGES = frozenset(("text/html", "application/xhtml+xml"))
#: Encodings in which every ASCII byte means itself, wherever ``<``, ``>``, quotes and blanks are concerned.
_CHARSET = re.compile(
    r"utf-?8|(us-)?ascii|iso-?8859-?\d+(-[ei])?|latin-?\d+|(windows|cp)-?125\d|windows-874|koi8-(r|u|ru)|"
    r"macintosh|tis-620|gbk|gb2312|gb18030|big5(-hkscs)?|euc-(jp|kr)|shift[-_]jis|windows-31j"
)
_CHARSET_PARAMETER = re.compile(r";\s*charset\s*=\s*[\"']?([^\s\"';]*)", re.IGNORECASE)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Link:
    """``markup`` for every page. ``after``: the element that it follows, as `Target.parse` reads it; empty: it goes
    behind the end of the page, where every parser of HTML adds it to the body. Raises ValueError."""

    markup: bytes
    after: str = ""
    target: Target | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", Target.parse(self.after) if self.after else None)


def markup(href: str, text: str, stylesheet: str, *, inline: bool = False) -> bytes:
    """The link as HTML that needs no script and no inline style, so no policy of the page's own is touched.

    Its sheet fixes it in the lower right-hand corner; where a policy keeps the sheet out, it stands at the right below
    the page. ``inline`` is for a place within the page. ASCII alone, so it does for every encoding.
    """
    look = ' class="tfa-inline"' if inline else ""
    anchor = f'<a id="tfa-link"{look} href="{escape(href)}">{escape(text)}</a>'
    block = anchor if inline else f'<div align="right">{anchor}</div>'
    sheet = f'<link rel="stylesheet" href="{escape(stylesheet)}"/>'
    return (sheet + block).encode("ascii", "xmlcharrefreplace")


def script(source: str, base: str) -> bytes:
    """Our script for login pages, which goes to the realm's pages under ``base``."""
    return f'<script src="{escape(source)}" data-base="{escape(base)}"></script>'.encode("ascii", "xmlcharrefreplace")


def wanted(environ: Mapping[str, Any]) -> bool:
    """Whether the request asks for a page to look at: not for a part of one, a frame or data for a script."""
    if environ.get("REQUEST_METHOD") != "GET" or "HTTP_X_REQUESTED_WITH" in environ:
        return False
    destination = environ.get("HTTP_SEC_FETCH_DEST")
    if destination is not None:
        return bool(destination == "document")
    return "text/html" in environ.get("HTTP_ACCEPT", "").lower()


def inject(status: str, headers: Headers, body: Iterable[bytes], link: Link) -> tuple[Headers, Iterable[bytes]]:
    """``answer -> answer with the link``: one chunk out for each in, the page is never gathered.

    What is no whole page to look at comes back as the same objects: another status than 200, another type, a download,
    an encoding that is not read here. XHTML has no place behind its end, so it needs ``link.after``. The new iterable's
    ``close`` closes ``body``, once.
    """
    kind, codings = _page(status, headers)
    if not kind or (kind != "text/html" and link.target is None):
        return headers, body
    edit: Edit = _Append(link.markup)
    if link.target is not None:
        edit = _Insert(link.markup, ElementEnd(link.target, xml=kind != "text/html"))
    for coding in codings:
        edit = Recode(edit, CODINGS[coding])
    return _changed(headers), _Stream(body, edit)


def head_headers(status: str, headers: Headers) -> Headers:
    """The headers of an answer without a body that stands for a page with the link: to HEAD, and 304 to GET.

    They must not tell the length and the strong validator of the page as it was (RFC 9110 9.3.2, 15.4.5).
    """
    if _page(status, headers)[0] or status[:3] == "304":
        return _changed(headers)
    return headers


def _page(status: str, headers: Headers) -> tuple[str, list[str]]:
    """The media type and the content codings (one at most) of a page that can be edited; else an empty type."""
    types, codings = _values(headers, "content-type"), ",".join(_values(headers, "content-encoding")).lower()
    if status[:3] != "200" or len(types) != 1:
        return "", []
    kind = types[0].partition(";")[0].strip().lower()
    charset = _CHARSET_PARAMETER.search(types[0])
    applied = [coding for coding in (word.strip() for word in codings.split(",")) if coding not in ("", "identity")]
    download = any(value.strip().lower().startswith("attachment") for value in _values(headers, "content-disposition"))
    readable = not charset or bool(_CHARSET.fullmatch(charset[1].lower()))
    known = not applied or (len(applied) == 1 and applied[0] in CODINGS)
    return (kind, applied) if kind in _PAGES and readable and known and not download else ("", [])


def _values(headers: Headers, name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]


def _changed(headers: Headers) -> Headers:
    kept = [(key, value) for key, value in headers if key.lower() not in _EXACT]
    return [(key, _weak(value)) if key.lower() == "etag" else (key, value) for key, value in kept]


def _weak(tag: str) -> str:
    """RFC 9110 8.8.1: the same page in meaning, no longer in every byte."""
    return f"W/{tag}" if tag.startswith('"') else tag


class _Start:
    """The first two bytes of a page, by which one in UTF-16 gives itself away. It stays as it is."""

    def __init__(self) -> None:
        self._bytes = b""

    def see(self, chunk: bytes) -> None:
        if len(self._bytes) < 2:
            self._bytes += chunk[:2]

    @property
    def readable(self) -> bool:
        """Whether there is anything, in an encoding that is read here."""
        return bool(self._bytes) and not self._bytes.startswith(_WIDE)


class _Append:
    """Puts the markup behind the last byte of a page that has any."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._start = _Start()

    def feed(self, chunk: bytes) -> bytes:
        self._start.see(chunk)
        return chunk

    def end(self) -> bytes:
        return self._text if self._start.readable else b""


class _Insert:
    """Puts the markup behind an element, or nowhere."""

    def __init__(self, text: bytes, place: ElementEnd) -> None:
        self._text = text
        self._place = place
        self._start = _Start()
        self._done = False

    def feed(self, chunk: bytes) -> bytes:
        self._start.see(chunk)
        at = None if self._done else self._place.find(chunk)
        if at is None:
            return chunk
        self._done = True
        return chunk[:at] + self._text + chunk[at:] if self._start.readable else chunk

    def end(self) -> bytes:
        return b""


class _Stream:
    """A body with an edit on its way out."""

    def __init__(self, body: Iterable[bytes], edit: Edit) -> None:
        self._body = body
        self._edit = edit
        self._chunks: Iterator[bytes] | None = None
        self._over = self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._over:
            raise StopIteration
        if self._chunks is None:
            self._chunks = iter(self._body)
        chunk = next(self._chunks, None)
        if chunk is not None:
            return self._edit.feed(chunk)
        self._over = True
        return self._edit.end()

    def close(self) -> None:
        if not self._closed:
            self._closed = self._over = True
            getattr(self._body, "close", lambda: None)()
