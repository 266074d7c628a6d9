"""A login that waits: what it is bound to, and what cannot be done with it (cases 26 to 39)."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from support.bench import Bench

from attacks.apps import IN_PLACE, NEW, Console, Environ
from attacks.stage import Stage
from attacks.wire import Client
from tfa_middleware.keys import Keys
from tfa_middleware.sessions import PASSED, PENDING, Session, SessionCookie

CHALLENGE = "/_tfa/user/challenge"
OURS = "tfa-user"


def token_of(client: Client, page: str = CHALLENGE) -> str:
    """The csrf token on a page."""
    found = re.search(rb'name="csrf_token" value="([^"]*)"', client.get(page).body)
    return found[1].decode() if found else ""


def test_a_code_without_a_login(tmp_path: Path) -> None:  # case 26, D6
    stage = Stage(tmp_path)
    stage.bench.enrol_email("alice", "alice@example.com")
    bodies = set()
    for fields in ({"code": stage.code("alice")}, {"code": "1", "username": "alice"}, {"action": "resend"}, {}):
        client = stage.client()
        client.get("/login")
        for url in (CHALLENGE, "/_tfa/user/", "/_tfa/user/enrol", "/_tfa/user/enrol/totp"):
            reply = client.post(url, {"action": "verify", **fields})
            assert reply.code == 403
            bodies.add((url, reply.body))
    assert len(bodies) <= 4  # whatever was sent, the page is the same
    assert stage.bench.outbox.messages == []
    stage.safe()


def test_the_form_does_not_say_whose_login_it_is(tmp_path: Path) -> None:  # cases 27 and 28, C2
    stage = Stage(tmp_path)
    names = ("username", "user", "user_id", "account", "realm", "email", "address", "session", "state", "kind", "id")
    for value in ("mallory", "admin", "1"):
        client = stage.pending("alice")
        code = stage.code("mallory")
        reply = client.press("verify", code=code, **dict.fromkeys(names, value))
        assert reply.code == 403
        assert client.get("/private").code == 303
        mine = stage.pending("mallory")
        mine.press("verify", code=code, **dict.fromkeys(names, "alice"))
        assert b"SECRET of alice" not in mine.get("/private").body
        stage.bench.next_step()
    stage.safe()


def test_a_mailed_code_of_another_account_or_login(tmp_path: Path) -> None:  # cases 28 and 46, C6
    console = Console()
    bench = Bench(console, tmp_path)
    for user in ("alice", "mallory"):
        bench.enrol_email(user, f"{user}@example.com")
    alice, mallory = Client(bench.app), Client(bench.app)
    codes = {}
    for client, user in ((alice, "alice"), (mallory, "mallory")):
        client.login(user)
        codes[user] = bench.outbox.code()
    assert [one.to for one in bench.outbox.messages] == ["alice@example.com", "mallory@example.com"]
    assert alice.press("verify", code=codes["mallory"]).code == 403
    again = Client(bench.app)
    again.login("alice")
    assert again.press("verify", code=codes["alice"]).code == 403 or codes["alice"] == bench.outbox.code()
    assert console.served["alice"] == 0
    assert alice.press("verify", code=codes["alice"]).code == 303
    assert b"SECRET of alice" in alice.get("/private").body


def test_swapped_between_browsers(tmp_path: Path) -> None:  # cases 28 and 33, A4, A8
    stage = Stage(tmp_path, Console(IN_PLACE))
    alice, mallory = stage.pending("alice"), stage.pending("mallory")
    token = token_of(mallory)
    # Mallory's page sent with the cookie of Alice's login, and the reverse
    mixed = mallory.copy(**{OURS: alice.jar[OURS]})
    fields = {"csrf_token": token, "action": "verify", "code": stage.code("mallory")}
    assert mixed.post(CHALLENGE, fields).code == 403
    # The application's cookies of Alice's login beside Mallory's pass
    mallory.press("verify", code=stage.code("mallory"))
    for jar in (alice.jar, {"sid": alice.jar["sid"]}):
        thief = Client(stage.app, **{**jar, OURS: mallory.jar[OURS]})
        stage.finished(thief)
    stage.bench.services.limiter.reset("user", "mallory")
    stage.safe()


def test_a_planted_login_does_not_become_the_victims_pass(tmp_path: Path) -> None:  # case 82, A8
    stage = Stage(tmp_path)
    planted = stage.pending("mallory")
    victim = planted.copy()
    # The victim sees whose login it is, and her own code does not fit it.
    assert b"<strong>mallory</strong>" in victim.get(CHALLENGE).body
    assert victim.press("verify", code=stage.code("alice")).code == 403
    # If Mallory answers, only his browser gets the new session.
    planted.press("verify", code=stage.code("mallory"))
    assert victim.get("/private").code == 303
    assert planted.jar[OURS] != victim.jar[OURS]
    stage.safe()


def test_every_changed_octet_of_the_cookie(tmp_path: Path) -> None:  # case 30, F5
    stage = Stage(tmp_path)
    for client in (stage.pending("alice"), stage.passed("mallory")):
        whole = client.jar[OURS]
        waits = b'value="verify"' in client.get(CHALLENGE).body
        for at in range(len(whole)):
            changed = whole[:at] + ("A" if whole[at] != "A" else "_") + whole[at + 1 :]
            assert stage.bench.services.map.realms["user"].cookie.read([(OURS, changed)], 0).fresh, at
        for changed in (whole[:-1], whole + "A", whole * 2, "", ".", whole.upper(), f'"{whole}"', f"{whole},{whole}"):
            forged = Client(stage.app, **{**client.jar, OURS: changed})
            assert b'value="verify"' not in forged.get(CHALLENGE).body
            assert forged.get("/private").code == 303
            assert forged.jar.get(OURS) != whole
        assert waits == (b'value="verify"' in client.get(CHALLENGE).body)
    assert stage.console.served["alice"] == 0


def test_a_cookie_of_other_keys_purposes_and_realms(tmp_path: Path) -> None:  # cases 30, 31 and 35, A21, F5
    stage = Stage(tmp_path)
    alice = stage.pending("alice")
    realm = stage.bench.services.map.realms["user"]
    waiting = realm.cookie.read([(OURS, alice.jar[OURS])], stage.bench.clock())
    (tmp_path / "other").mkdir()
    strange = Keys.load_or_create(tmp_path / "other" / "tfa.key")
    forged = [
        SessionCookie(strange, "user", insecure=True),
        SessionCookie(stage.bench.services.keys, "admin", insecure=True),
    ]
    for cookie in forged:
        for state in (PENDING, PASSED):
            value = cookie.header(Session(state, waiting.id, waiting.issued))[1].partition("=")[2].partition(";")[0]
            client = Client(stage.app, **{**alice.jar, OURS: value})
            assert b'value="verify"' not in client.get(CHALLENGE).body
            assert client.get("/private").code == 303
    token = token_of(alice)
    for value in (
        token,
        realm.cookie.csrf_token(waiting),
        base64.urlsafe_b64encode(b'["passed","x",1,{},""]').decode(),
    ):
        assert Client(stage.app, **{**alice.jar, OURS: value}).get("/private").code == 303
    stage.safe()


def test_after_its_time(tmp_path: Path) -> None:  # case 31
    stage = Stage(tmp_path)
    alice = stage.pending("alice")
    token = token_of(alice)
    stage.bench.clock.pass_by(599)
    assert b'value="verify"' in alice.get(CHALLENGE).body
    stage.bench.clock.pass_by(2)
    late = alice.copy()
    fields = {"csrf_token": token, "action": "verify", "code": stage.code("alice")}
    assert late.post(CHALLENGE, fields).code == 403
    stage.finished(late)
    stage.safe()


def test_after_its_key_was_taken_out(tmp_path: Path) -> None:  # case 31, F5
    console = Console()
    old = Stage(tmp_path, console)
    alice, mallory = old.pending("alice"), old.passed("mallory")
    kept = [dict(alice.jar), dict(mallory.jar)]
    (tmp_path / "tfa.key").unlink()
    (tmp_path / "TFARecs.dat").unlink()
    new = Stage(tmp_path, console)  # other keys, the same secret store would not help
    new.app._services.store._rows.update(old.app._services.store._rows)
    for jar in kept:
        client = Client(new.app, **jar)
        assert b'value="verify"' not in client.get(CHALLENGE).body
        assert client.get("/private").code == 303
    assert console.served["alice"] == 0


def test_after_success_cancel_and_lock(tmp_path: Path) -> None:  # case 32, A8
    stage = Stage(tmp_path)
    ways = {
        "success": lambda client: client.press("verify", code=stage.code("alice")),
        "cancel": lambda client: client.press("cancel"),
        "void": lambda client: [client.press("verify", code="000000") for _ in range(5)],
    }
    for way, end in ways.items():
        client = stage.pending("alice")
        before, token = client.copy(), token_of(client)
        end(client)
        served = stage.console.served["alice"]
        stage.bench.next_step()
        fields = {"csrf_token": token, "action": "verify", "code": stage.code("alice")}
        assert before.post(CHALLENGE, fields).code == 403, way
        again = Client(stage.app, **before.jar)
        assert again.get("/private").code == 303, way
        assert stage.console.served["alice"] == served, way


def test_the_same_post_again(tmp_path: Path) -> None:  # B1, case 32
    stage = Stage(tmp_path)
    client = stage.pending("alice")
    before = client.copy()
    fields = {"csrf_token": token_of(client), "action": "verify", "code": stage.code("alice")}
    assert client.post(CHALLENGE, fields).code == 303
    assert client.jar[OURS] != before.jar[OURS]
    reply = before.post(CHALLENGE, fields)
    assert reply.code == 403
    assert not [line for line in reply.all("set-cookie") if line.startswith("sid=")]
    assert before.get("/private").code == 303
    other = stage.pending("alice")  # the same code in another login
    assert other.press("verify", code=fields["code"]).code == 403
    assert other.get("/private").code == 303


def test_a_pass_in_a_browser_with_another_session(tmp_path: Path) -> None:  # case 33, A4
    stage = Stage(tmp_path)
    mallory = stage.passed()
    other = stage.console._fresh("alice")
    for jar in ({"sid": other}, {"SID": other}, {"sid": other + "x"}, {"sid": ""}):
        thief = Client(stage.app, **{OURS: mallory.jar[OURS], **jar})
        thief.get("/private")
        thief.get("/login")
    assert stage.console.served["alice"] == 0
    stage.safe()


REALMS = {
    "realm:admin": {"paths": "/admin", "login": "/admin/login"},
    "realm:user": {"paths": "/", "login": "/login", "username": "username", "password": "password"},
}


class Two(Console):
    """An application with an administrator's part, one table of users and one session for both."""

    def __call__(self, environ: Environ, start):  # type: ignore[no-untyped-def]
        if environ["PATH_INFO"] == "/admin/login":
            environ = {**environ, "PATH_INFO": "/login"}
        return super().__call__(environ, start)


