"""Guessing, flooding, racing (cases 42, 56 to 64, 113 and 115)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyotp
import pytest
from support.bench import Bench
from support.together import at_once

import tfa_middleware
from attacks.apps import Console
from attacks.stage import Stage
from attacks.wire import Client
from tfa_middleware.challenges import Consumption
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.verifiers.totp import Totp

CHALLENGE = "/_tfa/user/challenge"
TESTS = Path(__file__).parent.parent


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every code that was compared with the right one."""
    seen: list[str] = []
    verify = Totp.verify

    def counted(self: Totp, account: Any, authenticators: Any, state: Any, form: Any, visit: Any) -> Any:
        seen.append(form.get("code", ""))
        return verify(self, account, authenticators, state, form, visit)

    monkeypatch.setattr(Totp, "verify", counted)
    return seen


def test_one_wrong_code_too_many(tmp_path: Path) -> None:  # case 56, D3, D7
    stage = Stage(tmp_path)
    client = stage.pending()
    replies = [client.press("verify", code="000000") for _ in range(4)]
    assert {reply.code for reply in replies} == {403}
    last = client.copy()
    assert b"verify" not in client.press("verify", code="000000").body  # the fifth: the password is asked again
    assert last.press("verify", code=stage.code("alice")).code == 403
    again = stage.pending()
    for _ in range(5):
        again.press("verify", code="000000")
    locked = stage.pending()
    reply = locked.press("verify", code=stage.code("alice"))
    assert reply.code == 429
    assert 0 < int(reply.all("retry-after")[0]) <= 1801
    assert reply.all("cache-control") == ["no-store"]
    assert stage.console.served["alice"] == 0
    stage.bench.clock.pass_by(1801)
    stage.safe()


