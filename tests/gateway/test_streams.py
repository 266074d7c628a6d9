"""Bodies of any size in constant memory, both ways. TFA_LONG=1 takes 1 GiB in place of 64 MiB."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.upstream import Seen

from gateway.stage import Stage

MIB = 1 << 20
SIZE = (1024 if os.environ.get("TFA_LONG") == "1" else 64) * MIB
#: What a process may grow by, whatever goes through it.
ROOM = 24 * MIB
BLOCK = bytes(range(256)) * 1024


def peak(stage: Stage) -> int:
    """The most memory that the server's processes had so far, in octets."""
    pids = {stage.site.pid}
    for status in Path("/proc").glob("[0-9]*/status"):
        text = _text(status)
        if (found := re.search(r"^PPid:\s+(\d+)", text, re.MULTILINE)) and int(found[1]) == stage.site.pid:
            pids.add(int(status.parent.name))
    sizes = (re.search(r"^VmHWM:\s+(\d+) kB", _text(Path(f"/proc/{pid}/status")), re.MULTILINE) for pid in pids)
    return max(int(size[1]) * 1024 for size in sizes if size)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # the process has ended


def blocks() -> Iterator[bytes]:
    for _ in range(SIZE // len(BLOCK)):
        yield BLOCK


def received(client: socket.socket) -> tuple[bytes, int]:
    """The head of an answer, and how long its body was."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += client.recv(65536)
    head, _, rest = text.partition(b"\r\n\r\n")
    size = len(rest)
    while part := client.recv(1 << 18):
        size += len(part)
    return head, size


@pytest.mark.parametrize("path", ["/download", "/admin/static/download.bin"])
def test_a_large_answer(path: str, stage: Stage) -> None:
    def sends(plug: socket.socket, _: Seen) -> bool:
        plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for block in blocks():
            plug.sendall(block)
        return True

    stage.get("/warm")
    stage.up.answers[path] = sends
    before = peak(stage)
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=60) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, size = received(client)
    assert head.startswith(b"HTTP/1.1 200")
    assert size == SIZE
    assert peak(stage) - before < ROOM


@pytest.mark.parametrize("form", [b"application/octet-stream", b"application/x-www-form-urlencoded"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_request(chunked: bool, form: bytes, stage: Stage) -> None:
    stage.get("/warm", method=b"POST", body=b"x" * 2 * MIB)
    stage.up.counting, before = True, peak(stage)
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % SIZE
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=60) as client:
        head = b"POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: " + form + b"\r\n"
        client.sendall(head + framing + b"\r\n\r\n")
        for block in blocks():
            client.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        client.sendall(b"0\r\n\r\n" if chunked else b"")
        answer, _ = received(client)
    assert answer.startswith(b"HTTP/1.1 200")
    assert stage.up.of("/upload")[-1].size == SIZE
    assert peak(stage) - before < ROOM


def test_an_answer_that_nobody_reads_holds_the_console_up(stage: Stage) -> None:
    sent = []

    def sends(plug: socket.socket, _: Seen) -> bool:
        plug.settimeout(0.5)
        plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        try:
            for block in blocks():
                plug.sendall(block)
                sent.append(len(block))
        except OSError:
            pass
        return False

    stage.get("/warm")
    stage.up.answers["/unread"] = sends
    before = peak(stage)
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=60) as client:
        client.sendall(b"GET /unread HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        _, size = received_late(client, sent)
    assert size < SIZE
    assert sum(sent) < SIZE
    assert peak(stage) - before < ROOM


def received_late(client: socket.socket, sent: list[int]) -> tuple[bytes, int]:
    """Read only after the console has given up."""
    before = -1
    while sum(sent) != before:
        before = sum(sent)
        time.sleep(0.7)  # longer than the console waits
    return received(client)
