from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tfa_middleware.audit import Audit
from tfa_middleware.errors import MailError, StoreError
from tfa_middleware.mail import compose
from tfa_middleware.model import Account, Authenticator, Message
from tfa_middleware.notices import TOLD, Notices, in_a_thread

NOON = 1767268800.0
ANN = Account(
    "admin",
    "ann",
    authenticators=(
        Authenticator("1", "totp", "phone", 1, data={"secret": "marker"}),
        Authenticator("2", "email", "work", 2, data={"address": "ann@example.org"}),
        Authenticator("3", "email", "home", 3, data={"address": "ann@example.net"}),
    ),
)


@dataclass
class House:
    """Notices between an audit and an outbox; ``broken`` addresses are refused by the mail server."""

    account: Account | None = ANN
    allow: bool = True
    broken: dict[str, Exception] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    run: Callable[[Callable[[], None]], None] = lambda job: job()

    def __post_init__(self) -> None:
        self.audit = Audit(lambda: NOON)
        titles = {"totp": "Authenticator app"}
        Notices(self.get, self.send, "Backup Console", str, self.limit, self.run, titles).watch(self.audit)

    def get(self, realm: str, user: str) -> Account | None:
        return self.account if (realm, user) == ("admin", "ann") else None

    def send(self, message: Message) -> None:
        if message.to in self.broken:
            raise self.broken[message.to]
        self.sent.append(message)

    def limit(self, key: str) -> bool:
        self.asked.append(key)
        return self.allow

    def happens(self, event: str = "enrolled", **facts: str) -> None:
        self.audit.emit(event, realm="admin", user="ann", origin="192.0.2.7", **facts)  # type: ignore[arg-type]


# E3, E4, D8, cases 51, 110 and 115
@pytest.mark.parametrize(
    "event",
    ["enrolled", "removed", "recovery_used", "recovery_renewed", "disabled", "reset", "locked", "challenge_void"],
)
def test_every_such_event_goes_to_all_addresses(event: str) -> None:
    house = House()
    house.happens(event, kind="totp", label="http://evil.example")
    assert [message.to for message in house.sent] == ["ann@example.org", "ann@example.net"]
    assert house.asked == [f"admin/ann/{event}"]
    assert house.audit.counts == {event: 1, "mail_sent": 2}
    text = house.sent[0].text
    for part in ("ann (admin)", "Authenticator app", "2026-01-01 12:00 UTC", "192.0.2.7", "Backup Console", "not you"):
        assert part in text
    assert house.sent[0].subject == f"Backup Console: {TOLD[event][0]}"
    assert compose(house.sent[0], "a@example.com", "")["To"] == "ann@example.org"


# C11
def test_no_notice_has_a_link_or_a_secret() -> None:
    house = House()
    for event in TOLD:
        house.happens(event, label="http://evil.example", reason="www.evil.example")
    texts = "\n".join(message.subject + message.text for message in house.sent)
    assert not re.search(r"https?:|www\.|://|/_tfa|marker", texts)


@pytest.mark.parametrize("event", ["factor_ok", "factor_failed", "mail_sent", "session_started", "renamed"])
def test_other_events_send_nothing(event: str) -> None:
    house = House()
    house.happens(event)
    assert (house.sent, house.asked) == ([], [])


def test_addresses_of_a_record_that_is_gone_come_with_the_event() -> None:
    house = House(account=None)
    house.happens("removed", addresses="ann@example.org,Ann <eve@example.net>,old@Example.COM,ann@example.org")
    assert [message.to for message in house.sent] == ["ann@example.org", "old@example.com"]


def test_a_removed_address_is_told_beside_those_that_stay() -> None:
    house = House()
    house.happens("removed", addresses="old@example.com")
    assert [message.to for message in house.sent] == ["ann@example.org", "ann@example.net", "old@example.com"]


def test_without_an_address_nobody_is_told_and_no_limit_is_spent() -> None:
    house = House(account=None)
    house.happens("enrolled")
    house.audit.emit("enrolled", realm="admin")
    assert (house.sent, house.asked) == ([], [])


# C8, case 115
def test_beyond_the_limit_nothing_is_sent() -> None:
    house = House(allow=False)
    house.happens("challenge_void")
    assert house.sent == []
    assert house.audit.counts == {"challenge_void": 1, "mail_limited": 1}


# C17
def test_a_mail_that_fails_is_audited_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House(broken={"ann@example.org": MailError("mail server x:25: cannot be reached")})
    house.happens("removed")
    assert [message.to for message in house.sent] == ["ann@example.net"]
    assert house.audit.counts == {"removed": 1, "mail_failed": 1, "mail_sent": 1}
    assert 'reason="mail server x:25: cannot be reached"' in caplog.text


# K1
def test_a_strange_failure_tells_its_kind_alone(caplog: pytest.LogCaptureFixture) -> None:
    house = House(broken={"ann@example.org": RuntimeError("marker")})
    house.happens("removed")
    assert house.audit.counts["mail_failed"] == 1
    assert "reason=RuntimeError" in caplog.text
    assert "marker" not in caplog.text


# K3
def test_a_store_that_is_down_breaks_no_request(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    audit = Audit()

    def down(realm: str, user: str) -> Account | None:
        raise StoreError("down")

    Notices(down, house.send, "Backup Console", str, house.limit, lambda job: job()).watch(audit)
    audit.emit("removed", realm="admin", user="ann")
    assert audit.counts == {"removed": 1, "mail_failed": 1}
    assert "reason=StoreError" in caplog.text


def test_the_address_is_looked_up_before_the_sending() -> None:
    waiting: list[Callable[[], None]] = []
    house = House(run=waiting.append)
    house.happens("enrolled")
    house.account = None
    assert house.sent == []
    waiting[0]()
    assert len(house.sent) == 2


def test_texts_are_translated() -> None:
    house = House()
    audit = Audit(lambda: NOON)
    Notices(house.get, house.send, "Konsole", lambda text: f"¡{text}!", house.limit, lambda job: job()).watch(audit)
    audit.emit("disabled", realm="admin", user="ann")
    message = house.sent[0]
    assert message.subject == "Konsole: ¡Two-factor authentication is off!"
    assert all(line.startswith("¡") and line.endswith("!") for line in message.text.splitlines() if line)


@pytest.mark.parametrize("origin", ["", "a\nb", "go to evil.example now", "x" * 65])
def test_an_origin_that_is_no_address_is_left_out(origin: str) -> None:
    house = House()
    house.audit.emit("removed", realm="admin", user="ann", origin=origin)
    assert "From:" not in house.sent[0].text


def test_the_thread_is_waited_for() -> None:
    ran = threading.Event()
    daemon: list[bool] = []

    def job() -> None:
        daemon.append(threading.current_thread().daemon)
        ran.set()

    in_a_thread(job)
    assert ran.wait(10)
    assert daemon == [False]
