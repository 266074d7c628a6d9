"""What is broken lets nobody through (cases 106 to 112)."""

from __future__ import annotations

import ast
import json
import os
import pickle
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench

import tfa_middleware
from attacks.apps import IN_PLACE, Console
from attacks.stage import Stage
from attacks.wire import Client
from tfa_middleware import from_dict, read
from tfa_middleware.errors import ConfigError, KeyFileError, MailError, RecordError, StoreError, TwoFactorError
from tfa_middleware.stores.base import Entry
from tfa_middleware.stores.memory import MemoryStore

CHALLENGE = "/_tfa/user/challenge"
SOURCES = Path(tfa_middleware.__file__).parent


class Faulty(MemoryStore):
    """A store whose verb number ``fails_at`` (and all after it, with ``for_good``) finds no server."""

    def __init__(self) -> None:
        super().__init__()
        self.verbs, self.fails_at, self.for_good = 0, 0, False

    def _maybe(self) -> None:
        self.verbs += 1
        if self.fails_at and (self.verbs == self.fails_at or (self.for_good and self.verbs > self.fails_at)):
            raise StoreError("the store is down")

    def get(self, key: str) -> Entry | None:
        self._maybe()
        return super().get(key)

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        self._maybe()
        return super().put(key, value, ttl=ttl, version=version)

    def delete(self, key: str, *, version: int | None = None) -> bool:
        self._maybe()
        return super().delete(key, version=version)

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        self._maybe()
        return super().incr(key, ttl=ttl, by=by)

    def keys(self, prefix: str) -> Iterator[str]:
        self._maybe()
        return super().keys(prefix)


def without_a_code(stage: Stage, client: Client) -> None:
    """All that an attacker with the password does before he must give up."""
    client.login("alice")
    for path in ("/private", CHALLENGE, "/_tfa/user/enrol", "/_tfa/user/", "/a.css"):
        client.get(path)
    client.press("verify", code="000000")
    client.press("verify", code=stage.code("mallory"))
    client.press("", "/_tfa/user/enrol", kind="totp")
    client.post("/login", {"username": "alice", "password": "right"})
    client.press("cancel")
    client.get("/private")


@pytest.mark.parametrize("for_good", [False, True])
def test_the_store_fails_at_every_verb_of_an_attack(for_good: bool, tmp_path: Path) -> None:  # case 106, K3
    store = Faulty()
    stage = Stage(tmp_path, Console(IN_PLACE), store=store)
    begun = store.verbs
    without_a_code(stage, stage.client())
    needed = store.verbs - begun
    assert needed > 20
    for at in range(1, needed + 1):
        stage.bench.services.limiter.reset("user", "alice")
        store.verbs, store.fails_at, store.for_good = 0, at, for_good
        client = stage.client()
        without_a_code(stage, client)
        store.fails_at = 0
        client.get("/private")
        assert stage.console.served["alice"] == 0, at
        for key in list(store.keys("waiting:")):
            store.delete(key)  # so many logins at once would be refused for their number
    stage.safe()


def test_the_store_is_down(tmp_path: Path) -> None:  # case 106, K3
    store = Faulty()
    stage = Stage(tmp_path, store=store)
    waiting, passed = stage.pending(), stage.passed("mallory")
    served = sum(stage.console.served.values())
    store.verbs, store.fails_at, store.for_good = 0, 1, True
    stage.bench.services.passes.verdicts.due = float("-inf")
    for client, path in ((waiting, "/private"), (waiting, CHALLENGE), (passed, "/private"), (passed, "/_tfa/user/")):
        reply = client.get(path)
        assert reply.code == 503
        assert int(reply.all("retry-after")[0]) > 0
        assert reply.all("cache-control") == ["no-store"]
    visitor = stage.client()
    visitor.get("/login")
    assert visitor.post("/login", {"username": "nobody", "password": "right"}).code == 503
    assert visitor.get("/private").code in (303, 503)
    assert sum(stage.console.served.values()) == served
    store.fails_at = 0
    assert passed.get("/private").code == 200


