"""Cookies: doubled, folded, planted, smuggled, too many (cases 80 to 86, in process)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import HTML, IN_PLACE, SILENT, Console, Environ
from attacks.lax import cookie_values
from attacks.stage import Stage
from attacks.wire import Client, request, send

OURS = "tfa-user"


def spellings(good: str, evil: str) -> list[str]:
    """Cookie headers by which some parser takes ``evil`` for the session, beside or in the place of ``good``."""
    return [
        f"sid={good}; sid={evil}",
        f"sid={evil}; sid={good}",
        f"sid={good}, sid={evil}",
        f"sid={good}; SID={evil}",
        f'sid={good}; x="; sid={evil}"',
        f'sid="{evil}"',
        f'sid="{good}; sid={evil}"',
        f"$Version=1; sid={evil}; $Path=/",
        f"$Version=1; sid={good}; sid={evil}",
        f"sid={good}; =sid={evil}",
        f"=sid={evil}; sid={good}",
        f"sid ={evil}",
        f"sid= {evil} ",
        f"sid={evil}\t",
        f"sid={good}\x00; sid={evil}",
        f"s\x00id={evil}",
        f"sid={good}\x0b; sid={evil}",
        f"sid={good};sid={evil}",
        f"sid={good};;; sid={evil};",
        f"sid\xa0={evil}",
        f"%73id={evil}",
        f"sid={good}; s.id={evil}",
        f"sid={good}; sid[]={evil}; sid[a]={evil}",
        f"sid={good} sid={evil}",
        f"x=1 sid={evil}",
        f"x='; sid={evil}'",
        f"theme=dark sid={evil}",
        f'theme="; sid={evil}"',
        f"theme=dark\tsid={evil}",
        f"theme=dark,sid={evil}",
        f"zbx.theme=1; theme=%3Bsid%3D{evil}",
        f"{'x' * 5000}=1; sid={evil}",
    ]


class Strict(Console):
    """Notes what several parsers make of the Cookie header that it gets."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.read: set[str] = set()

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        self.read |= cookie_values(environ.get("HTTP_COOKIE", ""))
        return super().__call__(environ, start)


@pytest.mark.parametrize("keep", ["", "theme x zbx.theme"])
def test_no_spelling_brings_a_value_that_the_gate_did_not_vouch_for(keep: str, tmp_path: Path) -> None:
    # cases 80 and 81, A5, reasons [d] and [h]
    console = Strict()
    stage = Stage(tmp_path, console, keep=keep)
    mallory = stage.passed()
    good, evil = mallory.jar["sid"], console._fresh("alice")
    for header in spellings(good, evil):
        for ours in (f"{OURS}={mallory.jar[OURS]}; ", ""):
            for path in ("/private", "/login", "/a.css"):
                reply = send(stage.app, request(path, cookie=ours + header))
                assert reply.code in (200, 302, 303, 400), header
                assert evil not in console.read, header
    assert console.served["alice"] == 0
    assert mallory.get("/private").code == 200
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_no_spelling_brings_a_value_out_of_quarantine(habit: str, tmp_path: Path) -> None:  # cases 12 and 81
    console = Strict(habit)
    stage = Stage(tmp_path, console)
    client = stage.client()
    client.get("/login")
    visitor, evil = client.jar[OURS], client.jar["sid"]
    other = stage.client()
    other.get("/login")
    client.post("/login", {"username": "alice", "password": "right"})
    console.read.clear()
    for header in spellings(other.jar["sid"], evil):
        for ours in (visitor, client.jar[OURS], other.jar[OURS]):
            for path in ("/private", "/login", "/a.css"):
                send(stage.app, request(path, cookie=f"{OURS}={ours}; {header}"))
                assert evil not in console.read, header
    stage.safe()


def test_two_of_our_own_are_none(tmp_path: Path) -> None:  # cases 81 and 82
    stage = Stage(tmp_path)
    alice, mallory = stage.passed("alice"), stage.passed("mallory")
    served = stage.console.served["alice"]
    a, m, sid = alice.jar[OURS], mallory.jar[OURS], alice.jar["sid"]
    for header in (
        f"{OURS}={a}; {OURS}={m}; sid={sid}",
        f"{OURS}={m}; {OURS}={a}; sid={sid}",
        f"{OURS}={a}; sid={sid}; {OURS.upper()}={m}",
        f"{OURS}={a}; sid={sid}; ={OURS}={m}",
        f"={OURS}={a}; sid={sid}",
        f'{OURS}="{a}"; sid={sid}',
        f"{OURS}={a},{OURS}={m}; sid={sid}",
        f"{OURS}={m}; sid={sid}",
    ):
        assert send(stage.app, request("/private", cookie=header)).code == 303, header
    assert stage.console.served["alice"] == served
    assert send(stage.app, request("/private", cookie=f"{OURS}={a}; sid={sid}")).code == 200