@pytest.mark.parametrize("habit", [NEW, IN_PLACE])
def test_what_one_realm_gave_is_nothing_in_the_other(habit: str, tmp_path: Path) -> None:  # case 35, A21
    bench = Bench(Two(habit), tmp_path, REALMS)
    keys = {realm: bench.enrol_totp("alice", realm) for realm in ("user", "admin")}
    roots = {"user": ("/login", "/private"), "admin": ("/admin/login", "/admin/x")}
    for realm, other in (("user", "admin"), ("admin", "user")):
        client = Client(bench.app)
        client.login("alice", path=roots[realm][0])
        page = f"/_tfa/{realm}/challenge"
        token, ours = token_of(client, page), client.jar[f"tfa-{realm}"]
        client.jar[f"tfa-{other}"] = ours  # the cookie of one realm under the other's name
        fields = {"csrf_token": token, "action": "verify", "code": bench.code(keys[other])}
        assert client.post(f"/_tfa/{other}/challenge", fields).code == 403
        assert client.post(page, fields).code == 403  # the code of the other realm's app
        client = Client(bench.app)
        client.login("alice", path=roots[realm][0])
        assert client.press("verify", page, code=bench.code(keys[realm])).code == 303
        assert b"SECRET of alice" in client.get(roots[realm][1]).body
        thief = client.copy(**{f"tfa-{other}": client.jar[f"tfa-{realm}"]})
        for one in (client, thief):
            assert one.get(roots[other][1]).code == 303
            assert b"tick" not in one.get(f"/_tfa/{other}/").body
        bench.next_step()


