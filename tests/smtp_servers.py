"""Real mail servers on free ports of this machine, and certificates for them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "mailer@example.com", "correct horse 7"


@dataclass
class Inbox:
    """What the server saw: credentials offered, commands after them, messages taken.

    With ``let_go`` cleared it keeps silent after a message until that is set; ``reached`` says that one is there."""

    port: int = 0
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    mails: list[tuple[list[str], bytes]] = field(default_factory=list)
    authenticated: list[bool] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.let_go.set()

    def untouched(self) -> bool:
        return not (self.logins or self.senders or self.mails)

    async def handle_MAIL(  # noqa: N802 (the library's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.senders.append(address)
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.reached.set()
        while not self.let_go.is_set():
            await asyncio.sleep(0.005)
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.original_content, bytes)
        self.mails.append((list(envelope.rcpt_tos), envelope.original_content))
        self.authenticated.append(bool(session.authenticated))
        return "250 OK"

    def check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)


@dataclass
class Certificates:
    """An authority of our own and what it issued."""

    authority: trustme.CA = field(default_factory=trustme.CA)

    def server(self, *names: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*names).configure_cert(context)
        return context


@contextlib.contextmanager
def smtp_server(
    *, implicit: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, **answers: str
) -> Iterator[Inbox]:
    """A mail server that offers AUTH; ``answers`` replace its replies, as ``DATA="550 no"``."""
    inbox, loop, ready = Inbox(answers=answers), asyncio.new_event_loop(), threading.Event()

    def make() -> SMTP:
        return SMTP(
            inbox,
            hostname="localhost",
            loop=loop,
            tls_context=starttls,
            authenticator=inbox.check,
            auth_require_tls=False,
        )

    async def serve() -> None:
        server = await loop.create_server(make, "127.0.0.1", 0, ssl=implicit)
        inbox.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks(loop) - {asyncio.current_task()}:
            task.cancel()

    stop = asyncio.Event()
    loop.set_exception_handler(lambda *_: None)  # refused handshakes are what the tests provoke
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield inbox
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        _finish(loop)


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


@contextlib.contextmanager
def raw_server(*lines: bytes, drip: float = 0.0) -> Iterator[int]:
    """A port that says the lines, one after each that it hears; with ``drip`` a byte each so many seconds, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    thread = threading.Thread(target=_talk, args=(listener, lines, drip, stop))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join(10)
        listener.close()


def _talk(listener: socket.socket, lines: tuple[bytes, ...], drip: float, stop: threading.Event) -> None:
    listener.settimeout(10)
    with contextlib.suppress(OSError), listener.accept()[0] as peer:
        peer.settimeout(0.1)
        for line in lines:
            peer.sendall(line)
            _hear(peer, stop)
        while drip and not stop.wait(drip):
            peer.sendall(b"2")
        stop.wait(10)


def _hear(peer: socket.socket, stop: threading.Event) -> Any:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            return peer.recv(4096)
    return b""


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port
