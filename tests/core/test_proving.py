"""The framework around verifiers: it counts before, consumes after, saves and audits (REQUIREMENTS B1, C5, C10, D1)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.clock import START
from support.raw_wsgi import request as environ_of
from support.spy import Spy

from core.workers import answer_many, in_processes
from tfa_middleware.challenges import LOGIN, Challenge
from tfa_middleware.errors import Locked, RecordError, Rejected, StoreError, Void
from tfa_middleware.mailing import NONE, SENT, WAIT
from tfa_middleware.model import Authenticator, Visit
from tfa_middleware.proving import Proof, Proving
from tfa_middleware.request import Request
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.verifiers.base import Enrolled, Once, Rising, Verified
from tfa_middleware.verifiers.totp import Totp

POST, GET = Request.of(environ_of("/", "POST")), Request.of(environ_of("/"))
WIDE = {"soft_failures": "100", "account_failures": "100", "rolling_failures": "200"}


class Scene:
    """Alice with an authenticator app; challenges of hers are opened at will."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.bench = Bench(Spy(), folder, **more)
        self.services = self.bench.services
        self.realm = self.services.map.realms["user"]
        self.proving = Proving(self.services)
        self.secret = self.bench.enrol_totp("alice")

    def open(self, identity: str = "id", kind: str = "totp", **facts: Any) -> Challenge:
        now = self.bench.clock.now
        one = Challenge("user", identity, "alice", LOGIN, now, now + 600, kind=kind, state={"step": "code"})
        one = replace(one, **facts)
        self.services.challenges.open(one)
        return one

    def now(self, identity: str = "id") -> Challenge | None:
        found = self.services.challenges.fetch("user", identity)
        return found[0] if found else None

    def set_up(self) -> str:
        return self.realm.accounts.fingerprint("alice")

    def visit(self) -> Visit:
        return self.proving.visit(self.realm, POST)

    def answer(self, challenge: Challenge, code: str) -> Proof:
        return self.proving.answer(self.realm, challenge, {"code": code}, POST)

    def refused(self, challenge: Challenge, code: str = "000000") -> Rejected:
        with pytest.raises(Rejected) as caught:
            self.answer(challenge, code)
        return caught.value

    def verifies(self, verify: Callable[..., Any]) -> None:
        """From now on the app's verifier answers as ``verify(authenticators)`` does."""

        class Odd(Totp):
            def verify(self, account: Any, authenticators: Any, state: Any, form: Any, visit: Any) -> Any:
                return verify(authenticators)

        self.realm.accounts.verifiers["totp"] = Odd(Totp.Settings())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "tfa_middleware")
    return caplog


def test_a_right_answer_passes_once_and_leaves_nothing_behind(scene: Scene, log: pytest.LogCaptureFixture) -> None:
    waits = scene.open()  # A8; case 32
    scene.refused(waits)
    assert scene.answer(waits, scene.bench.code(scene.secret)) == Proof("totp", "otp", scene.set_up())
    assert scene.now() is None
    assert "factor_ok" in log.text
    assert scene.bench.code(scene.secret) not in log.text  # K1
    scene.bench.next_step()
    assert type(scene.refused(waits, scene.bench.code(scene.secret))) is Void


def test_a_code_is_good_for_one_login(scene: Scene, log: pytest.LogCaptureFixture) -> None:  # B1; case 41
    code = scene.bench.code(scene.secret)
    scene.answer(scene.open("one"), code)
    other = scene.open("two")
    assert scene.refused(other, code).reason == "replayed"
    assert "factor_replayed" in log.text
    assert scene.refused(other, scene.bench.code(scene.secret, -1)).reason == "replayed"  # nor one before it
    assert scene.answer(other, scene.bench.code(scene.secret, +1))


