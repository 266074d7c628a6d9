"""Whether a place in HTML is inside SVG or MathML, where other rules tell tags from text (HTML standard 13.2.6.5)."""

from __future__ import annotations

_HTML = b"html"
_ROOTS = frozenset((b"svg", b"math"))
#: Inside these it is HTML again.
_HTML_AGAIN = {b"svg": frozenset(b"foreignobject desc title".split()), b"math": frozenset(b"mi mo mn ms mtext".split())}
#: Start tags that end SVG and MathML, closed or not.
_BREAKOUT = frozenset(
    b"b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta "
    b"nobr ol p pre ruby s small span strong strike sub sup table tt u ul var".split()
)
#: Start tags whose effect depends on attributes, or on what is not followed here.
_UNCLEAR = frozenset(b"font annotation-xml mglyph malignmark".split())
#: Elements that end with their tag.
VOID = frozenset(b"area base br col embed hr img input link meta source track wbr".split())


class Foreign:
    """Follows the tags of a page in their order, names in lower case.

    Once it cannot tell for sure, ``unclear`` is true: the page is malformed, and a browser's repairs are its own.
    """

    def __init__(self) -> None:
        self._open: list[tuple[bytes, bytes]] = []  # name and language of each element from the outermost root on
        self.unclear = False

    def is_open(self) -> bool:
        """Whether a root is open, whatever is inside it."""
        return bool(self._open)

    def inside(self) -> bool:
        """Whether the next start tag is read by the rules of SVG and MathML."""
        if not self._open:
            return False
        name, language = self._open[-1]
        return language != _HTML and name not in _HTML_AGAIN[language]

    def has_cdata(self) -> bool:
        """Whether ``<![CDATA[`` means what it says."""
        return bool(self._open) and self._open[-1][1] != _HTML

    def began(self, name: bytes, *, empty: bool) -> None:
        """A start tag; ``empty`` where it ends with a slash."""
        if self.inside():
            if name not in _BREAKOUT:
                return self._push(name, self._open[-1][1], empty=empty)
            while self.inside():
                self._open.pop()
        if name in _ROOTS:
            return self._push(name, name, empty=empty)
        if self._open:
            self._push(name, _HTML, empty=name in VOID)
        return None

    def ended(self, name: bytes) -> None:
        """An end tag. Within an outermost root, each must close something of its own language."""
        if not self._open:
            return
        is_html = self._open[-1][1] == _HTML
        for depth in range(len(self._open) - 1, -1, -1):
            known, language = self._open[depth]
            if (language == _HTML) != is_html:
                break
            if known == name:
                del self._open[depth:]
                return
        self.unclear = True

    def _push(self, name: bytes, language: bytes, *, empty: bool) -> None:
        self.unclear = self.unclear or (bool(self._open) and name in _UNCLEAR)
        if not empty:
            self._open.append((name, language))
