"""A person's way through the gateway: login, second factor, page, sign-out; and what is in vain without a pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.apps import IN_PLACE, NEW, SILENT, Console
from attacks.stage import WHOAMI, Stage

from gateway.behind import console, proxied


class Behind(Stage):
    """A stage whose console is reached through the gateway."""

    def __init__(self, folder: Path, real: Console, address: str, **more: str) -> None:
        super().__init__(folder, proxied(address, folder), **more)  # type: ignore[arg-type]
        self.console = real


@pytest.fixture(params=[NEW, IN_PLACE, SILENT])
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Behind]:
    real = Console(request.param)
    with console(real) as address:
        yield Behind(tmp_path, real, address, **WHOAMI)


def test_a_login_waits_for_its_factor_and_then_opens(behind: Behind) -> None:  # A1
    mallory = behind.passed("mallory")
    assert b"SECRET of mallory" in mallory.get("/private").body
    assert behind.console.served["mallory"] > 0


def test_nothing_opens_before_the_pass(behind: Behind) -> None:  # A1
    pending = behind.pending("alice")
    for client in (pending, pending.copy(), behind.client()):
        for path in ("/private", "/admin", "/private?username=x", "//private", "/%70rivate", "/x/../private"):
            for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"):
                assert b"SECRET" not in client.get(path, method).body
    behind.safe()


def test_a_session_from_the_console_itself_is_worth_nothing_here(behind: Behind) -> None:  # A1
    from attacks.wire import Client

    direct = Client(behind.console)
    direct.login("alice")
    assert b"SECRET of alice" in direct.get("/private").body
    behind.console.served.clear()
    assert b"SECRET" not in behind.client(**direct.jar).get("/private").body
    assert b"SECRET of alice" not in behind.passed("mallory").copy(**direct.jar).get("/private").body
    behind.safe()


def test_a_wrong_password_shows_the_consoles_own_answer(behind: Behind) -> None:
    client = behind.client()
    wrong = client.login("alice", "wrong")
    direct = behind.console
    assert not wrong.location.startswith("/_tfa/")
    assert direct.served["alice"] == 0
