"""Where the element ends that a realm names for the link (``link_after``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfa_middleware.foreign import VOID
from tfa_middleware.tags import KEPT, Tag, Tags

_TAG, _WORD, _QUOTED = (
    r"(?P<tag>[A-Za-z][A-Za-z0-9-]*)",
    r"[^\s\"'#\[\]=]+",
    r"(?P<q>[\"']?)(?P<name>[^\"'\]\s]+)(?P=q)",
)
_TARGET = re.compile(rf"{_TAG}?(?:#(?P<id>{_WORD})|\[name={_QUOTED}\])?")


@dataclass(frozen=True)
class Target:
    """The first element with this tag, and this value of the attribute ``key``; where one is empty, with any."""

    tag: bytes = b""
    key: bytes = b""
    value: bytes = b""

    @classmethod
    def parse(cls, text: str) -> Target:
        """``tag``, ``#id``, ``tag#id``, ``tag[name=x]`` or ``[name=x]``. Raises ValueError for anything else."""
        found = _TARGET.fullmatch(text)
        if not text or not found or len(text) >= KEPT or not text.isascii():
            raise ValueError("an element as tag, #id, tag#id or tag[name=x]")
        key = b"id" if found["id"] else b"name" if found["name"] else b""
        return cls((found["tag"] or "").lower().encode(), key, (found["id"] or found["name"] or "").encode())

    def matches(self, tag: Tag) -> bool:
        """Whether a start tag is the target's."""
        return self.tag in (b"", tag.name) and (not self.key or tag.attributes.get(self.key) == self.value)


class ElementEnd:
    """Fed with the chunks of one document, tells where the target's element has ended.

    A void element ends with its tag, others with the matching end tag; same-named ones inside are counted. What is in
    a ``template`` is not on the page, and so is passed over.
    """

    def __init__(self, target: Target, *, xml: bool = False) -> None:
        self._target = target
        self._xml = xml
        self._tags = Tags(self._over, self._matters, xml=xml)
        self._element, self._depth, self._templates = b"", 0, 0

    def find(self, chunk: bytes) -> int | None:
        """The place in ``chunk`` right after the element, or None where it is not in there. Ask no more once found."""
        return self._tags.find(chunk)

    def _matters(self, name: bytes, text: bytes) -> bool:
        if name == b"template" or self._depth:
            return name in (b"template", self._element)
        return self._target.tag in (b"", name) and self._target.value in text

    def _over(self, tag: Tag) -> bool:
        if tag.name == b"template":
            self._templates = max(0, self._templates + (-1 if tag.closing else not tag.empty))
        elif self._templates:
            return False
        elif self._depth:
            return self._closed(tag)
        elif not tag.closing and self._target.matches(tag):
            self._element, self._depth = tag.name, 1
            return tag.empty or (tag.name in VOID and not self._xml)
        return False

    def _closed(self, tag: Tag) -> bool:
        if tag.name == self._element and not tag.empty:
            self._depth += -1 if tag.closing else 1
        return not self._depth
