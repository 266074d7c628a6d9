"""What a session is worth at this moment (REQUIREMENTS A4, A5, A12 to A14, A21; law 4 and 5)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.raw_wsgi import request as environ_of
from support.spy import Spy

from tfa_middleware import cookies, standing
from tfa_middleware.challenges import LOGIN, Challenge
from tfa_middleware.errors import BadRequest
from tfa_middleware.model import Authenticator
from tfa_middleware.passrecord import Pass
from tfa_middleware.request import Request
from tfa_middleware.routes import Routes
from tfa_middleware.sessions import PASSED, PENDING, VISITOR, Session
from tfa_middleware.standing import Standing, Standings
from tfa_middleware.verdicts import SEEN_EVERY, Verdict

SECTIONS = {
    "tfa": {"insecure_dev": "yes"},
    "realm:user": {"paths": "/", "login": "/login", "logout": "/out", "exempt": "/api/", "keep": "theme"},
    "realm:admin": {"paths": "/admin", "login": "/admin/login"},
}
SECTIONS["realm:user"]["renew"] = "factor"
GOOD = {"sid": "raw"}


class Scene:
    """Alice with a pass for the cookie sid=raw."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(Spy(), folder, SECTIONS)
        self.services = self.bench.services
        self.realm = self.services.map.realms["user"]
        self.admin = self.services.map.realms["admin"]
        self.standings = Standings(self.services)
        self.bench.enrol_totp("alice", "user")
        self.record = self.start()
        self.services.passes.verdicts.refresh()

    def start(self, **facts: Any) -> Pass:
        now = self.bench.clock.now
        bindings, print_ = self.realm.tags.bind_all(GOOD), self.realm.accounts.fingerprint("alice")
        record = Pass("user", "the-id", "alice", now, now, now + 86400, 3600, ("pwd", "otp"), now, print_, bindings)
        record = replace(record, **facts)
        self.services.passes.start(record, 20)
        return record

    def request(self, jar: dict[str, str] | str = GOOD, state: str = PASSED, **environ: Any) -> Request:
        """A request with a session of ours and these cookies."""
        ours = self.realm.cookie.header(Session(state, "the-id", int(self.bench.clock.now)))[1].partition(";")[0]
        theirs = jar if isinstance(jar, str) else "; ".join(f"{name}={value}" for name, value in jar.items())
        return Request.of(environ_of("/private", HTTP_COOKIE=f"{ours}; {theirs}", **environ))

    def standing(self, jar: dict[str, str] | str = GOOD, state: str = PASSED) -> Standing:
        """The standing; what is found at one look, where anything is, is the same."""
        request = self.request(jar, state)
        self.look()
        found = self.standings.found(self.realm, request.cookie_header)
        standing = self.standings.of(request, self.realm)
        if found is not None:
            assert (found.record, found.cookie) == (standing.record, cookies.header(standing.jar))
        return standing

    def look(self) -> None:
        """A second later: a worker looks whether anything ended."""
        self.services.passes.verdicts.due = float("-inf")
        self.services.passes.verdicts.refresh()

    def found(self, header: str) -> Verdict | None:
        return self.standings.found(self.realm, header)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_pass_with_its_cookies_counts(scene: Scene) -> None:  # A4
    standing = scene.standing()
    assert (standing.state, standing.record, dict(standing.jar)) == (PASSED, scene.record, GOOD)


VOUCHED = {
    # the cookies of the request -> those that are forwarded, or None where the pass counts for nothing
    "sid=raw; unknown=x": {"sid": "raw"},
    "sid=raw; theme=dark": {"sid": "raw", "theme": "dark"},
    "sid=raw; theme=da,rk": {"sid": "raw"},  # h: no plain value
    "sid=raw; theme=a; theme=b": {"sid": "raw"},
    "theme=dark": {"theme": "dark"},
    "": {},
    "sid=other": None,
    "sid=other; sid=raw": {},  # a name that comes twice is no cookie at all
    "SID=other": {},
    "sid=raw; Sid=x": {"sid": "raw"},
    "sid=raw ": {"sid": "raw"},
    'sid="raw"': None,
}


@pytest.mark.parametrize("jar", VOUCHED)
def test_a_pass_vouches_for_its_own_cookies_alone(jar: str, scene: Scene) -> None:  # A5; d, h; cases 80, 81
    standing, expected = scene.standing(jar), VOUCHED[jar]
    assert (standing.state, standing.jar) == (VISITOR if expected is None else PASSED, expected or {})
    if expected is None:
        assert standing.record is None