def test_five_wrong_codes_and_the_password_is_asked_again(scene: Scene, log: pytest.LogCaptureFixture) -> None:
    waits = scene.open()  # D3; case 56
    for _ in range(4):
        assert type(scene.refused(waits)) is Rejected
    assert scene.refused(waits).reason == "too many wrong answers"
    assert "challenge_void" in log.text
    assert scene.now() is None
    assert type(scene.refused(waits, scene.bench.code(scene.secret))) is Void


def test_the_fifth_answer_may_still_be_right(scene: Scene) -> None:  # D3
    waits = scene.open()
    for _ in range(4):
        scene.refused(waits)
    assert scene.answer(waits, scene.bench.code(scene.secret))


def test_a_code_sent_again_as_the_fifth_answer_takes_nothing_from_the_first(scene: Scene) -> None:  # B1, D3
    code = scene.bench.code(scene.secret)
    scene.answer(scene.open("one"), code)
    waits = scene.open("two")
    for _ in range(4):
        scene.refused(waits)
    assert type(scene.refused(waits, code)) is Void
    scene.bench.next_step()
    assert type(scene.refused(waits, scene.bench.code(scene.secret))) is Void  # but no sixth answer counts


def test_an_account_that_rests_is_not_even_asked(scene: Scene) -> None:  # D1, D3; cases 56, 57
    asked = []
    scene.verifies(lambda _: asked.append(1))
    for number in range(2):
        waits = scene.open(f"id{number}")
        for _ in range(5):
            scene.refused(waits)
    with pytest.raises(Locked) as caught:
        scene.answer(scene.open("another"), scene.bench.code(scene.secret))
    assert caught.value.retry_after == 1801
    assert len(asked) == 10
    found = scene.now("another")
    assert found
    assert found.tries == 0


def test_a_success_lets_the_next_login_start_anew(scene: Scene) -> None:  # D3
    for number in range(4):
        waits = scene.open(f"id{number}")
        for _ in range(4):
            scene.refused(waits)
        scene.bench.next_step()
        assert scene.answer(waits, scene.bench.code(scene.secret))


ODD: dict[str, Callable[[tuple[Authenticator, ...]], Any]] = {
    "None": lambda mine: None,
    "True": lambda mine: True,
    "the record": lambda mine: mine[0],
    "the class": lambda mine: Verified,
    "somebody else's": lambda mine: Verified(replace(mine[0], id="theirs")),
    "an error": lambda mine: 1 / 0,
    "a time-out": lambda mine: (_ for _ in ()).throw(TimeoutError("canary")),
}


@pytest.mark.parametrize("name", ODD)
def test_an_answer_that_is_none_counts_as_wrong(name: str, scene: Scene, log: pytest.LogCaptureFixture) -> None:
    scene.verifies(ODD[name])  # case 50
    waits = scene.open()
    assert type(scene.refused(waits, scene.bench.code(scene.secret))) is Rejected
    found = scene.now()
    assert found
    assert found.tries == 1
    assert "canary" not in log.text  # K1
    assert [record.levelname for record in log.records].count("ERROR") == 1


@pytest.mark.parametrize("error", [StoreError("down"), RecordError("damaged")])
def test_trouble_is_no_wrong_answer(error: Exception, scene: Scene) -> None:  # K3, K5
    def fails(_: object) -> None:
        raise error

    scene.verifies(fails)
    with pytest.raises(type(error)):
        scene.answer(scene.open(), "123456")


def test_a_factor_that_was_taken_out_meanwhile_proves_nothing(scene: Scene) -> None:  # A14
    waits = scene.open()
    account = scene.realm.accounts.get("alice")
    scene.realm.accounts.remove("alice", account.authenticators[0].id)
    assert scene.refused(waits, scene.bench.code(scene.secret)).reason == "the factor is not enrolled any more"


def test_an_answer_counts_for_the_factor_that_it_was_asked_for(scene: Scene) -> None:  # case 48
    scene.bench.enrol_email("alice", "alice@example.com")
    waits = scene.open()
    scene.proving.begin(scene.realm, waits, "email", POST)
    assert type(scene.refused(waits, scene.bench.code(scene.secret))) is Void  # an old page, the factor changed
    assert scene.now()