def test_a_store_that_cannot_write(tmp_path: Path) -> None:  # case 106
    stage = Stage(tmp_path, store=ReadOnly())
    client = stage.client()
    client.get("/login")
    assert client.post("/login", {"username": "alice", "password": "right"}).code == 503
    assert client.get("/private").code in (303, 503)
    assert stage.console.served["alice"] == 0


class ReadOnly(MemoryStore):
    """A store on a full disk."""

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        raise StoreError("no space left")

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        raise StoreError("no space left")


ROTTEN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"a": 1}',
    b"\xff\xfe",
    pickle.dumps({"user": "alice"}),
    b"0",
    b'"x"',
    b"x" * 9999,
]


def test_rotten_entries_of_the_store(tmp_path: Path) -> None:  # case 106, K4
    stage = Stage(tmp_path)
    store = stage.bench.services.store
    for value in ROTTEN:
        waiting, passed = stage.pending(), stage.passed()
        prefixes = ("challenge:", "pass:", "user:", "tries:", "used:", "waiting:", "page:")
        for key in [key for prefix in prefixes for key in store.keys(prefix)]:
            store.put(key, value, ttl=600)
        stage.bench.services.passes.verdicts.forget()
        for client in (waiting, passed):
            for path in ("/private", CHALLENGE, "/_tfa/user/"):
                assert client.get(path).code in (303, 403, 500, 503), (path, value)
            assert client.press("verify", code=stage.code("alice")).code in (403, 500, 503)
        assert stage.console.served["alice"] == 0
        for key in list(store.keys("")):
            store.delete(key)
    stage.safe()


