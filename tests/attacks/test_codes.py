"""Codes: used twice, spelt oddly, typed into the wrong field, of the wrong time (cases 41 to 55)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bench import Bench

from attacks.apps import Console
from attacks.stage import Stage
from attacks.wire import Client

CHALLENGE = "/_tfa/user/challenge"


def test_a_used_code_its_step_and_older_ones(tmp_path: Path) -> None:  # cases 41 and 45, B1
    stage = Stage(tmp_path)
    stage.bench.clock.pass_by(600)
    code, older = stage.code("alice"), stage.bench.code(stage.keys["alice"], -1)
    assert stage.pending().press("verify", code=code).code == 303
    for _ in range(2):
        for used in (code, older):
            assert stage.pending().press("verify", code=used).code == 403
        stage.bench.next_step()  # in the next step the old code is still in the window
    stage.bench.clock.pass_by(-90)  # a clock that is set back does not bring them back
    for used in (code, older, stage.bench.code(stage.keys["alice"], -2)):
        assert stage.pending().press("verify", code=used).code == 403


@pytest.mark.parametrize("steps", [-20, -3, -2, 2, 3, 20])
def test_codes_of_another_time(steps: int, tmp_path: Path) -> None:  # case 45, B5, B6
    stage = Stage(tmp_path)
    stage.bench.clock.pass_by(3600)
    client = stage.pending()
    reply = client.press("verify", code=stage.bench.code(stage.keys["alice"], steps))
    plain = stage.pending().press("verify", code="000000")
    assert reply.code == plain.code == 403
    strip = re.compile(rb'csrf_token" value="[^"]*"|<input class="answer.*?>')
    assert strip.sub(b"", reply.body) == strip.sub(b"", plain.body)  # nothing says that it was nearly right (G13)
    stage.safe()


NO_CODES = [
    *("", " ", "0", "000000", "null", "None", "true", "-1", "1e5", "+12345", "0x1e240", "1234567", "9" * 10_000),
    *("\uff10\uff11\uff12\uff13\uff14\uff15", "\u0661\u0662\u0663\u0664\u0665\u0666", "12\x003456", "123\r\n456"),
    *("%00", "' OR 1=1 --", "{}", "[]", "\U0001f600", "123.456", "12,3456"),
]


def test_what_is_no_code_is_wrong_and_counts_once(tmp_path: Path) -> None:  # case 43
    stage = Stage(tmp_path)
    for typed in NO_CODES:
        client = stage.pending()
        assert client.press("verify", code=typed).code == 403
        record = stage.bench.services.store.get("tries:user:alice")
        assert record is not None
        assert b'"totp":1' in record.value.replace(b" ", b""), typed
        assert client.get("/private").code == 303
        stage.bench.services.limiter.reset("user", "alice")
    stage.safe()


def test_fields_in_other_shapes(tmp_path: Path) -> None:  # case 43
    stage = Stage(tmp_path)
    right = stage.code("alice").encode()
    shapes = [
        b"code=000000&code=%s", b"code=%s&code=%s", b"code[]=%s", b"code[0]=%s", b"Code=%s", b"x=%s", b"code", b"code=",
        b"code%%00=%s", b"code=%s%%00", b"code=%%EF%%BC%%90%s",
    ]  # fmt: skip
    for shape in shapes:
        client = stage.pending()
        token = re.search(rb'csrf_token" value="([^"]*)"', client.get(CHALLENGE).body)
        assert token
        body = b"csrf_token=" + token[1] + b"&action=verify&" + (shape.replace(b"%s", right).replace(b"%%", b"%"))
        assert client.post(CHALLENGE, body).code in (400, 403), shape
        assert client.get("/private").code == 303
        stage.bench.services.limiter.reset("user", "alice")
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=B", "application/xml"):
        client = stage.pending()
        assert client.post(CHALLENGE, b'{"code": "' + right + b'"}', CONTENT_TYPE=kind).code in (400, 403)
        assert client.get("/private").code == 303
    client = stage.pending()
    assert client.post(f"{CHALLENGE}?action=verify&code={right.decode()}", b"").code in (400, 403)
    assert client.get(f"{CHALLENGE}?action=verify&code={right.decode()}").code == 200
    assert client.get("/private").code == 303
    stage.safe()


def test_blanks_and_hyphens_are_forgiven_and_nothing_else(tmp_path: Path) -> None:  # case 44, B11
    stage = Stage(tmp_path)
    for shape in ("{}.{}", "{}/{}", "{}\u200b{}", "a{}{}", "{}\uff0d{}", "{}_{}"):
        code = stage.code("alice")
        assert stage.pending().press("verify", code=shape.format(code[:3], code[3:])).code == 403, shape
    for shape in ("{} {}", "{}-{}", " {}{}\t", "{}\u00a0{}"):
        code = stage.code("alice")
        assert stage.pending().press("verify", code=shape.format(code[:3], code[3:])).code == 303, shape
        stage.bench.next_step()


def test_a_mailed_code_after_its_time_and_after_another_login(tmp_path: Path) -> None:  # case 46, C4, C6
    console = Console()
    bench = Bench(console, tmp_path, {"verifier:email": {"valid": "5m"}})
    bench.enrol_email("alice", "alice@example.com")
    first = Client(bench.app)
    first.login("alice")
    old = bench.outbox.code()
    bench.clock.pass_by(301)
    assert first.press("verify", code=old).code == 403
    second = Client(bench.app)
    second.login("alice")
    new = bench.outbox.code()
    assert second.press("verify", code=old).code == 403 or old == new
    assert first.press("verify", code=new).code == 403 or old == new
    assert console.served["alice"] == 0
    assert second.press("verify", code=new).code == 303
    third = Client(bench.app)
    third.login("alice")
    assert third.press("verify", code=new).code == 403 or new == bench.outbox.code()


def test_a_mailed_code_shows_nowhere_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # case 47, C12
    bench = Bench(Console(), tmp_path)
    bench.enrol_email("alice", "alice@example.com")
    codes = set()
    for _ in range(5):
        client = Client(bench.app)
        replies = [
            client.login("alice"),
            client.get(CHALLENGE),
            client.press("verify", code="x"),
            client.press("resend"),
        ]
        code = bench.outbox.code()
        codes.add(code)
        assert re.fullmatch(r"\d{6}", code)
        assert code not in bench.outbox.messages[-1].subject
        for reply in replies:
            assert code not in str(reply.headers)
            assert code.encode() not in reply.body
    assert len(codes) > 1
    assert not [code for code in codes if code in caplog.text]


def test_only_the_chosen_factor_is_tried(tmp_path: Path) -> None:  # case 48
    stage = Stage(tmp_path)
    bench = stage.bench
    bench.enrol_email("alice", "alice@example.com")
    mallory = stage.passed("alice")
    codes = re.findall(rb"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b", mallory.press("recovery", "/_tfa/user/").body)
    assert len(codes) == 10
    stage.bench.services.limiter.reset("user", "alice")
    client = stage.pending()
    client.press("method", kind="email")
    mailed = bench.outbox.code()
    assert client.press("verify", code=stage.code("alice")).code == 403  # an app's code in the field for mail
    assert client.press("verify", code=codes[0].decode()).code == 403
    client.press("method", kind="totp")
    assert client.press("verify", code=mailed).code == 403 or mailed == stage.code("alice")
    assert client.press("verify", code=mailed, kind="email").code == 403 or mailed == stage.code("alice")
    record = bench.services.store.get("tries:user:alice")
    assert record is not None
    row = record.value.replace(b" ", b"")
    assert b'"email":2' in row
    assert b'"totp":2' in row
    assert b'"recovery"' not in row
    assert client.press("method", kind="odd").code == 403
    assert client.press("method", kind="recovery").code == 200
    assert client.press("verify", code=codes[0].decode().lower().replace("-", " ")).code == 303


def test_a_recovery_code_is_good_once_in_every_spelling(tmp_path: Path) -> None:  # cases 51 and 52, E3, E6
    stage = Stage(tmp_path)
    stage.bench.enrol_email("alice", "alice@example.com")

    def new_set(client: Client) -> list[str]:
        page = client.press("recovery", "/_tfa/user/").body.decode()
        return re.findall(r"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b", page)

    def tried(code: str) -> int:
        client = stage.pending()
        client.press("method", kind="recovery")
        stage.bench.services.limiter.reset("user", "alice")
        return client.press("verify", code=code).code

    client = stage.passed("alice")
    old = new_set(client)
    assert tried(old[0]) == 303
    assert [mail.subject for mail in stage.bench.outbox.messages].count("A recovery code was used") <= 1
    assert any("recovery code" in mail.text for mail in stage.bench.outbox.messages)
    for spelling in (old[0], old[0].lower(), old[0].replace("-", ""), f" {old[0]} ", old[0].replace("-", "\u00a0")):
        assert tried(spelling) == 403
    assert client.get("/private").code == 303  # recovery signs out whoever has the lost factor (E8)
    stage.bench.next_step()
    fresh = new_set(stage.passed("alice"))
    assert not set(fresh) & set(old)
    assert tried(old[1]) == 403
    assert tried(fresh[1]) == 303


def test_new_recovery_codes_need_a_fresh_proof_and_the_token(tmp_path: Path) -> None:  # cases 52 and 70, A16
    stage = Stage(tmp_path)
    client = stage.passed("alice")
    assert client.post("/_tfa/user/", {"action": "recovery"}).code == 403
    stage.bench.clock.pass_by(301)
    before = stage.bench.services.accounts.get("user", "alice")
    for action in ("recovery", "remove", "enabled", "rename"):
        assert client.press(action, "/_tfa/user/", id="x", label="x").location == CHALLENGE
        assert stage.bench.services.accounts.get("user", "alice") == before
    for page in ("/_tfa/user/enrol", "/_tfa/user/enrol/totp"):
        assert client.get(page).location == CHALLENGE
    # Wrong codes, a cancelled step-up, and the old proof: none of them is fresh
    assert client.press("verify", code="000000").code == 403
    client.press("cancel")
    assert client.press("recovery", "/_tfa/user/").location == CHALLENGE
    assert stage.bench.services.accounts.get("user", "alice") == before
    # A step-up of Mallory does not count for Alice
    mallory = stage.passed("mallory")
    mixed = client.copy(**{"tfa-user": mallory.jar["tfa-user"]})
    assert mixed.press("recovery", "/_tfa/user/").code in (303, 403)
    assert stage.bench.services.accounts.get("user", "alice") == before
    assert client.press("recovery", "/_tfa/user/").location == CHALLENGE
    assert client.press("verify", code=stage.code("alice")).code == 303
    assert b"-" in client.press("recovery", "/_tfa/user/").body


def test_enrolment_takes_its_own_secret_only_and_once(tmp_path: Path) -> None:  # case 54, B2, B9
    stage = Stage(tmp_path)
    client = stage.passed("mallory")
    client.press("", "/_tfa/user/enrol", kind="totp")
    page = client.get("/_tfa/user/enrol/totp").body.decode()
    token = page.partition('csrf_token" value="')[2].partition('"')[0]
    other = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    fields = {"csrf_token": token, "action": "confirm", "secret": other, "state": other, "user": "alice"}
    assert client.post("/_tfa/user/enrol/totp", {**fields, "code": stage.bench.code(other)}).code == 403
    found = re.search(r"secret=([A-Z2-7]+)", page)
    assert found
    before = client.copy()
    confirmed = {**fields, "code": stage.bench.code(found[1])}
    assert client.post("/_tfa/user/enrol/totp", confirmed).code in (200, 303)
    for again in (before, client):
        assert again.post("/_tfa/user/enrol/totp", confirmed).code in (303, 403)
    account = stage.bench.services.accounts.get("user", "mallory")
    assert account is not None
    assert len(account.of_kind("totp")) == 2
    alice = stage.bench.services.accounts.get("user", "alice")
    assert alice is not None
    assert len(alice.authenticators) == 1
    stage.safe()


def test_a_factor_that_was_never_confirmed_opens_nothing(tmp_path: Path) -> None:  # case 55, B10
    stage = Stage(tmp_path)
    client = stage.passed("mallory")
    client.press("", "/_tfa/user/enrol", kind="totp")
    found = re.search(rb"secret=([A-Z2-7]+)", client.get("/_tfa/user/enrol/totp").body)
    assert found
    assert stage.pending("mallory").press("verify", code=stage.bench.code(found[1].decode())).code == 403
    stage.bench.clock.pass_by(601)
    assert client.get("/_tfa/user/enrol/totp").location in ("/_tfa/user/enrol", CHALLENGE)


UNCLEAR = ["None", "True", "1", "text", "truthy", "class", "record", "stranger", "other id", "truthy record"]
RAISING = ["raise", "timeout", "key", "stop", "unknown"]


def test_a_verifier_that_gives_no_clear_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # case 50, K6
    console = Console()
    sections = {
        "verifier:odd": {"use": "attacks.odd_verifier:Odd"},
        "realm:user": {"paths": "/", "login": "/login", "verifiers": "odd"},
    }
    bench = Bench(console, tmp_path, sections)
    accounts = bench.services.map.realms["user"].accounts
    accounts.add("alice", accounts.new("odd", "x", {}, ""))
    for answer in UNCLEAR + RAISING:
        client = Client(bench.app)
        client.login("alice")
        assert client.press("verify", code=answer).code in (403, 500), answer
        assert client.get("/private").code == 303
        assert console.served["alice"] == 0, answer
        bench.services.limiter.reset("user", "alice")
    assert "123456" not in caplog.text
    assert client.press("verify", code="good").code == 303
    again = Client(bench.app)
    again.login("alice")
    assert again.press("verify", code="good").code == 403  # consumed by the framework
