"""A console in front of which another server stands: it writes down what reaches it, octet by octet as far as it can.

``python -m forward.console PORT``. A password form at /login (the password is "right" for all), /me names who is logged
in, /rotate gives a new session id, /door?who=NAME logs somebody in by a link that no rule lists, /socket is a WebSocket
that says everything again, /api/unread leaves the request's body where it is, /seen (a list of requests as JSON) is for
the tests, which ask past everything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SESSIONS: dict[str, str | None] = {}
SEEN: list[dict[str, Any]] = []
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_FORM = b'<form method="post"><input name="username"><input type="password" name="password"></form>'


class Console(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_anything(self) -> None:
        """Every method."""
        if self.path == "/seen":
            return self._say(200, json.dumps(SEEN).encode())
        try:
            body = self._body() if self.path != "/api/unread" else b""
        except ValueError:  # the front server broke it off
            self.close_connection = True
            return None
        session = self._session()
        who = SESSIONS.get(session)
        head = {name.lower(): value for name, value in self.headers.items()}
        SEEN.append({"target": self.path, "method": self.command, "who": who, "headers": head, "body": len(body)})
        return self._answer(urlsplit(self.path), session, who, body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _session(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get("sid")
        except Exception:  # noqa: BLE001 - whatever an attacker writes there
            return ""
        return found.value if found else ""

    def _answer(self, parts: Any, session: str, who: str | None, body: bytes) -> None:
        if parts.path == "/login":
            return self._login(session, body)
        if parts.path == "/door":
            return self._logged_in(parse_qs(parts.query)["who"][0])
        if parts.path == "/socket" and who:
            return self._socket()
        if parts.path == "/rotate" and who:
            return self._logged_in(who)
        if parts.path == "/logout":
            SESSIONS.pop(session, None)
            return self._say(302, b"", ("Location", "/login"), ("Set-Cookie", "sid=; Path=/; Max-Age=0"))
        if parts.path.startswith(("/static/", "/api/")):
            return self._say(200, b"for everybody", ("Set-Cookie", f"sid={self._new(None)}; Path=/"))
        if not who:
            return self._say(302, b"", ("Location", "/login"))
        return self._say(200, f'SECRET of <b id="me">{who}</b>'.encode(), ("Cache-Control", "public, max-age=60"))

    def _login(self, session: str, body: bytes) -> None:
        fields = parse_qs(body.decode("latin-1"))
        if fields.get("password") == ["right"]:
            return self._logged_in(fields["username"][0])
        more = [] if session in SESSIONS else [("Set-Cookie", f"sid={self._new(None)}; Path=/; HttpOnly")]
        return self._say(200, _FORM, *more)

    @staticmethod
    def _new(who: str | None) -> str:
        session = secrets.token_hex(16)
        SESSIONS[session] = who
        return session

    def _logged_in(self, who: str) -> None:
        self._say(302, b"", ("Location", "/private"), ("Set-Cookie", f"sid={self._new(who)}; Path=/; HttpOnly"))

    def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", "text/html"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _socket(self) -> None:
        """Say every short text frame again (RFC 6455 5.2)."""
        if self.headers.get("Upgrade", "").lower() != "websocket":
            return self._say(426, b"")
        digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _MAGIC).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            size, mask = head[1] & 0x7F, self.rfile.read(4)
            text = bytes(octet ^ mask[at % 4] for at, octet in enumerate(self.rfile.read(size)))
            self.wfile.write(bytes([head[0], size]) + text)
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.do_anything
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Console).serve_forever()
