"""The mail server is down, mute, refuses, or hangs up midway: nobody gets in, nothing is lost (C17, case 106)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attacks.apps import Console
from smtp_servers import Inbox, smtp_server
from support.bench import Bench

from faults.relay import CUT, DOWN, MUTE, Relay, relay
from faults.world import CHALLENGE, MAIN, Person, Stopped, lines

TROUBLES = [DOWN, MUTE, CUT, "MAIL 421", "RCPT 550", "RCPT 450", "DATA 421", "DATA 554"]
each_trouble = pytest.mark.parametrize("trouble", TROUBLES)


class Post:
    """A middleware that mails by a real server, with trouble on the way."""

    def __init__(self, folder: Path, inbox: Inbox, relay: Relay, **realm: str) -> None:
        self.inbox, self.relay, self.console = inbox, relay, Console()
        mail = {"smtp": f"smtp://127.0.0.1:{relay.port}", "from": "Console <no-reply@example.com>", "timeout": "1s"}
        self.bench = Bench(self.console, folder, {"mail": mail}, real_mail=True, **realm)

    def break_(self, trouble: str) -> None:
        if trouble == DOWN:
            self.relay.shut()
        elif trouble in (MUTE, CUT):
            self.relay.mode = trouble
        else:
            verb, number = trouble.split()
            self.inbox.answers[verb] = f"{number} no, and here is hunter2"

    def mend(self, trouble: str) -> None:
        if trouble == DOWN:
            self.relay.reopen()
        self.relay.mode = "open"
        self.inbox.answers.clear()

    def code(self) -> str:
        """The code in the newest mail that has one."""
        found = re.findall(rb"#(\d{6})", b"".join(body for _, body in self.inbox.mails))
        return found[-1].decode()


@contextmanager
def post(folder: Path, **realm: str) -> Iterator[Post]:
    with smtp_server() as inbox, relay(inbox.port) as door:
        yield Post(folder, inbox, door, **realm)


def expect_stop(act: Callable[[], object]) -> None:
    """An error page, which `Person` looked at."""
    with pytest.raises(Stopped):
        act()


@each_trouble
def test_a_login_waits_until_the_mail_server_is_back(trouble: str, tmp_path: Path) -> None:
    with post(tmp_path) as all_, lines() as logged:
        bench, person = all_.bench, Person(all_.bench.app)
        bench.enrol_email("carol", "carol@example.com")
        all_.break_(trouble)
        assert person.login("carol").location == CHALLENGE
        assert b"No code was sent yet" in person.get(CHALLENGE).body
        expect_stop(lambda: person.press("resend"))
        assert person.last.code == 503
        assert b"could not be sent" in person.last.body
        assert person.get("/private").location == CHALLENGE
        failed = [one.getMessage() for one in logged if "mail_failed" in one.getMessage()]
        assert len(failed) == 2
        assert "hunter2" not in "".join(failed)
        assert all_.inbox.mails == []
        all_.mend(trouble)
        assert person.press("resend").code == 200
        assert person.press("verify", code=all_.code()).code == 303
        assert b"SECRET of carol" in person.get("/private").body


@each_trouble
def test_an_address_is_enrolled_when_the_mail_server_is_back(trouble: str, tmp_path: Path) -> None:  # B9
    with post(tmp_path) as all_, lines() as logged:
        bench, person = all_.bench, Person(all_.bench.app)
        person.login("bob")
        assert person.press("start", f"{MAIN}enrol", kind="email").code == 303
        all_.break_(trouble)
        person.press("confirm", f"{MAIN}enrol/email", address="bob@example.com")
        assert b"could not be sent" in person.last.body
        assert any("mail_failed" in one.getMessage() for one in logged)
        assert bench.services.accounts.get("user", "bob") is None
        assert b"SECRET of bob" in person.get("/private").body
        all_.mend(trouble)
        assert person.press("resend", f"{MAIN}enrol/email").code == 200
        assert person.press("confirm", f"{MAIN}enrol/email", code=all_.code()).code == 200
        account = bench.services.accounts.get("user", "bob")
        assert account is not None
        assert account.kinds() == ("email", "recovery")


@pytest.mark.parametrize("trouble", [DOWN, CUT, "RCPT 550"])
def test_a_notice_that_cannot_go_stops_nothing(trouble: str, tmp_path: Path) -> None:  # E3
    with post(tmp_path) as all_, lines() as logged:
        bench, person = all_.bench, Person(all_.bench.app)
        secret = bench.enrol_totp("erin")
        address = bench.enrol_email("erin", "erin@example.com")
        person.login("erin")
        assert person.press("verify", code=bench.code(secret)).code == 303
        all_.break_(trouble)
        assert person.press("remove", MAIN, id=address.id).code == 303
        account = bench.services.accounts.get("user", "erin")
        assert account is not None
        assert account.kinds() == ("totp",)
        assert any("mail_failed" in one.getMessage() for one in logged)
        all_.mend(trouble)