def test_a_kept_cookie_that_the_application_set_too_may_change(scene: Scene) -> None:
    scene.start(bindings=scene.realm.tags.bind_all({**GOOD, "theme": "dark"}))
    assert scene.standing("sid=raw; theme=light").jar == {"sid": "raw", "theme": "light"}
    assert scene.standing("sid=raw; theme=not,plain").jar == {"sid": "raw"}


def test_a_deleted_cookie_is_not_vouched_for(scene: Scene) -> None:  # A14
    scene.start(bindings={**scene.record.bindings, "gone": ("",)})
    assert scene.standing("sid=raw; gone=").jar == GOOD
    assert scene.standing("sid=raw; gone=x").jar == GOOD


def test_a_pass_ends_by_idleness_and_by_age(scene: Scene) -> None:  # A12
    scene.bench.clock.pass_by(3599)
    assert scene.standing().state == PASSED  # and this was a use
    scene.bench.clock.pass_by(3599)
    assert scene.standing().state == PASSED
    scene.bench.clock.pass_by(3600)
    assert scene.standing().state == VISITOR


def test_a_use_is_written_back_once_a_minute(scene: Scene) -> None:  # A12
    scene.bench.clock.pass_by(59)
    assert scene.standing().record == scene.record
    scene.bench.clock.pass_by(1)
    standing = scene.standing()
    assert standing.record
    assert standing.record.seen == scene.record.seen + 60
    assert standing.record.until == scene.record.until  # A13


def test_an_ended_pass_is_a_stranger_and_cannot_be_renewed(scene: Scene) -> None:  # A14
    scene.services.passes.end("user", "the-id")
    standing = scene.standing()
    assert (standing.state, standing.session.bindings, standing.lapsed) == (VISITOR, {}, None)


