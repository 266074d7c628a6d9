"""The tags of a stream of HTML: a small tokenizer after the HTML standard, 13.2.5, that keeps no page.

It is not fooled by comments, raw text (scripts, styles, text areas), quotes in attributes, or a tag split over chunks.
Bytes are compared as they are, so any encoding does that keeps ASCII in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tfa_middleware.foreign import Foreign
from tfa_middleware.rawtext import RAW, Comment, Content, Script, Stretch, Until

_BLANKS = rb"\t\n\f\r "
_BLANK_RUN = re.compile(rb"[" + _BLANKS + rb"]*")
_GAP = re.compile(rb"[" + _BLANKS + rb"/]*")
_NAME_END = re.compile(rb"[" + _BLANKS + rb"/>]")
_KEY_END = re.compile(rb"[" + _BLANKS + rb"/>=]")
_VALUE_END = re.compile(rb"[" + _BLANKS + rb">]")
#: A whole tag without surprises, and its name. No two of its parts can begin alike, so it never tries twice.
_PLAIN = re.compile(
    rb"</?([A-Za-z][^\x00- />\"'=<]*)"
    rb"(?:[" + _BLANKS + rb"/]+[^\x00- />\"'=<]+(?:=(?:\"[^\"]*\"|'[^']*'|[^\x00- />\"'=<`]+))?)*"
    rb"[" + _BLANKS + rb"]*/?>"
)
_ENTER = RAW | {b"svg", b"math", b"plaintext"}
#: Names and values are kept up to here, so that a page cannot fill the memory with one.
KEPT = 256


@dataclass(frozen=True)
class Tag:
    """A start or end tag: its name in lower case, its ``id`` and ``name``, and whether the element is empty."""

    name: bytes
    closing: bool
    empty: bool = False
    attributes: Mapping[bytes, bytes] = field(default_factory=dict)


class Tags:
    """Fed with the chunks of one document, shows each tag to ``seen`` until that says True.

    ``matters`` is asked first, with the name and the text of a tag, whether ``seen`` wants it; it may be asked in vain.
    ``xml`` reads XHTML: no raw text, empty-element tags everywhere, CDATA.
    """

    def __init__(
        self, seen: Callable[[Tag], bool], matters: Callable[[bytes, bytes], bool], *, xml: bool = False
    ) -> None:
        self._seen = seen
        self._matters = matters
        self._xml = xml
        self._state: Callable[[bytes, int], int] = self._text
        self._found = False
        self._foreign = Foreign()

    def find(self, chunk: bytes) -> int | None:
        """The place in ``chunk`` right after the tag that was sought, or None. Ask no more once found."""
        at = 0
        while at < len(chunk):
            at = self._state(chunk, at)
            if self._found:
                return at
        return None

    def _text(self, chunk: bytes, at: int) -> int:
        while (start := chunk.find(b"<", at)) >= 0:
            end = self._dull(chunk, start)
            if not end:
                self._state = self._opened
                return start + 1
            at = end
        return len(chunk)

    def _dull(self, chunk: bytes, at: int) -> int:
        """The end of a tag that changes nothing and that nobody wants; 0 where it must be read letter by letter."""
        found = None if self._foreign.is_open() else _PLAIN.match(chunk, at)
        if not found:
            return 0
        name = found[1].lower()
        return 0 if name in _ENTER or self._matters(name, found[0]) else found.end()

    def _opened(self, chunk: bytes, at: int) -> int:
        byte = chunk[at : at + 1]
        if byte.isalpha():
            return self._begin_tag(at, closing=False)
        self._mark = b""
        states = {b"!": self._declaration, b"/": self._closing, b"?": self._bogus}
        self._state = states.get(byte, self._text)
        if self._xml and byte == b"?":
            self._skip(Until(b"?>"), self._resume)
        return at + 1 if byte in states else at

    def _closing(self, chunk: bytes, at: int) -> int:
        if chunk[at : at + 1].isalpha():
            return self._begin_tag(at, closing=True)
        self._state = self._bogus
        return at

    def _declaration(self, chunk: bytes, at: int) -> int:
        self._mark += chunk[at : at + 1]
        if self._mark == b"--":
            self._skip(Comment(xml=self._xml), self._resume)
        elif self._mark == b"[CDATA[" and (self._xml or self._foreign.has_cdata()):
            self._skip(Until(b"]]>"), self._resume)
        elif not (b"--".startswith(self._mark) or b"[CDATA[".startswith(self._mark)) or self._mark == b"[CDATA[":
            self._state = self._bogus
            return at
        return at + 1

    def _bogus(self, chunk: bytes, at: int) -> int:
        end = chunk.find(b">", at)
        if self._xml and b"[" in chunk[at : end if end >= 0 else len(chunk)]:
            return self._give_up(chunk)  # a document type with declarations of its own
        return self._resume(end + 1) if end >= 0 else len(chunk)

    def _skip(self, stretch: Stretch, then: Callable[[int], int]) -> None:
        """Go on behind ``stretch``, as ``then`` says."""

        def state(chunk: bytes, at: int) -> int:
            end = stretch.end(chunk, at)
            return len(chunk) if end is None else then(end)

        self._state = state

    def _resume(self, at: int) -> int:
        self._state = self._text
        return at

    def _give_up(self, chunk: bytes, at: int = 0) -> int:
        self._state = self._give_up
        return len(chunk)

    def _begin_tag(self, at: int, *, closing: bool, name: bytes = b"") -> int:
        self._name, self._is_end, self._slash = name, closing, False
        self._key, self._value = b"", b""
        self._attributes: dict[bytes, bytes] = {}
        self._state = self._gap if name else self._tag_name
        return at

    def _tag_name(self, chunk: bytes, at: int) -> int:
        self._name, at, over = _take(self._name, _NAME_END, chunk, at)
        if over:
            self._state = self._gap
        return at

    def _gap(self, chunk: bytes, at: int) -> int:
        """Before an attribute: a slash right before ``>`` makes an empty element, elsewhere it is a blank."""
        run = _GAP.match(chunk, at)
        end = run.end() if run else at
        if end > at:
            self._slash = chunk[end - 1 : end] == b"/"
        if end == len(chunk):
            return end
        if chunk[end : end + 1] == b">":
            return self._end_tag(end + 1)
        self._key, self._value, self._slash = chunk[end : end + 1], b"", False
        self._state = self._attribute
        return end + 1

    def _attribute(self, chunk: bytes, at: int) -> int:
        self._key, at, over = _take(self._key, _KEY_END, chunk, at)
        if over:
            self._state = self._equals
        return at

    def _equals(self, chunk: bytes, at: int) -> int:
        at = _past_blanks(chunk, at)
        if at < len(chunk):
            if chunk[at : at + 1] != b"=":
                return self._keep_attribute(at)
            self._state = self._before_value
            return at + 1
        return at

    def _before_value(self, chunk: bytes, at: int) -> int:
        at = _past_blanks(chunk, at)
        if at == len(chunk):
            return at
        self._quote = chunk[at : at + 1]
        if self._quote == b">":
            return self._keep_attribute(at)
        self._state = self._quoted if self._quote in b"\"'" else self._unquoted
        return at + (self._quote in b"\"'")

    def _quoted(self, chunk: bytes, at: int) -> int:
        end = chunk.find(self._quote, at)
        self._value = (self._value + chunk[at : min(end if end >= 0 else len(chunk), at + KEPT)])[:KEPT]
        return self._keep_attribute(end + 1) if end >= 0 else len(chunk)

    def _unquoted(self, chunk: bytes, at: int) -> int:
        self._value, at, over = _take(self._value, _VALUE_END, chunk, at)
        return self._keep_attribute(at) if over else at

    def _keep_attribute(self, at: int) -> int:
        key = self._key.lower()
        if key in (b"id", b"name"):
            self._attributes.setdefault(key, self._value)  # of two with one name, the first one counts
        self._state = self._gap
        return at

    def _end_tag(self, at: int) -> int:
        self._state = self._text
        name = self._name.lower()
        inside = self._foreign.inside()
        empty = self._slash and not self._is_end and (self._xml or inside or name in (b"svg", b"math"))
        if not self._xml:
            self._follow(name, empty=empty, raw=name in RAW and not inside)
        self._found = self._seen(Tag(name, self._is_end, empty, self._attributes))
        return at

    def _follow(self, name: bytes, *, empty: bool, raw: bool) -> None:
        """What the tag changes for the text behind it."""
        if self._is_end:
            self._foreign.ended(name)
        else:
            self._foreign.began(name, empty=empty)
        if self._foreign.unclear or (name == b"plaintext" and not self._is_end):
            self._state = self._give_up
        elif raw and not self._is_end:
            end = partial(self._begin_tag, closing=True, name=name)
            self._skip(Script() if name == b"script" else Content(name), end)


def _take(so_far: bytes, end: re.Pattern[bytes], chunk: bytes, at: int) -> tuple[bytes, int, bool]:
    """More of a name or value: what is known of it, where it goes on, whether it is over."""
    found = end.search(chunk, at)
    stop = found.start() if found else len(chunk)
    return (so_far + chunk[at : min(stop, at + KEPT)])[:KEPT], stop, bool(found)


def _past_blanks(chunk: bytes, at: int) -> int:
    run = _BLANK_RUN.match(chunk, at)
    return run.end() if run else at
