"""What the server level measures answers as it should: every server that is here, every proxy, both ways to ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from support.programs import need

from benchmarks import servers, stands
from benchmarks.load import Figure, Target
from benchmarks.processes import Memory
from benchmarks.wsgi_servers import Server, installed
from benchmarks.wsgi_servers import servers as all_servers


def asked(target: Target) -> tuple[int, bytes]:
    """The page of a target, with its cookie."""
    client = HTTPConnection("127.0.0.1", target.port, timeout=20)
    try:
        client.request("GET", target.path, headers={"Cookie": target.cookie})
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


def refused(target: Target) -> bool:
    """Whether somebody without the cookie is sent away."""
    status, body = asked(Target(target.name, target.port, "theme=dark", path=target.path))
    return status in (303, 403) and body != b"ok"


@pytest.mark.parametrize("server", all_servers(), ids=lambda one: one.name)
def test_a_server_serves_the_bare_and_the_wrapped_application(server: Server, tmp_path: Path) -> None:
    if server.missing:
        pytest.skip(f"{server.name} is not installed: pip install '.[bench]'")
    with ExitStack() as running:
        pair = stands.pair(tmp_path, server, running)
        assert [asked(one) for one in pair.targets] == [(200, b"ok")] * 2
        assert [refused(one) for one in pair.targets] == [False, True]
        assert all(0 < one.own <= one.resident for one in pair.memory.values())


@pytest.mark.parametrize("build", [stands.proxies, stands.fronts])
def test_proxies_and_front_servers_pass_on(
    build: Callable[[Path, ExitStack], Sequence[Target]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("nginx")
    os.chmod(tmp_path, 0o755)
    with ExitStack() as running:
        targets = build(tmp_path, running)
        ours = [one for one in targets if one.cookie != stands.VISITOR and stands.UNSEEN not in one.name]
        assert [asked(one) for one in targets] == [(200, b"ok")] * len(targets)
        assert [refused(one) for one in ours] == [True] * len(ours)
        assert len(ours) >= len(installed())


def test_figures_are_shown_with_ratios() -> None:
    shown = servers.table("Servers", "of the bare", [Figure("waitress", 4000.4, 1.234, 5.678, 0.987)])
    assert shown.splitlines()[-1] == "| waitress | 4000 | 1.23 | 5.68 | 0.99 |"
    held = {"waitress": {"bare": Memory(20, 9), "later": Memory(25.5, 12)}}
    assert servers.memory_table(held).splitlines()[-1] == "| waitress, later | 3.0 | 5.5 |"