def test_in_earnest_our_cookie_cannot_be_planted_by_a_neighbour(tmp_path: Path) -> None:  # case 82, F1, F2
    stage = Stage(tmp_path, sections={"tfa": {"insecure_dev": "no"}})
    client = stage.client()
    client.get("/login", **{"wsgi.url_scheme": "https"})
    (line,) = [one for one in client.last.all("set-cookie") if "tfa" in one]
    name, attributes = line.partition("=")[0], {part.strip() for part in line.split(";")[1:]}
    assert name == "__Host-tfa-user"
    assert attributes == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
    client.login("alice")
    other = stage.client()
    other.login("mallory")
    for header in (
        f"{name}={client.jar[name]}; {name}={other.jar[name]}",
        f"{name}={client.jar[name]}; ={name}={other.jar[name]}",
        f"tfa-user={client.jar[name]}",
    ):
        assert b'value="verify"' not in send(stage.app, request("/_tfa/user/challenge", cookie=header)).body


def test_the_application_cannot_set_our_cookie(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    mallory = stage.passed()
    lines = [f"{OURS}={mallory.jar[OURS]}; Path=/", f" {OURS.upper()} =x; Path=/", f"{OURS}=; Max-Age=0; Path=/"]
    stage.console.headers = [("Set-Cookie", line) for line in lines]
    client = stage.client()
    client.login("alice")
    assert client.press("verify", code=stage.code("alice")).all("set-cookie")[:-1] == [
        line for line in client.last.all("set-cookie") if line.startswith("sid=")
    ]
    assert b"SECRET of alice" in client.get("/private").body


@pytest.mark.parametrize("path", ["/private", "/login", "/a.css", "/_tfa/user/challenge", "/_tfa/user/"])
def test_too_many_and_too_large(path: str, tmp_path: Path) -> None:  # case 84
    stage = Stage(tmp_path)
    mallory = stage.passed()
    for extra in (
        "; ".join(f"c{number}={number}" for number in range(200)),
        "x=" + "y" * 65_536,
        "; ".join(["x=1"] * 2000),
        ";" * 70_000,
        "=" * 40_000,
    ):
        for header in (f"{mallory.cookie}; {extra}", extra):
            reply = send(stage.app, request(path, cookie=header))
            assert reply.code == 400, len(header)
            assert b"SECRET" not in reply.body
    assert mallory.get("/private").code == 200
    long = {"HTTP_X_LONG": "x" * 70_000, "HTTP_ACCEPT_LANGUAGE": "de," * 30_000, "HTTP_ACCEPT": "a" * 99_999}
    for name, value in long.items():
        assert send(stage.app, request(path, **{name: value})).code in (200, 302, 303, 403)


def test_a_hundred_cookies_of_the_application(tmp_path: Path) -> None:  # F3
    class Many(Console):
        def _door(self, environ: Environ, start: Callable[..., Any], session: str, who: str) -> Iterable[bytes]:
            def more(status: str, headers: list[tuple[str, str]]) -> Any:
                lines = [("Set-Cookie", f"c{number}={'v' * 60}; Path=/") for number in range(100)]
                return start(status, [*lines, *headers] if environ["REQUEST_METHOD"] == "GET" else headers)

            return super()._door(environ, more, session, who)

    stage = Stage(tmp_path, Many(IN_PLACE))
    client = stage.client()
    client.get("/login")
    (ours,) = [line for line in client.last.all("set-cookie") if line.startswith(OURS)]
    assert len(ours) < 4096
    stage.safe()


def test_after_signing_out_nothing_is_left(tmp_path: Path) -> None:  # case 86, A14
    for way in ("ours", "everywhere", "application", "deleted"):
        stage = Stage(tmp_path, logout="/logout" if way == "application" else "")
        alice = stage.passed("alice")
        other, waiting = stage.passed("alice"), stage.pending("alice")
        old = [alice.copy(), other.copy()]
        served = stage.console.served["alice"]
        if way in ("ours", "everywhere"):
            alice.press("sign_out" if way == "ours" else "sign_out_everywhere", "/_tfa/user/")
        else:
            alice.get("/logout")
        assert OURS not in alice.jar
        for client in (alice, old[0], Client(stage.app, sid=old[0].jar["sid"])):
            assert client.get("/private").code == 303, way
        assert (other.get("/private").code == 200) is (way != "everywhere")
        assert stage.console.served["alice"] == served + (way != "everywhere")
        assert waiting.get("/private").code == 303


def test_kept_cookies_of_the_page_go_along_and_open_nothing(tmp_path: Path) -> None:  # reason [h]
    stage = Stage(tmp_path, Console(IN_PLACE), keep="theme")
    mallory = stage.passed(client=Client(stage.app, theme="dark"))
    assert "theme=dark" in stage.console.calls[-1][3]
    mallory.jar["theme"] = "light"  # the page's script changes it: the pass stays
    assert mallory.get("/private").code == 200
    assert "theme=light" in stage.console.calls[-1][3]
    mallory.jar["theme"] = "x sid=evil"
    assert mallory.get("/private").code == 200
    assert "theme" not in stage.console.calls[-1][3]
    # A login does not take the value away from everybody else who has the same
    for value in ("dark", "light"):
        stranger = Client(stage.app, theme=value)
        stranger.get("/login")
        assert "sid" in stranger.jar
        assert f"theme={value}" in stage.console.calls[-1][3]
    stage.safe()


@pytest.mark.parametrize("short", [False, True])
def test_logins_do_not_exhaust_the_quarantine_of_others(short: bool, tmp_path: Path) -> None:
    # Mallory logs in over and over: no other visitor's cookie is held for it, nor is his own ever given back.
    stage = Stage(tmp_path, Console(IN_PLACE, short_ids=short))
    victim = stage.client()
    victim.get("/login")
    for _ in range(30):
        mallory = stage.client()
        mallory.get("/login")
        kept = mallory.copy()
        mallory.post("/login", {"username": "mallory", "password": "right"})
        mallory.press("cancel")
        kept.get("/login")
        assert kept.jar["sid"] not in stage.console.calls[-1][3]
        stage.bench.clock.pass_by(30)
    victim.post("/login", {"username": "alice", "password": "right"})
    assert victim.press("verify", code=stage.code("alice")).code == 303
    assert b"SECRET of alice" in victim.get("/private").body


def test_a_constant_is_not_a_session_until_two_browsers_had_it(tmp_path: Path) -> None:
    class Constant(Console):
        def _answer(self, start: Callable[..., Any], status: str, headers: Any, text: str = "") -> Iterable[bytes]:
            return Console._answer(start, status, [*headers, ("Set-Cookie", "cookies=work; Path=/")], text)

    stage = Stage(tmp_path, Constant(IN_PLACE))
    for _ in range(2):
        stage.client().get("/login")
    stage.passed()
    visitor = stage.client()
    visitor.get("/login")
    visitor.get("/login")
    assert "cookies=work" in stage.console.calls[-1][3]
    stage.safe()


def test_a_stolen_visitors_cookie(tmp_path: Path) -> None:  # A4
    # The visitor's cookie of Alice's browser, from before her login, in Mallory's hands.
    stage = Stage(tmp_path, Console(IN_PLACE))
    alice = stage.client()
    alice.get("/login")
    thief = alice.copy()
    stage.passed("alice", alice)
    served = stage.console.served["alice"]
    for client in (thief, thief.copy(sid=alice.jar["sid"]), Client(stage.app, **{OURS: thief.jar[OURS]})):
        stage.finished(client)
        client.login("mallory")
        stage.finished(client)
    assert stage.console.served["alice"] == served
    assert alice.get("/private").code == 200


def test_an_answer_that_sets_cookies_late_does_not_bring_back_an_ended_pass(tmp_path: Path) -> None:  # A13
    class Rotating(Console):
        def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/rotate":
                who = self.sessions[self._session(environ)]
                return self._answer(start, "200 OK", [HTML, ("Set-Cookie", f"sid={self._fresh(who)}; Path=/")])
            return super().__call__(environ, start)

    stage = Stage(tmp_path, Rotating())
    alice = stage.passed("alice")
    (record,) = stage.bench.services.passes.list("user", "alice")
    for _ in range(5):
        stage.bench.clock.pass_by(60)
        alice.get("/rotate")
        assert alice.get("/private").code == 200
    (again,) = stage.bench.services.passes.list("user", "alice")
    assert again.until == record.until
    old = alice.copy()
    alice.press("sign_out", "/_tfa/user/")
    old.get("/rotate")
    assert old.get("/private").code == 303