def test_a_hundred_logins_with_empty_cookie_jars(tmp_path: Path, looked_at: list[str]) -> None:  # case 57, D1, D4
    stage = Stage(tmp_path)
    for _ in range(100):
        client = stage.client()
        client.login("alice")
        for _ in range(3):
            client.press("verify", code="000000")
        stage.bench.clock.pass_by(15)  # so that no other limit helps
    assert 10 <= len(looked_at) <= 10 * (100 * 15 // 1800 + 1)
    for _ in range(120):  # through all soft locks: the cap of 30 days holds
        stage.bench.clock.pass_by(3600)
        client = stage.client()
        client.login("alice")
        for _ in range(3):
            client.press("verify", code="000000")
    assert len(looked_at) <= 50
    assert stage.console.served["alice"] == 0


def test_a_success_does_not_clear_what_was_counted_over_30_days(tmp_path: Path, looked_at: list[str]) -> None:  # D4
    stage = Stage(tmp_path)
    wrong = 0
    for _ in range(20):
        client = stage.pending()
        for _ in range(4):
            client.press("verify", code="000000")
        owner = stage.pending()
        stage.bench.clock.pass_by(7200)
        if owner.login("alice").code == 303:
            owner.press("verify", code=stage.code("alice"))
        wrong = looked_at.count("000000")
    assert wrong <= 50


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_fifty_wrong_codes_at_the_same_time(backend: str, tmp_path: Path, looked_at: list[str]) -> None:  # case 60
    stage = Stage(tmp_path, store=store_of(backend, tmp_path))
    clients = [stage.pending() for _ in range(5)]
    jobs = [lambda one=one: one.press("verify", code="000000").code for one in [each.copy() for each in clients * 5]]
    replies = at_once(jobs)
    assert len(looked_at) <= 10
    assert set(replies) <= {403, 429}
    assert stage.pending().press("verify", code=stage.code("alice")).code == 429
    assert stage.console.served["alice"] == 0


def store_of(backend: str, folder: Path) -> Store | None:
    """A store with a clock of its own, as the bench has."""
    return None if backend == "memory" else SqliteStore(folder / "store.sqlite3")


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_one_right_code_at_the_same_time(backend: str, tmp_path: Path) -> None:  # case 42, B1
    limits = {"limits": {"soft_failures": "100", "account_failures": "100"}}
    stage = Stage(tmp_path, sections=limits, store=store_of(backend, tmp_path))
    code = stage.code("alice")
    same = stage.pending()
    token = re.search(rb'csrf_token" value="([^"]*)"', same.get(CHALLENGE).body)
    assert token
    fields = {"csrf_token": token[1].decode(), "action": "verify", "code": code}
    jobs = [lambda one=one: one.post(CHALLENGE, fields) for one in [same.copy() for _ in range(10)]]
    jobs += [lambda one=one: one.press("verify", code=code) for one in [stage.pending() for _ in range(10)]]
    replies = at_once(jobs)
    given = [reply for reply in replies if any(line.startswith("sid=") for line in reply.all("set-cookie"))]
    assert len(given) == 1
    assert len(list(stage.bench.services.passes.list("user", "alice"))) == 1


def test_clicks_that_are_too_late_do_not_take_the_first_ones_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # case 42
    stage = Stage(tmp_path)
    client = stage.pending()
    token = re.search(rb'csrf_token" value="([^"]*)"', client.get(CHALLENGE).body)
    assert token
    fields = {"csrf_token": token[1].decode(), "action": "verify", "code": stage.code("alice")}
    others = [client.copy() for _ in range(8)]
    once = Consumption.rising

    def slowly(self: Consumption, owner: str, name: str, value: int) -> bool:
        accepted = once(self, owner, name, value)
        monkeypatch.setattr(Consumption, "rising", once)
        for other in others:  # while the first one has its step and not yet its pass
            assert other.post(CHALLENGE, fields).code in (403, 429)
        return accepted

    monkeypatch.setattr(Consumption, "rising", slowly)
    assert client.post(CHALLENGE, fields).code == 303
    assert b"SECRET of alice" in client.get("/private").body
    for other in others:
        assert other.get("/private").code == 303


INI = """
[tfa]
insecure_dev = yes
ntp_server =
[realm:user]
paths = /
login = /login
[limits]
soft_failures = 100
account_failures = 100
[mail]
smtp = file:mail
"""


def test_one_right_code_in_several_processes(tmp_path: Path) -> None:  # cases 42 and 113, B1
    (tmp_path / "tfa.ini").write_text(INI)
    (tmp_path / "mail").mkdir()
    gate = tfa_middleware.load(Console(), tmp_path / "tfa.ini")
    secret = pyotp.random_base32()
    accounts = gate._services.map.realms["user"].accounts
    data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1"}
    accounts.add("alice", accounts.new("totp", "Phone", data, ""))
    client = Client(gate)
    client.login("alice")
    token = re.search(rb'csrf_token" value="([^"]*)"', client.get(CHALLENGE).body)
    assert token
    code = pyotp.TOTP(secret).at(int(time.time()) + 15)  # of this step or of the next one: good for 30 s and more
    line = [sys.executable, "-m", "attacks.racer", str(tmp_path), client.cookie, token[1].decode(), code, "4"]
    environ = {**os.environ, "PYTHONPATH": str(TESTS)}
    start = str(time.time() + 4)
    racers = [
        subprocess.Popen([*line, start], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(3)
    ]
    outcomes = Counter(line for racer in racers for line in racer.communicate(timeout=60)[0].splitlines())
    assert sum(outcomes.values()) == 12
    assert outcomes["303 /private"] == 1, outcomes
    assert len(list(gate._services.passes.list("user", "alice"))) == 1


def test_rotating_addresses_changes_nothing(tmp_path: Path, looked_at: list[str]) -> None:  # case 61
    stage = Stage(tmp_path)
    events: list[Any] = []
    stage.bench.services.audit.subscribe(events.append)
    for number in range(40):
        address = f"198.51.100.{number}"
        more = {"HTTP_X_FORWARDED_FOR": f"{address}, {address}", "HTTP_X_REAL_IP": address, "HTTP_CLIENT_IP": address}
        more |= {"HTTP_FORWARDED": f"for={address}", "HTTP_X_CLIENT_IP": address, "HTTP_USER_AGENT": address}
        client = stage.client()
        client.get("/login", **more)
        client.post("/login", {"username": "alice", "password": "right"}, **more)
        page = client.get(CHALLENGE).body.decode()
        token = page.partition('csrf_token" value="')[2].partition('"')[0]
        client.post(CHALLENGE, {"csrf_token": token, "action": "verify", "code": "000000"}, **more)
    assert len(looked_at) == 10
    assert {event.origin for event in events if event.user} == {"203.0.113.66"}


def test_a_trusted_proxy_names_the_last_stranger(tmp_path: Path) -> None:  # case 61
    stage = Stage(tmp_path, sections={"tfa": {"trusted_proxies": "10.0.0.0/8"}})
    events: list[Any] = []
    stage.bench.services.audit.subscribe(events.append)
    more = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, 192.0.2.9, 10.9.9.9"}
    stage.client().post("/login", {"username": "alice", "password": "wrong"}, **more)
    assert events[-1].origin == "192.0.2.9"


ALIASES = [
    "Alice",
    "ALICE",
    " alice",
    "alice ",
    "\uff41\uff4c\uff49\uff43\uff45",
    "alice\u2003",
    "\u24d0lice",
    "ALic\uff25",
]


def test_every_spelling_of_a_name_meets_one_counter(tmp_path: Path, looked_at: list[str]) -> None:  # case 62
    stage = Stage(tmp_path)
    for alias in [*ALIASES, *ALIASES]:
        client = stage.client()
        assert client.login(alias).location == CHALLENGE, alias  # no spelling is an account without a factor
        client.press("verify", code="000000")
        assert client.get("/private").code == 303
    assert len(looked_at) == 10
    assert list(stage.bench.services.store.keys("tries:")) == ["tries:user:alice"]


def test_names_with_something_hidden_are_refused(tmp_path: Path) -> None:  # case 62, A6
    stage = Stage(tmp_path)
    hidden = ["alice\x00", "al\u200bice", "\ufeffalice", "alice\r\nx", "al\u00adice", "a" * 300, "\u202ealice"]
    for name in hidden:
        assert stage.client().login(name).code == 400, name
    assert not any(stage.console.sessions.values())


def test_a_flood_of_mails(tmp_path: Path) -> None:  # case 63, C7, C8
    console = Console()
    bench = Bench(console, tmp_path)
    for user in ("alice", "bob"):
        bench.enrol_email(user, f"{user}@example.com")
    client = Client(bench.app)
    client.login("alice")
    for _ in range(3):
        client.press("verify", code="x")
        client.press("resend")
    assert len(bench.outbox.messages) == 1  # within a minute
    for _ in range(30):
        bench.clock.pass_by(61)
        if client.press("resend").code == 403 or b"verify" not in client.get(CHALLENGE).body:
            client = Client(bench.app)
            client.login("alice")
    assert len([mail for mail in bench.outbox.messages if "code" in mail.subject]) <= 6
    record = bench.services.store.get("tries:user:alice")
    assert record is not None
    assert b'"email":3' in record.value.replace(b" ", b"")  # asking again gives no tries back
    for _ in range(40):
        bench.clock.pass_by(3601)
        Client(bench.app).login("alice")
    codes = [mail for mail in bench.outbox.messages if "code" in mail.subject]
    assert len(codes) <= 10 * 2 + 6


def test_mails_to_many_people_meet_the_cap_of_their_source(tmp_path: Path) -> None:  # case 63
    bench = Bench(Console(), tmp_path, {"limits": {"mails_source_hour": "5", "mails_total_hour": "8"}})
    for number in range(12):
        bench.enrol_email(f"user{number}", f"user{number}@example.com")
    for number in range(8):
        Client(bench.app).login(f"user{number}")
    assert len(bench.outbox.messages) == 5
    for number in range(8, 12):
        client = Client(bench.app)
        client.get("/login", REMOTE_ADDR="198.51.100.1")
        client.post("/login", {"username": f"user{number}", "password": "right"}, REMOTE_ADDR="198.51.100.1")
    assert len(bench.outbox.messages) <= 8


def test_who_has_no_password_locks_nobody_out(tmp_path: Path) -> None:  # case 64, D6
    stage = Stage(tmp_path)
    for number in range(60):
        client = stage.client()
        client.login("alice", "wrong")
        client.post(CHALLENGE, {"action": "verify", "code": f"{number:06}", "username": "alice"})
    assert not list(stage.bench.services.store.keys("tries:"))
    assert stage.bench.outbox.messages == []
    stage.safe()


def test_who_has_another_account_locks_nobody_out(tmp_path: Path) -> None:  # case 64, D6
    class Polite(Console):
        def __call__(self, environ: Any, start: Any) -> Any:
            if environ["PATH_INFO"] == "/comment":
                return self._answer(start, "302 Found", [("Location", "/thanks")])
            return super().__call__(environ, start)

    stage = Stage(tmp_path, Polite())
    for _ in range(2):
        mallory = stage.passed()
        mallory.post("/comment", {"username": "alice", "password": "no idea"})
        for _ in range(5):
            mallory.press("verify", code="000000")
    assert stage.pending().press("verify", code=stage.code("alice")).code == 303


def test_what_one_worker_counts_and_ends_all_others_see(tmp_path: Path) -> None:  # case 113, A14
    console = Console()
    store = MemoryStore(lambda: 1_800_000_000.0)
    workers = [Bench(console, tmp_path, store=store) for _ in range(4)]
    secret = workers[0].enrol_totp("alice")
    workers[0].enrol_email("alice", "alice@example.com")

    def on(worker: int, client: Client) -> Client:
        client.app = workers[worker % 4].app
        return client

    client = Client(workers[0].app)
    client.login("alice")
    code = workers[0].code(secret)
    assert on(1, client.copy()).press("verify", code=code).code == 303
    for number in range(4):
        again = Client(workers[number].app)
        again.login("alice")
        assert on(number + 1, again).press("verify", code=code).code == 403
    # A pass that one worker ends is nothing to the others
    for worker in workers:
        worker.next_step()
    browser = Client(workers[0].app)
    browser.login("alice")
    browser.press("verify", code=workers[0].code(secret))
    for number in range(4):
        assert b"SECRET of alice" in on(number, browser).get("/private").body
    copy = browser.copy()
    on(2, browser).press("sign_out", "/_tfa/user/")
    time.sleep(0.1)  # the shortened look of this test; a second in earnest
    for number in range(4):
        assert on(number, copy.copy()).get("/private").code == 303
    # Ten wrong answers, spread over all of them
    for number in range(10):
        one = Client(workers[number % 4].app)
        one.login("alice")
        on(number + 1, one).press("verify", code="000000")
    for number in range(4):
        one = Client(workers[number].app)
        one.login("alice")
        assert one.press("verify", code=workers[0].code(secret, 1)).code == 429


def test_wrong_codes_after_the_right_password_are_told(tmp_path: Path) -> None:  # case 115, D8
    stage = Stage(tmp_path)
    stage.bench.enrol_email("alice", "alice@example.com")
    for _ in range(4):
        client = stage.pending()
        for _ in range(5):
            client.press("verify", code="000000")
        stage.bench.clock.pass_by(1801)
    told = [mail for mail in stage.bench.outbox.messages if mail.to == "alice@example.com"]
    subjects = Counter(mail.subject for mail in told)
    assert any("after the right password" in subject for subject in subjects)
    assert len(told) <= 8  # a flood of wrong codes is no flood of mails