def test_an_answer_counts_for_the_authenticator_that_was_chosen(scene: Scene) -> None:  # C6
    other = scene.bench.enrol_totp("alice")
    first, second = scene.realm.accounts.get("alice").authenticators
    waits = scene.open(only=second.id)
    assert type(scene.refused(waits, scene.bench.code(scene.secret))) is Rejected
    assert scene.answer(waits, scene.bench.code(other))
    assert first


def test_a_challenge_that_another_request_used_up_meanwhile_is_replayed(scene: Scene) -> None:  # B1
    waits = scene.open()

    def slow(authenticators: tuple[Authenticator, ...]) -> Verified:
        scene.services.challenges.consume(waits)
        return Verified(authenticators[0])

    scene.verifies(slow)
    assert scene.refused(waits).reason == "replayed"


def test_all_that_an_answer_uses_up_is_used_up(scene: Scene) -> None:  # E6
    scene.verifies(lambda mine: Verified(mine[0], (Once("a"), Rising("step", 5))))
    assert scene.answer(scene.open("one"), "x")
    assert scene.refused(scene.open("two"), "x").reason == "replayed"
    scene.verifies(lambda mine: Verified(mine[0], (Once("b"), Rising("step", 5))))
    assert scene.refused(scene.open("three"), "x").reason == "replayed"


def test_a_record_that_the_proof_changed_is_saved(scene: Scene, log: pytest.LogCaptureFixture) -> None:  # E6, E8
    accounts = scene.realm.accounts
    enrolled = accounts.verifiers["recovery"].finish_enrolment(accounts.get("alice"), {}, {}, scene.visit())
    assert isinstance(enrolled, Enrolled)
    accounts.add("alice", accounts.new("recovery", "Codes", enrolled.data, ""))
    scene.proving.begin(scene.realm, scene.open("asked"), "recovery", POST)
    asked = scene.now("asked")
    assert asked
    assert scene.proving.prompt(scene.realm, asked, POST).field_name == "code"
    assert scene.answer(scene.open(kind="recovery"), enrolled.show[0]) == Proof("recovery", "otp", scene.set_up())
    [codes] = accounts.get("alice").of_kind("recovery")
    assert len(codes.data["hashes"]) == 9
    assert "recovery_used" in log.text
    assert type(scene.refused(scene.open("two", kind="recovery"), enrolled.show[0])) is Rejected


def test_a_factor_that_is_taken_out_while_it_proves_is_not_brought_back(scene: Scene) -> None:  # A14
    def slow(authenticators: tuple[Authenticator, ...]) -> Verified:
        scene.realm.accounts.remove("alice", authenticators[0].id)
        return Verified(replace(authenticators[0], label="changed"))

    scene.verifies(slow)
    assert isinstance(scene.refused(scene.open(), "x"), Void)
    assert scene.realm.accounts.get("alice").authenticators == ()


def test_a_clock_that_is_off_is_told_to_the_operator_alone(scene: Scene, log: pytest.LogCaptureFixture) -> None:  # B5
    assert str(scene.refused(scene.open(), scene.bench.code(scene.secret, 5))) == "wrong"
    assert "clock_suspect" in log.text


# -- beginning


def test_the_realms_first_kind_is_asked_first(tmp_path: Path) -> None:
    scene = Scene(tmp_path, verifiers="email totp recovery")
    scene.bench.enrol_email("alice", "alice@example.com")
    waits = scene.open(kind="", state={})
    scene.proving.begin_preferred(scene.realm, waits, POST)
    found = scene.now()
    assert found
    assert found.kind == "email"
    assert [mail.to for mail in scene.bench.outbox.messages] == ["alice@example.com"]
    assert scene.proving.prompt(scene.realm, found, POST).facts["address"] == "a•••@example.com"


def test_looking_at_a_page_sends_no_mail(scene: Scene) -> None:  # C10
    scene.bench.enrol_email("alice", "alice@example.com")
    waits = scene.open()
    assert scene.proving.begin(scene.realm, waits, "email", GET) == NONE
    assert scene.bench.outbox.messages == []


