"""A WSGI request -> the request that goes to the console: its target, its headers, its body.

What the environ says is what was decided on, so nothing else is forwarded. Whatever could say who somebody is, where a
request comes from or how it is framed is left out and set anew (REQUIREMENTS A18, A19; cases 92, 94, 95, 97, 105).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from tfa_middleware.declare import Network
from tfa_middleware.errors import BadRequest
from tfa_middleware.hold import Environ
from tfa_middleware.paths import NOWHERE
from tfa_middleware.request import Request, is_identity

BLOCK = 65536
#: RFC 9110 7.6.1 and the framing, which is our own on each side; Expect is answered by our server.
_HOP = frozenset(
    {"CONNECTION", "KEEP_ALIVE", "PROXY", "TE", "TRAILER", "TRAILERS", "TRANSFER_ENCODING", "UPGRADE", "HTTP2_SETTINGS"}
    | {"EXPECT", "CONTENT_LENGTH", "CONTENT_TYPE", "HOST"}
)
#: Where a request "really" comes from or goes to: set anew, or dropped.
_ORIGIN = re.compile(
    r"FORWARDED|X_FORWARDED|X_FORWARDED_\w+|X_REAL_IP|X_REMOTE_\w+|X_CLIENT_IP|X_CLUSTER_CLIENT_IP|CLIENT_IP|"
    r"TRUE_CLIENT_IP|CF_CONNECTING_IP|FASTLY_CLIENT_IP|X_PROXYUSER_IP|X_ORIGINATING_IP|X_HOST|"
    r"X_HTTP_HOST_OVERRIDE|X_ORIGINAL_\w+|X_REWRITE_\w+|X_SCHEME|X_URL_SCHEME|FRONT_END_HTTPS|X_ARR_\w+|"
    r"X_HTTP_METHOD\w*|X_METHOD\w*|X_SCRIPT_NAME|X_PROXY_\w+|X_TFA_\w+|X_AUTH_USER"
)
#: What the gate decided on is not taken away by a Connection header that names it (case 95).
_JUDGED = frozenset({"COOKIE", "AUTHORIZATION"})
#: All that says where a request comes from.
_ORIGINS = (
    *("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST"),
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"),
)
#: Remembered is only what is as short as browsers have it, in characters: of values, and of names.
_SHORT, _LONG = 512, 4096
_CONTROL = re.compile(r"[\x00\r\n]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"[A-Za-z0-9._\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_SAFE = "/:@!$&'()*+,;=~-._"
_UNRESERVED = re.compile(r"/[A-Za-z0-9._~/-]*")
_RAW_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


def target(environ: Environ, prefix: str = "") -> str:
    """The request's target below ``prefix``: path and query, as decided on.

    The target as it came is used where it says the very same path: names in backup consoles are odd.
    """
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    raw, mark, raw_query = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "").partition("?")
    same = raw_query == query and _says(raw, path)
    spelt = raw if same else _spelt(path)
    return prefix + spelt + (f"?{_plain(query)}" if query or (same and mark) else "")


def _says(raw: str, path: str) -> bool:
    """Whether a target as it came says the very same path."""
    if raw == path and _UNRESERVED.fullmatch(path):
        return True
    return bool(_RAW_PATH.fullmatch(raw)) and unquote_to_bytes(raw) == path.encode("latin-1")


def _spelt(path: str) -> str:
    spelt = path if _UNRESERVED.fullmatch(path) else quote(path.encode("latin-1"), safe=_SAFE)
    return spelt if spelt.startswith("/") else f"/{spelt}"


def _plain(query: str) -> str:
    """A query without what ends a request line; browsers send brackets and bars as they are, so those stay."""
    return re.sub(r"[^\x21-\x7e]|#", lambda found: quote(found[0].encode("latin-1"), safe=""), query)


@dataclass(frozen=True)
class Origin:
    """Where a request comes from, as our server saw it, or as a listed proxy says (A19, case 61)."""

    chain: str
    client: str
    scheme: str
    host: str

    @classmethod
    def of(cls, environ: Environ, trusted: tuple[Network, ...], base_url: str) -> Origin:
        """The origin of a request. Raises `BadRequest` for a Host that is none."""
        facts = tuple([(name, str(environ[name])) for name in _ORIGINS if name in environ])
        read = _origin if len("".join([value for _, value in facts])) <= _SHORT else _origin.__wrapped__
        return read(facts, trusted, base_url)

    @classmethod
    def _read(cls, environ: Environ, trusted: tuple[Network, ...], base_url: str) -> Origin:
        peer = str(environ.get("REMOTE_ADDR", ""))
        listed = _in(peer, trusted)
        before = str(environ.get("HTTP_X_FORWARDED_FOR", "")) if listed else ""
        hops = [hop for one in before.split(",") if (hop := one.strip()) and re.fullmatch(r"[\w.:\[\]-]+", hop)]
        said = _last(environ, "HTTP_X_FORWARDED_PROTO") if listed else ""
        known = base_url.partition("://")[0] or (said if said in ("http", "https") else "")
        scheme = known or str(environ.get("wsgi.url_scheme", "http"))
        host = str(environ.get("HTTP_HOST", ""))
        named = (_last(environ, "HTTP_X_FORWARDED_HOST") if listed else "") or host
        if any(one and not _HOST.fullmatch(one) for one in (host, named)):
            raise BadRequest("the Host header is malformed")
        chain = ", ".join([*hops, *([peer] if peer else [])])
        return cls(chain, Request(environ, NOWHERE, trusted).origin, scheme, named)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers that tell the console."""
        port = re.search(r":(\d+)$", self.host)
        found = {
            "X-Forwarded-For": self.chain,
            "X-Real-IP": self.client,
            "X-Forwarded-Proto": self.scheme,
            "X-Forwarded-Host": self.host,
            "X-Forwarded-Port": port[1] if port else {"https": "443"}.get(self.scheme, "80"),
        }
        return {name: value for name, value in found.items() if value}


