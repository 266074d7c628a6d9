"""The application's answer to a login while it is kept on the server, and how it is given to the browser afterwards."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tfa_middleware import cookies
from tfa_middleware.hold import HeaderList
from tfa_middleware.paths import joined, local

_REDIRECTS = (301, 302, 303, 307, 308)
#: These describe the body or the connection of the answer that was held, not of the redirect in its place.
_OF_THE_BODY = frozenset(
    {"content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "etag", "location"}
    | {"set-cookie", "refresh", "cache-control", "expires", "pragma", "vary"}
)


@dataclass(frozen=True)
class Held:
    """Status, headers and body of an answer; ``url`` is the whole address that the login was posted to."""

    status: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    url: str

    def dumped(self) -> dict[str, Any]:
        """JSON for the store, which `loaded` reads."""
        return {**vars(self), "body": base64.b64encode(self.body).decode("ascii")}

    @classmethod
    def loaded(cls, facts: Mapping[str, Any]) -> Held:
        """What `dumped` wrote."""
        headers = tuple((name, value) for name, value in facts["headers"])
        return cls(facts["status"], headers, base64.b64decode(facts["body"]), facts["url"])

    def header(self, name: str) -> str:
        """The last header of a name, or empty."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), "")

    @property
    def path(self) -> str:
        """The path of the login's address."""
        return urlsplit(self.url).path or "/"

    @property
    def redirects(self) -> bool:
        """Whether it sends the browser elsewhere."""
        return int(self.status[:3]) in _REDIRECTS and bool(self.header("location"))

    @property
    def is_page(self) -> bool:
        """Whether it is a page that a person should see."""
        return self.header("content-type").lower().startswith(("text/html", "application/xhtml"))

    def set_cookies(self) -> HeaderList:
        """Its Set-Cookie headers as they were; one without Path gets the login's folder, else it would fall to the
        folder of our own pages."""
        folder = self.path.rpartition("/")[0] or "/"
        lines = [value for name, value in self.headers if name.lower() == "set-cookie"]
        return [
            ("Set-Cookie", line if cookies.parse_set(line, 0).has_path else f"{line}; Path={folder}") for line in lines
        ]

    def page_headers(self) -> HeaderList:
        """The headers that a held page is shown with later: its cookies went before it, and no cache keeps it (G8)."""
        dropped = ("set-cookie", "content-length", "cache-control", "expires", "pragma")
        kept = [(name, value) for name, value in self.headers if name.lower() not in dropped]
        return [*kept, ("Content-Length", str(len(self.body))), ("Cache-Control", "no-store")]

    def further(self) -> HeaderList:
        """Its headers that are still true of a redirect in its place."""
        return [(name, value) for name, value in self.headers if name.lower() not in _OF_THE_BODY]

    def target(self, other_hosts: tuple[str, ...]) -> str:
        """Where it redirects to, resolved against the login's address: on this site as a path, or on one of
        ``other_hosts``; empty where it leads anywhere else (case 66)."""
        parts = urlsplit(joined(self.url, self.header("location")))
        if parts.scheme in ("http", "https") and parts.netloc == urlsplit(self.url).netloc:
            return local(urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment)))
        if parts.scheme in ("http", "https") and parts.hostname in other_hosts and "@" not in parts.netloc:
            return urlunsplit(parts)
        return ""