def test_enrolled_is_challenged_where_nobody_must(tmp_path: Path) -> None:  # case 36
    stage = Stage(tmp_path, policy="optional")
    assert stage.client().login("alice").location == CHALLENGE
    assert stage.client().login("nobody").location == "/private"
    stage.safe()


def test_who_must_enrol_sees_the_pages_of_enrolment_only(tmp_path: Path) -> None:  # case 37
    stage = Stage(tmp_path, policy="required")
    client = stage.client()
    assert client.login("carol").location == CHALLENGE
    assert client.get(CHALLENGE).location == "/_tfa/user/enrol"
    page = client.get("/_tfa/user/enrol")
    assert page.code == 200
    for asset in re.findall(rb'(?:href|src)="(/_tfa/static/[^"]+)"', page.body):
        assert client.get(asset.decode()).code == 200
    for path in ("/private", "/", "/login", "/_tfa/user/"):
        assert client.get(path).location == CHALLENGE
    assert stage.console.served == {}


def test_nothing_but_the_proof_while_it_waits(tmp_path: Path) -> None:  # case 38, E2, A16
    stage = Stage(tmp_path, policy="required")
    stage.bench.services.map.realms["user"].accounts.enable("alice", True)
    client = stage.pending("alice")
    before = stage.bench.services.accounts.get("user", "alice")
    assert before is not None
    token = token_of(client)
    for action in ("enabled", "rename", "remove", "recovery", "sign_out_everywhere", "end_session", "", "confirm"):
        for page in ("/_tfa/user/", "/_tfa/user/enrol", "/_tfa/user/enrol/totp", "/_tfa/user/enrol/email"):
            fields = {"csrf_token": token, "action": action, "kind": "totp", "id": before.authenticators[0].id}
            reply = client.post(
                page, {**fields, "code": stage.code("mallory"), "address": "m@example.com", "label": "x"}
            )
            assert reply.code in (403, 303), (action, page)
            assert not reply.location or reply.location == CHALLENGE
    assert stage.bench.services.accounts.get("user", "alice") == before
    assert stage.bench.outbox.messages == []
    stage.safe()