@lru_cache(4096)
def _origin(facts: tuple[tuple[str, str], ...], trusted: tuple[Network, ...], base_url: str) -> Origin:
    """Browsers come again: an address is not read anew for each of their requests."""
    return Origin._read(dict(facts), trusted, base_url)


def headers(environ: Environ) -> dict[str, str]:
    """The client's headers that go along. Raises `BadRequest` for a value that no header can have."""
    keys, connection = tuple(environ), environ.get("HTTP_CONNECTION", "")
    going = _going if len("".join(keys)) + len(connection) <= _LONG else _going.__wrapped__
    found = {name: environ[key] for key, name in going(keys, connection)}
    if _CONTROL.search("".join(found.values())):
        raise BadRequest("a header holds a control character")
    return found


@lru_cache(256)
def _going(keys: tuple[str, ...], connection: str) -> list[tuple[str, str]]:
    """Which keys of an environ go along, and their headers' names; a Connection header takes some away. Browsers of one
    make send the same."""
    words = {one.strip().upper().replace("-", "_") for one in connection.split(",")} - _JUDGED
    return [(key, name) for key in keys if (name := _sent_as(key)) and key[5:] not in words]


def _sent_as(key: str) -> str:
    """``HTTP_X_Y -> X-Y``; empty for what never goes along."""
    if not key.startswith("HTTP_") or is_identity(key):
        return ""
    word = key[5:]
    if word in _HOP or word.startswith("PROXY_") or _ORIGIN.fullmatch(word) or not _TOKEN.fullmatch(word):
        return ""
    return word.replace("_", "-").title()


@dataclass(frozen=True)
class Body:
    """A request's body in blocks, as much as was announced. Reading it raises `BadRequest` where the client stops."""

    stream: Any
    length: int | None
    head: bytes = b""

    @classmethod
    def of(cls, environ: Environ) -> Body | None:
        """The body, or None without one. Raises `BadRequest` where two readings of its length are possible."""
        text, coding = str(environ.get("CONTENT_LENGTH") or ""), str(environ.get("HTTP_TRANSFER_ENCODING") or "")
        if coding and (coding.strip(" \t").lower() != "chunked" or text):
            raise BadRequest("the body has a coding that is unknown, or a length beside its coding")
        if text:
            if not re.fullmatch(r"[0-9]{1,18}", text):
                raise BadRequest("Content-Length is not a number")
            return cls(environ["wsgi.input"], int(text)) if int(text) else None
        if not (coding or environ.get("wsgi.input_terminated")):
            return None
        head = _read(environ["wsgi.input"], BLOCK)  # its end alone tells whether there is a body
        return cls(environ["wsgi.input"], None, head) if head else None

    def headers(self) -> dict[str, str]:
        """How the body is framed towards the console: by its length, or in chunks where nobody knows it.

        Nothing may follow on that connection: a console that leaves a body unread would take it for a request.
        """
        framing = {"Transfer-Encoding": "chunked"} if self.length is None else {"Content-Length": str(self.length)}
        return {**framing, "Connection": "close"}

    def __iter__(self) -> Iterator[bytes]:
        if self.head:
            yield self.head
        left = self.length
        while left is None or left > 0:
            block = _read(self.stream, BLOCK if left is None else min(BLOCK, left))
            if not block:
                break
            left = None if left is None else left - len(block)
            yield block
        if left:
            raise BadRequest("the body ended before its length")


def _read(stream: Any, size: int) -> bytes:
    try:
        block: bytes = stream.read(size)
    except Exception:  # noqa: BLE001 - each server has errors of its own for a body that is no HTTP
        raise BadRequest("the body could not be read") from None
    return block


def _last(environ: Environ, key: str) -> str:
    """What the proxy next to us wrote: behind several, the last of a list."""
    return str(environ.get(key, "")).rpartition(",")[2].strip().lower()


def _in(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(found in network for network in networks)