def test_going_back_to_the_mail_keeps_its_code(scene: Scene) -> None:  # C5, C7
    scene.bench.enrol_email("alice", "alice@example.com")
    waits = scene.open()
    begin = scene.proving.begin
    assert begin(scene.realm, waits, "email", POST) == SENT
    code = scene.bench.outbox.code()
    assert begin(scene.realm, waits, "totp", POST) == NONE
    assert begin(scene.realm, waits, "email", POST) == NONE  # it is on its way already
    found = scene.now()
    assert found
    assert scene.proving.mailing.send(scene.realm, found, POST) == WAIT
    scene.bench.clock.pass_by(60)
    assert scene.proving.mailing.send(scene.realm, found, POST) == SENT
    assert scene.bench.outbox.code() == code
    assert len(scene.bench.outbox.messages) == 2
    scene.refused(found)
    assert scene.answer(found, code) == Proof("email", "otp", scene.set_up())


@pytest.mark.parametrize("name", ["email", "recovery", "webauthn", "", "totp:other", "email:x"])
def test_what_is_not_enrolled_is_not_asked(name: str, scene: Scene) -> None:  # case 48
    with pytest.raises(Rejected):
        scene.proving.begin(scene.realm, scene.open(), name, POST)


def test_a_challenge_that_is_over_does_not_begin(scene: Scene) -> None:  # case 32
    waits = scene.open()
    scene.services.challenges.consume(waits)
    with pytest.raises(Void):
        scene.proving.begin(scene.realm, waits, "totp", POST)


def test_the_moment_as_a_verifier_may_know_it(tmp_path: Path) -> None:  # B6, C11
    scene = Scene(tmp_path, sections={"tfa": {"base_url": "https://backup.example.com:8443"}})
    told = {"HTTP_USER_AGENT": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", "HTTP_HOST": "evil.example"}
    told["HTTP_DATE"] = "Thu, 01 Jan 1970 00:00:00 GMT"
    visit = scene.proving.visit(scene.realm, Request.of(environ_of("/", **told)))
    assert (visit.now, visit.issuer, visit.realm) == (scene.bench.clock.now, "Test Console", "user")
    assert (visit.host, visit.client) == ("backup.example.com", "Firefox, Windows, 203.0.113.7")  # case 96


# -- at once


def test_200_wrong_answers_at_once_are_evaluated_up_to_the_limit(scene: Scene) -> None:  # D1; cases 57, 60
    evaluated = []
    scene.verifies(lambda _: evaluated.append(1))
    waiting = [scene.open(f"id{number}") for number in range(40)]

    def attempt(number: int) -> bool:
        try:
            scene.answer(waiting[number % 40], "000000")
        except (Rejected, Locked):
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert not any(pool.map(attempt, range(200)))
    assert len(evaluated) == scene.services.settings.limits.soft_failures


def test_one_code_sent_50_times_over_4_processes_passes_once(tmp_path: Path) -> None:  # B1; cases 42, 113
    path = tmp_path / "tfa.ini"
    limits = "\n".join(f"{name} = {value}" for name, value in WIDE.items())
    path.write_text(f"[tfa]\ninsecure_dev = yes\n[realm:user]\npaths = /\nlogin = /login\n[limits]\n{limits}\n")
    scene = Scene(tmp_path, store=SqliteStore(tmp_path / "tfa.sqlite3", lambda: START))
    ids = [scene.open(f"id{number}").id for number in range(40)]
    code, shares = scene.bench.code(scene.secret), [ids[0:13], ids[13:26], ids[26:40], ids[0:10]]
    answers = in_processes(answer_many, [(str(path), share, code) for share in shares])
    said = [word for words in answers for word in words]
    assert len(said) == 50
    assert said.count("passed") == 1
    assert set(said) <= {"passed", "replayed", "gone", "the challenge is over"}