def test_a_pass_that_ends_while_it_is_looked_at_is_none(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:  # A14
    scene.bench.clock.pass_by(60)
    monkeypatch.setattr(scene.services.passes, "touch", lambda *_: None)  # between the look and the writing back
    assert scene.standing().state == VISITOR


def test_a_change_of_the_factors_ends_it(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:  # A14
    with caplog.at_level(logging.INFO, "tfa_middleware"):
        scene.bench.enrol_totp("alice", "user")
        assert scene.standing().state == VISITOR
    assert "pass_revoked" in caplog.text
    assert scene.services.passes.get("user", "the-id") is None


def lapsed(scene: Scene, jar: dict[str, str] | str = GOOD) -> Pass | None:
    scene.bench.clock.pass_by(3600)
    standing = scene.standing(jar)
    assert standing.state == VISITOR
    return standing.lapsed


def test_a_pass_that_ran_out_by_time_alone_may_be_renewed(scene: Scene) -> None:  # law 5
    assert lapsed(scene) == scene.record


def test_a_pass_of_the_password_alone_is_not_renewed(scene: Scene) -> None:  # law 5
    scene.start(proved=0)
    assert lapsed(scene) is None


def test_a_pass_is_not_renewed_for_another_session_of_the_application(scene: Scene) -> None:  # law 5
    assert lapsed(scene, "sid=other") is None


def test_a_pass_is_not_renewed_after_a_change_of_the_factors(scene: Scene) -> None:  # law 5
    scene.bench.enrol_totp("alice", "user")
    assert lapsed(scene) is None


def test_where_the_realm_does_not_say_so_nothing_is_renewed(scene: Scene) -> None:  # law 5
    object.__setattr__(scene.realm.settings, "renew", "password")
    assert lapsed(scene) is None


def test_a_pass_of_one_realm_is_nothing_in_another(scene: Scene) -> None:  # A21; case 35
    assert scene.standings.of(scene.request(), scene.admin).state == VISITOR


def test_a_login_waits_as_long_as_its_challenge(scene: Scene) -> None:  # case 32
    now = scene.bench.clock.now
    assert scene.standing(state=PENDING).state == VISITOR  # nothing waits
    waiting = Challenge("user", "the-id", "alice", LOGIN, now, now + 600)
    scene.services.challenges.open(waiting)
    assert scene.standing(state=PENDING).state == PENDING
    scene.services.challenges.consume(waiting)
    assert scene.standing(state=PENDING).state == VISITOR


def test_a_visitor_is_a_visitor(scene: Scene) -> None:
    assert scene.standing(state=VISITOR).session.id == "the-id"
    assert scene.standings.of(Request.of(environ_of("/")), scene.realm).session.fresh


def test_absurd_cookies_are_refused(scene: Scene) -> None:  # case 84
    with pytest.raises(BadRequest):
        scene.standing("; ".join(f"c{n}=1" for n in range(200)))


def test_what_is_dropped_is_logged_once_a_name(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:  # law 4
    with caplog.at_level(logging.INFO, "tfa_middleware"):
        for _ in range(3):
            scene.standing("sid=raw; canary=secret-value; theme=dark")
    dropped = [line for line in caplog.messages if "cookie_dropped" in line]
    assert len(dropped) == 1
    assert "canary" in dropped[0]
    assert "secret-value" not in caplog.text  # K1


def test_the_names_that_are_logged_are_bounded(scene: Scene) -> None:
    for number in range(20):
        scene.standing("sid=raw; " + "; ".join(f"c{number}-{n}=1" for n in range(100)))
    assert len(scene.standings._reported) == 1000


# -- the hot path


def quick(scene: Scene, request: Request) -> bool:
    route = Routes(scene.services).find(request.environ)
    return scene.standings.quick(route, request.environ) is not None


def test_a_plain_header_is_found_at_one_look(scene: Scene) -> None:  # A5
    found = scene.found(scene.request("sid=raw; theme=dark").cookie_header)
    assert found
    assert (found.record, found.cookie) == (scene.record, "theme=dark; sid=raw")


@pytest.mark.parametrize(
    "header",
    [
        "OURS; sid=other",
        "OURS; sid=raw; sid=raw",
        "OURS; OURS; sid=raw",
        "sid=raw; OURS; Tfa-User=x",
        "OURS; sid=raw; =tfa-user=x",
        "OURS;sid=raw",
        "OURS; sid=raw;",
        "OURSx; sid=raw",
        "sid=raw",
        "",
    ],
)
def test_what_is_not_certain_at_one_look_is_looked_at_with_care(header: str, scene: Scene) -> None:  # A5; case 80
    ours = scene.request("").cookie_header.partition(";")[0]
    assert scene.found(f"{ours}; sid=raw")
    assert scene.found(header.replace("OURS", ours)) is None


def pending(scene: Scene) -> str:
    return scene.request(state=PENDING).cookie_header


def of_another_realm(scene: Scene) -> str:
    session = Session(PASSED, "the-id", int(scene.bench.clock.now))
    return f"{scene.admin.cookie.header(session)[1].partition(';')[0]}; sid=raw"


@pytest.mark.parametrize("made", [pending, of_another_realm])
def test_another_session_is_not_found(made: Callable[[Scene], str], scene: Scene) -> None:  # A21
    assert scene.found(made(scene)) is None


@pytest.mark.parametrize(
    "ends",
    [
        lambda scene: scene.services.passes.end("user", "the-id"),
        lambda scene: scene.services.passes.suspend(scene.record),
        lambda scene: scene.bench.clock.pass_by(SEEN_EVERY),
        lambda scene: scene.bench.clock.pass_by(3600),
        lambda scene: scene.bench.clock.pass_by(-3600),
        lambda scene: scene.realm.accounts.enable("alice", False),
        lambda scene: scene.bench.enrol_totp("alice", "user"),
        lambda scene: scene.realm.accounts.remove_kind("alice", None),
    ],
    ids=["ended", "suspended", "to be written back", "idle", "the clock went back", "off", "one more", "removed"],
)
def test_what_changed_is_not_found(ends: Callable[[Scene], object], scene: Scene) -> None:  # A12, A14
    header = scene.request().cookie_header
    assert scene.found(header)
    ends(scene)
    scene.look()
    assert scene.found(header) is None


def test_the_same_cookies_in_another_order_need_no_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = scene.request("").cookie_header.partition(";")[0]
    assert scene.found(f"{ours}; sid=raw")
    monkeypatch.setattr(scene.services.store, "get", lambda _: 1 / 0)
    found = scene.found(f"sid=raw; {ours}")
    assert found
    assert found.cookie == "sid=raw"
    assert scene.found(f"{ours}; sid=other") is None


def test_a_cookie_that_is_new_is_held_against_the_pass_as_it_is_now(scene: Scene) -> None:  # A5, law 4
    """The application may have set it since this worker read the pass, and another worker have seen that."""
    ours = scene.request("").cookie_header.partition(";")[0]
    header = f"{ours}; sid=raw; late=1"
    assert scene.found(f"{ours}; sid=raw")
    bound = {**scene.record.bindings, **scene.realm.tags.bind_all({"late": "1"})}
    scene.services.passes.change(scene.record, lambda one: replace(one, bindings=bound))
    found = scene.found(header)
    assert found
    assert found.cookie == "sid=raw; late=1"


def test_a_cookie_that_came_back_is_held_against_the_pass_as_it_is_now(scene: Scene) -> None:  # A5, law 4
    ours = scene.request("").cookie_header.partition(";")[0]
    gone = {**scene.record.bindings, "late": ("",)}
    scene.services.passes.change(scene.record, lambda one: replace(one, bindings=gone))
    found = scene.found(f"{ours}; sid=raw")
    assert found
    bound = {**scene.record.bindings, **scene.realm.tags.bind_all({"late": "2"})}
    scene.services.passes.change(scene.record, lambda one: replace(one, bindings=bound))
    found = scene.found(f"{ours}; sid=raw; late=2")
    assert found
    assert found.cookie == "sid=raw; late=2"


def test_a_session_id_in_the_place_of_a_header_finds_nothing(scene: Scene) -> None:
    assert scene.found(scene.request().cookie_header)
    assert scene.services.passes.verdict("user", "the-id", scene.bench.clock.now) is None
    assert scene.services.passes.verdict("user", "", scene.bench.clock.now, "the-id") is None


def test_what_was_seen_under_changed_accounts_is_not_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    # A14: they could be as they were again before the next look, which then forgets nothing.
    request, accounts = scene.request(), scene.realm.accounts
    seen = accounts.seen("alice")
    monkeypatch.setattr(accounts, "seen", lambda _: (seen[0], "while they were changed"))
    assert scene.standings.of(request, scene.realm).state == PASSED
    assert not quick(scene, request)
    monkeypatch.undo()
    scene.standings.of(request, scene.realm)
    assert quick(scene, request)


def test_a_known_header_is_known_at_once(scene: Scene) -> None:
    request = scene.request()
    assert not quick(scene, request)
    scene.standings.of(request, scene.realm)
    assert quick(scene, request)


SLOW = {
    "a form": {"REQUEST_METHOD": "POST"},
    "an unknown method": {"REQUEST_METHOD": "FOO"},
    "a body": {"CONTENT_LENGTH": "5"},
    "a body without a length": {"HTTP_TRANSFER_ENCODING": "chunked"},
    "a login in the query": {"QUERY_STRING": "username=a&password=b"},
    "an encoded login in the query": {"QUERY_STRING": "username=a&%70assword=b"},
    "a login page": {"PATH_INFO": "/login"},
    "a sign-out": {"PATH_INFO": "/out"},
    "a machine's path": {"PATH_INFO": "/api/x"},
    "an odd path": {"PATH_INFO": "/a//b"},
    "a session id in the path": {"PATH_INFO": "/private;jsessionid=RAW"},
    "another realm": {"PATH_INFO": "/admin/x"},
    "our own pages": {"PATH_INFO": "/_tfa/user/"},
    "another header": {"HTTP_COOKIE": "sid=raw"},
    "no cookie": {"HTTP_COOKIE": ""},
}


@pytest.mark.parametrize("name", SLOW)
def test_what_the_hot_path_does_not_serve(name: str, scene: Scene) -> None:  # A1, A7
    scene.standings.of(scene.request(), scene.realm)
    assert quick(scene, scene.request())
    request = scene.request()
    request.environ.update(SLOW[name])
    assert not quick(scene, request)


@pytest.mark.parametrize("more", [{"QUERY_STRING": "page=2"}, {"REQUEST_METHOD": "HEAD"}, {"CONTENT_LENGTH": "0"}])
def test_what_the_hot_path_serves(more: dict[str, str], scene: Scene) -> None:
    scene.standings.of(scene.request(), scene.realm)
    assert quick(scene, scene.request(**more))


def test_a_verdict_is_gone_when_the_records_change(scene: Scene) -> None:  # A14
    scene.standings.of(scene.request(), scene.realm)
    scene.realm.accounts.enable("alice", False)
    scene.services.passes.verdicts.due = float("-inf")  # a second later
    assert not quick(scene, scene.request())
    assert scene.standing().state == VISITOR


def test_an_account_without_factors_may_have_a_pass(scene: Scene) -> None:
    scene.start(user="bob", fingerprint=scene.realm.accounts.fingerprint("bob"), amr=("pwd",), proved=0)
    assert scene.standing().state == PASSED
    new = Authenticator("x", "totp", "", 0, "", {"secret": "A" * 32, "digits": 6, "period": 30, "algorithm": "SHA1"})
    scene.realm.accounts.add("bob", new)
    assert scene.standing().state == VISITOR  # A14: it was given under another set-up


def test_what_a_header_was_worth_is_forgotten_with_its_pass(scene: Scene) -> None:
    header = scene.request().cookie_header
    found = scene.found(header)
    assert found is not None
    scene.look()
    scene.services.passes.verdicts.forget()
    assert scene.found(header) is found  # what the same pass makes of it stays what it is
    scene.services.passes.end("user", "the-id")
    assert scene.found(header) is None
    assert not scene.standings._made


def test_while_no_account_changes_the_account_of_a_known_header_is_not_read_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = scene.request().cookie_header
    scene.look()
    found = scene.found(header)
    monkeypatch.setattr(scene.realm.accounts, "seen", lambda _: pytest.fail("one look at the store is enough"))
    scene.services.passes.verdicts.forget()
    assert scene.found(header) is found is not None


def test_a_changed_account_counts_at_every_look(scene: Scene) -> None:  # A14
    header = scene.request().cookie_header
    assert scene.found(header) is not None
    new = Authenticator("x", "totp", "", 0, "", {"secret": "A" * 32, "digits": 6, "period": 30, "algorithm": "SHA1"})
    scene.realm.accounts.add("alice", new)
    for _ in range(3):
        scene.look()
        assert scene.found(header) is None
        scene.services.passes.verdicts.forget()


def test_an_account_that_changes_while_it_is_read_is_read_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:  # A14
    """The account as it was, and the stamp of the change after it: the two are no pair."""
    header, verdicts, accounts = scene.request().cookie_header, scene.services.passes.verdicts, scene.realm.accounts
    monkeypatch.setattr(verdicts, "_stamp", lambda: "after")
    monkeypatch.setattr(accounts, "seen", lambda _: (scene.record.fingerprint, "after"))
    assert scene.found(header) is not None
    scene.look()
    assert verdicts.stamp == "after"
    monkeypatch.setattr(accounts, "seen", lambda _: ("another", "after"))
    assert scene.found(header) is None


def test_a_new_memory_is_never_taken_with_the_stamp_before(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:  # A14
    """A request comes at the very moment at which another thread begins the memory anew, for an account changed."""
    header, verdicts = scene.request().cookie_header, scene.services.passes.verdicts
    scene.look()
    assert scene.found(header) is not None
    new = Authenticator("x", "totp", "", 0, "", {"secret": "A" * 32, "digits": 6, "period": 30, "algorithm": "SHA1"})
    scene.realm.accounts.add("alice", new)
    forget = verdicts.forget

    def meanwhile() -> None:
        forget()
        verdicts.due = float("inf")  # whoever comes now found that no look was due
        assert scene.found(header) is None

    monkeypatch.setattr(verdicts, "forget", meanwhile)
    verdicts.due = float("-inf")
    verdicts.refresh()
    monkeypatch.undo()
    assert (("user", header, "") in verdicts.known, scene.found(header)) == (False, None)


def test_after_a_slow_look_at_the_pass_the_account_is_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:  # A14
    header, verdicts = scene.request().cookie_header, scene.services.passes.verdicts
    scene.look()
    assert scene.found(header) is not None
    verdicts.forget()
    verdicts.due = float("-inf")  # the time until the next look went by
    monkeypatch.setattr(scene.realm.accounts, "seen", lambda _: ("another", "after"))
    assert scene.found(header) is None


def test_who_tells_of_an_end_looks_anew_at_once(scene: Scene) -> None:  # A14
    verdicts = scene.services.passes.verdicts
    verdicts.due = float("inf")
    verdicts.tell()
    verdicts.refresh()
    assert verdicts.due < float("inf")


def test_little_is_remembered_of_headers(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_REMEMBERED", 3)
    for number in range(8):
        scene.services.passes.verdicts.forget()
        assert scene.found(f"{scene.request().cookie_header}; n={number}") is not None
        assert 1 <= len(scene.standings._made) <= 3
    scene.services.passes.verdicts.forget()
    before = dict(scene.standings._made)
    assert scene.found(f"{scene.request().cookie_header}; n={'1' * 3000}") is not None
    assert scene.standings._made == before
