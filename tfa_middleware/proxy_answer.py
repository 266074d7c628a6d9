"""The headers of a console's answer -> those that go to the browser: its own name and place become the public ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from tfa_middleware.hold import HeaderList
from tfa_middleware.upstream_url import UpstreamUrl

#: RFC 9110 7.6.1: what is between two neighbours only.
_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authentication-info", "te", "trailer"}
    | {"trailers", "transfer-encoding", "upgrade"}
    # CGI's, which WSGI forbids.
    | {"status"}
)
#: A Connection header of the console cannot take these away.
_KEPT = frozenset({"set-cookie", "content-length", "content-type", "content-encoding", "cache-control", "location"})
_ADDRESSES = frozenset({"location", "content-location"})
_REWRITTEN = _ADDRESSES | {"refresh", "set-cookie"}
_REFRESH = re.compile(r"(\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?)(.*)", re.IGNORECASE | re.DOTALL)
_ATTRIBUTE = re.compile(r"\s*(domain|path)\s*=(.*)", re.IGNORECASE | re.DOTALL)
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Names:
    """How the console may call itself: by ``upstream``'s own address, or by the Host that it was sent. ``public`` is
    the origin that the browser knows, such as ``https://backup.example.com``."""

    upstream: UpstreamUrl
    sent_host: str
    public: str

    def address(self, text: str) -> str:
        """An address of the console as the browser must see it; any other one as it is."""
        try:
            parts = urlsplit(text)
            own = parts.netloc.lower() in self._own() and parts.scheme in ("", self.upstream.scheme)
        except ValueError:
            return text
        rest = text
        if parts.netloc:
            if not own:
                return text
            rest = text[text.index("//") + 2 + len(parts.netloc) :]
            rest = rest if rest.startswith("/") else f"/{rest}"
        if not rest.startswith("/"):
            return text
        found = self._below(rest)
        # Two slashes, or one and a backslash, would name another host.
        return f"{self.public}{found}" if re.match(r"/[/\\]", found) else found

    def _own(self) -> set[str]:
        url = self.upstream
        host = f"[{url.host}]" if ":" in url.host else url.host
        return {one.lower() for one in (url.netloc, f"{host}:{url.port}", self.sent_host)}

    def _below(self, path: str) -> str:
        """A path less the console's prefix; one outside it stays."""
        prefix = self.upstream.prefix
        if not prefix or not re.match(re.escape(prefix) + r"(?=[/?#;]|$)", path):
            return path
        cut = path[len(prefix) :]
        return cut if cut.startswith("/") else f"/{cut}"

    def cookie(self, value: str) -> str:
        """A Set-Cookie whose Domain is not the console's own host and whose Path is a public one."""
        pair, *attributes = value.split(";")
        kept = [pair]
        for attribute in attributes:
            found = _ATTRIBUTE.fullmatch(attribute)
            word, text = (found[1].lower(), found[2].strip()) if found else ("", "")
            if word == "domain" and self._is_host(text):
                continue
            if found and word == "path" and (path := self._below(text)) != text:
                kept.append(f" {found[1]}={path}")
            else:
                kept.append(attribute)
        return ";".join(kept)

    def _is_host(self, domain: str) -> bool:
        return domain.strip('"').lstrip(".").lower() == self.upstream.host.lower()


def answer_headers(given: Iterable[tuple[str, str]], names: Names) -> HeaderList:
    """The headers in their order, each Set-Cookie a line of its own, in a form that WSGI servers accept."""
    lines = [(name, _known(name), value) for name, value in given]
    if _CONTROL.search("".join([value for _, _, value in lines])):
        lines = [(name, low, _clean(value)) for name, low, value in lines]
    dropped = {
        one.strip().lower() for _, low, value in lines if low == "connection" for one in value.split(",")
    } - _KEPT
    if any(low == "transfer-encoding" for _, low, _ in lines):
        dropped.add("content-length")
    found = []
    for name, low, value in lines:
        if not low or low in _HOP or low in dropped:
            continue
        if low == "content-length":
            dropped.add(low)  # one is enough
        found.append((name, _rewritten(low, value, names) if low in _REWRITTEN else value))
    return found


@lru_cache(1024)
def _known(name: str) -> str:
    """A header's name in lower case; empty for what is none."""
    return name.lower() if _TOKEN.fullmatch(name) else ""


def _clean(value: str) -> str:
    """A value without a control character; a folded one becomes one line."""
    return _CONTROL.sub("", _FOLD.sub(" ", value)).strip(" \t")


def _rewritten(name: str, value: str, names: Names) -> str:
    if name in _ADDRESSES:
        return names.address(value)
    if name == "refresh" and (found := _REFRESH.fullmatch(value)):
        return found[1] + _in_quotes(found[2].strip(), names)
    return names.cookie(value) if name == "set-cookie" else value


def _in_quotes(text: str, names: Names) -> str:
    mark = text[:1] if text[:1] in ("'", '"') and text[1:].endswith(text[:1]) else ""
    return mark + names.address(text.removeprefix(mark).removesuffix(mark)) + mark


def status_line(code: int, reason: str) -> str:
    """``200 OK``, or ``200 `` for an empty reason, as WSGI wants it."""
    return f"{code} {_CONTROL.sub('', reason or '')}"