@pytest.mark.parametrize(
    "error", [MailError("down"), TimeoutError("slow"), ValueError("code 123456"), OSError("refused")]
)
def test_the_mail_server_is_down(error: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # case 106, C17
    console = Console()
    bench = Bench(console, tmp_path)
    bench.enrol_email("alice", "alice@example.com")

    def send(message: Any) -> None:
        raise error

    bench.outbox.send = send  # type: ignore[method-assign]
    client = Client(bench.app)
    client.login("alice")
    for _ in range(3):
        for path in ("/private", CHALLENGE):
            assert b"SECRET" not in client.get(path).body
        client.press("verify", code="")
        client.press("resend")
    assert console.served["alice"] == 0
    assert "123456" not in caplog.text


def test_a_key_file_that_is_no_good_refuses_to_start(tmp_path: Path) -> None:  # case 106, F6
    realm = {"realm:user": {"paths": "/", "login": "/login"}, "tfa": {"store": "memory:"}}
    path = tmp_path / "tfa.key"
    good = "abcd\t" + "A" * 43 + "=\n"
    for text, mode in [
        ("", 0o600),
        ("secret", 0o600),
        ("changeme\tc2VjcmV0\n", 0o600),
        ("a\t" + "A" * 20 + "\n", 0o600),
        ("a\t!!!!\n", 0o600),
        (good, 0o644),
        (good, 0o640),
        (good, 0o606),
        ("\xff\xfe" * 20, 0o600),
        (good + "b\tQQ==\n", 0o600),
    ]:
        path.write_bytes(text.encode("latin-1"))
        path.chmod(mode)
        with pytest.raises(KeyFileError) as caught:
            tfa_middleware.TwoFactorMiddleware(Console(), from_dict(realm, tmp_path))
        assert "A" * 20 not in str(caught.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(KeyFileError):
        tfa_middleware.TwoFactorMiddleware(Console(), from_dict(realm, tmp_path))
    path.rmdir()
    tfa_middleware.TwoFactorMiddleware(Console(), from_dict(realm, tmp_path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_record_that_was_tampered_with_never_means_no_factor(tmp_path: Path) -> None:  # case 106, K4, K5, B8
    stage = Stage(tmp_path)
    path = tmp_path / "TFARecs.dat"
    whole = path.read_text()
    alice = next(line for line in whole.splitlines() if "alice" in line)
    mallory = next(line for line in whole.splitlines() if "mallory" in line)
    sealed = json.loads(mallory.split("\t", 2)[2])["authenticators"][0]["sealed"]
    own = json.loads(alice.split("\t", 2)[2])
    moved = {**own, "authenticators": [{**own["authenticators"][0], "sealed": sealed}]}
    head = alice.rsplit("\t", 1)[0]
    for line in (
        alice[:-5],
        alice.replace('"sealed":"', '"sealed":"x'),
        f"{head}\t{json.dumps(moved)}",  # Mallory's key under Alice's name
        f"{head}\t{json.dumps({**own, 'authenticators': []})}",
        f"{head}\t" + "{}",
        f"{head}\tnull",
        f"{head}",
        alice + "\n" + alice,
        alice.replace('"kind":"totp"', '"kind":"none"'),
        alice.replace('"kind":"totp"', '"kind":"recovery"'),
        alice.replace('"enabled":true', '"enabled":"yes"'),
    ):
        path.write_text(whole.replace(alice, line))
        os.utime(path, (1, 1))
        client = stage.client()
        reply = client.login("alice")
        assert reply.location == CHALLENGE or reply.code in (500, 503), line
        client.press("verify", code=stage.code("mallory"))
        client.get("/private")
        assert stage.console.served["alice"] == 0, line
        stage.bench.services.limiter.reset("user", "alice")
    path.write_text(whole)
    stage.safe()


def test_a_record_that_cannot_be_read_refuses_to_start(tmp_path: Path) -> None:  # case 106, K4
    stage = Stage(tmp_path)
    path = tmp_path / "TFARecs.dat"
    path.write_text(path.read_text()[:-20])
    with pytest.raises((RecordError, StoreError)):
        Bench(stage.console, tmp_path)


def test_whatever_raises_lets_nobody_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # K6
    stage = Stage(tmp_path)
    waiting, passed = stage.pending(), stage.passed()
    parts: list[tuple[Any, str]] = [
        (stage.app._routes, "find"),
        (stage.app._standings, "of"),
        (stage.app._standings, "quick"),
        (stage.app._inside, "serve"),
        (stage.bench.services.passes, "get"),
        (stage.bench.services.passes.verdicts, "refresh"),
        (stage.bench.services.passes.verdicts, "keep"),
        (stage.bench.app._standings, "found"),
        (stage.bench.services.challenges, "fetch"),
        (stage.bench.services.map.realms["user"], "classify"),
        (stage.bench.services.map.realms["user"].tags, "bound"),
        (stage.bench.services.map.realms["user"].accounts, "get"),
        (stage.bench.services.map.realms["user"].quarantine, "acquire"),
        (stage.bench.services.audit, "emit"),
        (stage.bench.services.limiter, "reserve"),
    ]
    for part, name in parts:
        for error in (ValueError("secret 123456"), KeyError("x"), RecursionError(), MemoryError(), TwoFactorError("x")):

            def failing(*_: Any, error: Exception = error, **__: Any) -> Any:
                raise error

            with monkeypatch.context() as patched:
                patched.setattr(part, name, failing)
                stage.bench.services.passes.verdicts.forget()
                for client in (waiting.copy(), passed.copy(), stage.client()):
                    for path in ("/private", CHALLENGE):
                        reply = client.get(path)
                        assert b"secret" not in reply.body
                        assert b"123456" not in reply.body
                    client.press("verify", code="000000")
                    client.post("/login", {"username": "alice", "password": "right"})
                    client.get("/private")
            assert stage.console.served["alice"] == 0, (name, error)
        stage.bench.services.limiter.reset("user", "alice")
        for key in list(stage.bench.services.store.keys("waiting:")):
            stage.bench.services.store.delete(key)
        if passed.get("/private").code != 200:
            stage.bench.next_step()
            passed = stage.passed()
    stage.safe()


REALM = "[realm:user]\npaths = /\nlogin = /login\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tfa]\nbypass_code = 123456\n" + REALM, ["bypass_code"]),
        ("[tfa]\ndisable = yes\n" + REALM, ["disable"]),
        ("[tfa]\nmaster_code = 1\n" + REALM, ["master_code"]),
        (REALM + "test_code = 000000\n", ["test_code"]),
        (REALM + "verifiers = none\n", ["verifiers", "none"]),
        (REALM + "verifiers =\n", ["verifiers"]),
        (REALM + "verifiers = recovery\n", ["verifiers"]),
        (REALM + "policy = none\n", ["policy"]),
        (REALM + "policy = Off \npolicy = off\n", ["policy"]),
        (REALM + REALM, ["realm:user"]),
        ("[tfa]\nissuer = x\n[tfa]\nissuer = y\n" + REALM, ["tfa"]),
        ("[tfa]\nchallenge_time = forever\n" + REALM, ["challenge_time"]),
        ("[tfa]\nchallenge_time = 11m\n" + REALM, ["challenge_time"]),
        ("[limits]\nsoft_failures = 0\n" + REALM, ["soft_failures"]),
        ("[limits]\nhard_failures = 101\n" + REALM, ["hard_failures"]),
        ("[limits]\nchallenge_tries = many\n" + REALM, ["challenge_tries"]),
        (REALM + "lifetime = -1\n", ["lifetime"]),
        (REALM + "whoami = /me\n", ["whoami"]),
        (REALM + "whoami = //evil/me\nwhoami_pattern = (x)\n", ["whoami"]),
        (REALM + "success =\n", ["success"]),
        (REALM + "success = always\n", ["success", "always"]),
        (REALM + "public = /static/../\n", ["public"]),
        (REALM + "exempt_networks = everywhere\n", ["exempt_networks"]),
        ("[realm:user]\npaths = /\n", ["login"]),
        ("[realm:user]\nlogin = /login\n", ["paths"]),
        ("[verifier:totp]\nfuture = 9\n" + REALM, ["future"]),
        ("[verifier:email]\nvalid = 1h\n" + REALM, ["valid"]),
        ("[verifier:free]\nuse = builtins:object\n" + REALM, ["verifier:free"]),
        ("[gateway]\nupstream = http://a:b@x\n" + REALM, ["gateway"]),
        ("", ["realm"]),
    ],
)
def test_a_configuration_that_is_no_good_refuses_to_start(text: str, words: list[str], tmp_path: Path) -> None:
    # cases 108 and 109, K7
    path = tmp_path / "tfa.ini"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    for word in words:
        assert word in str(caught.value)


def test_an_operators_reset(tmp_path: Path) -> None:  # case 110, E9, E10
    stage = Stage(tmp_path, policy="required")
    stage.bench.enrol_email("alice", "alice@example.com")
    events: list[Any] = []
    stage.bench.services.audit.subscribe(events.append)
    alice, waiting = stage.passed("alice"), stage.pending("alice")
    served = stage.console.served["alice"]
    assert stage.bench.services.operator_reset("user", "alice", "lost phone")
    assert alice.get("/private").code == 303
    assert waiting.press("verify", code=stage.code("alice")).code == 403
    assert waiting.get("/private").code == 303
    assert stage.console.served["alice"] == served
    (reset,) = [event for event in events if event.name == "reset"]
    assert reset.facts["reason"] == "lost phone"
    assert [mail.to for mail in stage.bench.outbox.messages if "reset" in mail.subject] == ["alice@example.com"]
    # The waiting login cannot enrol; it takes the password again, and then the enrolment
    assert waiting.press("", "/_tfa/user/enrol", kind="totp").code == 403
    again = stage.client()
    assert again.login("alice", "wrong").code == 200
    again.login("alice")
    assert again.get(CHALLENGE).location == "/_tfa/user/enrol"


def test_nothing_is_unpickled_or_evaluated() -> None:  # case 112
    banned = {"pickle", "marshal", "shelve", "yaml", "dill", "jsonpickle", "code", "codeop"}
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not banned & {name.name.partition(".")[0] for name in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in banned, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path


def test_a_pickle_in_every_place_is_just_rubbish(tmp_path: Path) -> None:  # case 112
    class Bomb:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "boom"),))

    import base64

    stage = Stage(tmp_path)
    text = base64.urlsafe_b64encode(pickle.dumps(Bomb())).decode().rstrip("=")
    for value in (text, f"{text}.{text}", "." + text, "!!python/object/apply:os.mkdir [boom]"):
        client = stage.client(**{"tfa-user": value})
        client.get("/private")
        client.get(CHALLENGE)
        client.post(CHALLENGE, {"csrf_token": value, "action": "verify", "code": value})
        client.post("/login", value.encode(), CONTENT_TYPE="application/x-python-pickle")
    assert not (tmp_path / "boom").exists()
    stage.safe()