def test_an_enrolment_is_bound_to_its_session(tmp_path: Path) -> None:  # cases 38, 54 and 55, B10, E2
    stage = Stage(tmp_path, policy="required")
    # Carol has no factor. Two browsers know her password; both begin to enrol, the first to finish closes the other.
    one, two = stage.client(), stage.client()
    for client in (one, two):
        client.login("carol")
        assert client.press("", "/_tfa/user/enrol", kind="totp").location == "/_tfa/user/enrol/totp"
    keys = []
    for client in (one, two):
        shown = re.search(rb"secret=([A-Z2-7]+)", client.get("/_tfa/user/enrol/totp").body)
        assert shown
        keys.append(shown[1].decode())
    assert keys[0] != keys[1]
    # A key of his own choosing is not taken, nor the other browser's code
    assert one.press("confirm", "/_tfa/user/enrol/totp", code=stage.bench.code(keys[1]), secret=keys[1]).code == 403
    assert one.press("confirm", "/_tfa/user/enrol/totp", code=stage.bench.code(keys[0])).code == 200
    assert two.press("confirm", "/_tfa/user/enrol/totp", code=stage.bench.code(keys[1])).code == 403
    account = stage.bench.services.accounts.get("user", "carol")
    assert account is not None
    assert [item.data["secret"] for item in account.of_kind("totp")] == [keys[0]]
    assert two.get("/private").location in ("/login", CHALLENGE)
    # The code that confirmed cannot be used for a login (B2)
    again = stage.client()
    again.login("carol")
    assert again.press("verify", code=stage.bench.code(keys[0])).code == 403


def test_removing_the_record_of_a_login_that_waits_opens_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    client = stage.pending("alice")
    token = token_of(client)
    records = tmp_path / "TFARecs.dat"
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(line for line in lines if "alice" not in line))
    fields = {"csrf_token": token, "action": "verify"}
    for code in ("", "000000", stage.code("alice"), stage.code("mallory")):
        assert client.copy().post(CHALLENGE, {**fields, "code": code}).code in (403, 429)
    for path in ("/private", CHALLENGE, "/_tfa/user/enrol"):
        assert b"SECRET" not in client.get(path).body
    assert stage.console.served["alice"] == 0
    assert stage.client().login("alice").location == "/private"  # who signs in anew is not asked any more


def test_no_secret_is_left_lying_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # case 39, K1
    stage = Stage(tmp_path, Console(home="/private?held=HELD-IN-ANSWER"))
    stage.bench.enrol_email("alice", "alice@example.com")
    client = stage.pending("alice")
    client.press("method", kind="email")
    code = stage.bench.outbox.code()
    client.press("verify", code="918273")
    client.press("method", kind="totp")
    store = stage.bench.services.store
    raw = b"\n".join(key.encode() + entry.value for key in store.keys("") if (entry := store.get(key)))
    lying = raw.decode("latin-1") + caplog.text + (tmp_path / "TFARecs.dat").read_text() + str(client.jar)
    for secret in (
        "right",
        code,
        "918273",
        stage.keys["alice"],
        stage.keys["mallory"],
        "HELD-IN-ANSWER",
    ):
        assert secret not in lying, secret
    for session in stage.console.sessions:
        assert session not in raw.decode("latin-1") + caplog.text


def test_cookies_of_a_browser_that_cancelled(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Console(IN_PLACE))
    visitor = stage.client()
    visitor.get("/login")
    kept = visitor.copy()
    visitor.post("/login", {"username": "alice", "password": "right"})
    visitor.press("cancel")
    # The application believes that the session is Alice's; the quarantine outlives the cancelled login.
    for _ in range(3):
        for client in (kept, visitor):
            stage.finished(client)
            client.post("/login", {"username": "mallory", "password": "wrong"})
        stage.bench.clock.pass_by(12 * 3600)
    assert stage.console.served["alice"] == 0
    assert not [call for call in stage.console.calls if call[2] == "alice"]
    stage.safe()
