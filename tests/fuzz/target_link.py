"""The link in pages: nothing of a page changes, and it stands where HTML stands, however the page comes in pieces."""

from __future__ import annotations

import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tfa_middleware.link import Link, inject

MARK = b"<!--the place of the link-->"
PLACES = ("", "div", "#x", "p#x", "input[name=x]", "[name=x]", "form", "td", "g", "title", "svg", "li")
PAGE = [("Content-Type", "text/html; charset=utf-8")]
#: The tree builder of HTML, where it is installed.
HTML5LIB: Any = import_module("html5lib") if find_spec("html5lib") else None


def _out(chunks: list[bytes], place: str, headers: list[tuple[str, str]] | None = None) -> bytes:
    return b"".join(inject("200 OK", PAGE if headers is None else headers, chunks, Link(MARK, place))[1])


def link(data: bytes) -> None:
    """``which place, how large the pieces, then the page``."""
    place = PLACES[data[0] % len(PLACES)] if data else ""
    size = data[1] % 16 + 1 if len(data) > 1 else 1
    page = data[2:].replace(MARK, b"")
    whole = _out([page], place)
    pieces = [page[at : at + size] for at in range(0, len(page), size)]
    assert _out(pieces, place) == whole, "the pieces make a difference"
    assert _out([b"", *pieces[:3], b"", *pieces[3:], b""], place) == whole
    before, mark, after = whole.partition(MARK)
    assert before + after == page
    assert mark or not page or place or page[:2] in (b"\xff\xfe", b"\xfe\xff")
    if mark and place:
        _stands_in_html(whole)
    packed = zlib.compress(page)
    coded = _out([packed[:9], packed[9:]], place, [*PAGE, ("Content-Encoding", "deflate")])
    assert zlib.decompress(coded) == whole


def _stands_in_html(whole: bytes) -> None:
    """The mark is a comment of its own to a browser: it is in no script, no text area, no other comment, no value."""
    if HTML5LIB is None:
        return
    tree = HTML5LIB.parse(whole, treebuilder="dom", transport_encoding="latin-1")
    assert MARK[4:-3].decode() in list(_comments(tree)), "the link stands where no HTML is"


def _comments(node: Any) -> list[str]:
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        waiting.extend(one.childNodes)
        if one.nodeType == one.COMMENT_NODE:
            found.append(one.data)
    return found
