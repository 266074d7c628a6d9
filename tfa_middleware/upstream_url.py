"""The ``upstream`` setting -> where the console behind the gateway listens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_PORTS = {"http": 80, "https": 443}
_FORM = "http://HOST:PORT, https://HOST:PORT or unix:/run/console.sock, with a path at most"
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)*")


@dataclass(frozen=True)
class UpstreamUrl:
    """One console: ``scheme``, ``host`` and ``port``, or the path of a ``socket``.

    ``prefix`` is the path below which it lives there, empty or without a last slash.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""
    socket: str = ""

    @classmethod
    def parse(cls, text: str) -> UpstreamUrl:
        """The console of a setting. Raises ValueError, whose text quotes nothing: there may be a password in it."""
        if text.startswith("unix:/") and not text.startswith("unix://"):
            return cls("http", "localhost", 80, socket=_socket(text.removeprefix("unix:")))
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError(_FORM) from None
        if "@" in parts.netloc or "?" in text or "#" in text:
            raise ValueError(f"{_FORM}; no user, no password, no query")
        prefix = parts.path.rstrip("/")
        if not _PREFIX.fullmatch(prefix) or re.search(r"/\.\.?(?:/|$)", prefix):
            raise ValueError(_FORM)
        if parts.scheme == "http+unix":
            return cls("http", "localhost", 80, prefix, _socket(unquote(parts.netloc)))
        host = parts.hostname or ""
        if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or port == 0:
            raise ValueError(_FORM)
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], prefix)

    @property
    def netloc(self) -> str:
        """Its own name, as a Host header gives it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """How logs call it."""
        return f"unix:{self.socket}{self.prefix}" if self.socket else f"{self.scheme}://{self.netloc}{self.prefix}"

    @property
    def near(self) -> bool:
        """Whether nobody on the network can listen to what goes there in the clear."""
        return bool(self.socket) or self.host in ("localhost", "::1") or self.host.startswith("127.")


def _socket(path: str) -> str:
    if not path.startswith("/") or not path.isprintable():
        raise ValueError(_FORM)
    return path
