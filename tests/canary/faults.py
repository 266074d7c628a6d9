"""Every error that can be forced: each part of the gate fails once, with all that it was given in the error's text."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest import mock

from canary.run import BASE, CHALLENGE, ENROL, Run, Watched
from tfa_middleware.admission import Admission
from tfa_middleware.attempts import Attempts
from tfa_middleware.challenge_view import ChallengeView
from tfa_middleware.challenges import Challenges, Consumption
from tfa_middleware.enrol_view import EnrolView
from tfa_middleware.enrolling import Enrolling
from tfa_middleware.errors import StoreError
from tfa_middleware.invites import Invites
from tfa_middleware.keys import Sealer
from tfa_middleware.limiter import Limiter
from tfa_middleware.mailing import Mailing
from tfa_middleware.manage_view import ManageView
from tfa_middleware.pages import Pages
from tfa_middleware.passes import Passes
from tfa_middleware.proving import Proving
from tfa_middleware.quarantine import Quarantine
from tfa_middleware.sessions import SessionCookie, Tags
from tfa_middleware.standing import Standings
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.stores.textfile import TextFileAccounts
from tfa_middleware.verifiers.email import Email
from tfa_middleware.verifiers.recovery import Recovery
from tfa_middleware.verifiers.totp import Totp

#: class -> the methods of it that fail, one at a time.
PARTS: dict[type, tuple[str, ...]] = {
    SqliteStore: ("get", "put", "delete", "incr", "keys"),
    TextFileAccounts: ("get", "update", "stamp"),
    Totp: ("begin", "prompt", "verify", "begin_enrolment", "finish_enrolment"),
    Email: ("begin", "prompt", "verify", "finish_enrolment"),
    Recovery: ("verify", "finish_enrolment"),
    ChallengeView: ("show", "act", "_verify", "_mail", "released"),
    EnrolView: ("choose", "start", "show", "act", "_enrolled", "codes"),
    ManageView: ("show", "act", "_page"),
    Enrolling: ("begin", "answer", "save"),
    Challenges: ("open", "fetch", "update", "consume"),
    Consumption: ("once", "rising"),
    Proving: ("answer", "begin", "prompt"),
    Mailing: ("send",),
    Limiter: ("reserve", "succeeded"),
    Admission: ("by_factor", "by_password", "after_change", "_started"),
    Attempts: ("serve", "settle", "_hold", "_release_good"),
    Passes: ("start", "get", "end", "list"),
    Quarantine: ("acquire",),
    Sealer: ("seal", "open"),
    SessionCookie: ("read", "header", "csrf_matches"),
    Standings: ("of",),
    Tags: ("all",),
    Pages: ("page",),
    Invites: ("use",),
}


def quoting(kind: type[Exception]) -> Callable[..., Any]:
    """Fails as a careless driver does: the text of the error has everything in it."""

    def fail(*given: Any, **named: Any) -> Any:
        shown = [vars(one) if hasattr(one, "__dict__") else one for one in given[1:]]
        raise kind(f"cannot: {shown!r} {named!r}")

    return fail


def every_part_fails(run: Run) -> None:
    """Walk a short way with each part broken."""
    for cls, names in PARTS.items():
        for name in names:
            with mock.patch.object(cls, name, quoting(ValueError if name == "verify" else RuntimeError)):
                walk(run, cls)
            forgive(run)


def forgive(run: Run) -> None:
    """The next step of the app, and nothing that was counted."""
    run.bench.next_step()
    store = run.bench.services.store
    for prefix in ("waiting:", "tries:"):
        for key in list(store.keys(prefix)):
            store.delete(key)


def walk(run: Run, cls: type) -> None:
    """In at the door, and where a part of this class is used; a person who meets an error goes on elsewhere."""
    browser = run.browser()
    browser.login("alice")
    if cls is Recovery:
        browser.press("method", kind="recovery")
        browser.press("verify", code=str(run.marks.add("code of a failing day", "BCDE-FGHI-JKLM-NOPQ")))
    elif cls in (Email, Mailing):
        browser.press("method", kind="email")
        with suppress(AssertionError):
            browser.press("verify", code=run.mailed())
    browser.press("verify", code=run.code("alice"))
    with_a_pass(browser)


def with_a_pass(browser: Watched) -> None:
    """The pages of a pass, those that are shown and those that are posted to."""
    browser.get("/private")
    browser.get(BASE)
    browser.start("totp")
    browser.press("verify", f"{ENROL}/totp", code="70615243")
    browser.press("recovery", BASE)
    browser.codes()
    browser.get(CHALLENGE)


def the_store_is_down(run: Run) -> None:
    """Its own errors, which are logged with their text."""
    browser = run.passed("alice")
    for name in ("get", "put", "delete", "incr", "keys"):
        with mock.patch.object(SqliteStore, name, mock.Mock(side_effect=StoreError("the store is down"))):
            walk(run, SqliteStore)
            with_a_pass(browser)
        forgive(run)


def records_are_broken(run: Run) -> None:
    """Nonsense and half records, with secrets in them, where the store and the file have what counts."""
    store, browser = run.bench.services.store, run.passed("alice")
    waiting = run.browser()
    waiting.login("alice")
    secret = str(run.marks.add("broken record", "cnryBrokenRecord7a21"))
    for value in (b"", b"{", json.dumps({"bindings": secret}).encode(), secret.encode()):
        for prefix in ("pass:", "challenge:", "tries:", "generation"):
            for key in list(store.keys(prefix)):
                store.put(key, value, ttl=60)
        for one in (browser, waiting):
            one.get("/private")
            one.get(CHALLENGE)
            one.press("verify", code=run.code("alice"))
    for prefix in ("pass:", "challenge:", "tries:", "generation"):
        for key in list(store.keys(prefix)):
            store.delete(key)
    forgive(run)


def a_line_is_broken(run: Run) -> None:
    """An operator types a seed into TFARecs.dat; while it is there, everything else goes on."""
    path = run.folder / "TFARecs.dat"
    raw = path.read_bytes()
    facts = {"enabled": True, "authenticators": [{"kind": "totp", "secret": run.seeds["alice"]}]}
    for line in (f"user\tzed\t{json.dumps(facts)}\n", f"{run.seeds['alice']}\n", f"user\t{run.seeds['alice']}\t[]\n"):
        path.write_bytes(raw + line.encode())
        browser = run.browser()
        browser.login("alice")
        browser.press("verify", code=run.code("alice"))
        with_a_pass(browser)
        forgive(run)
    path.write_bytes(raw)
    run.bench.services.accounts.health()


def mail_fails(run: Run) -> None:
    """The mailer breaks with the mail in its error."""
    with mock.patch.object(run.bench.outbox, "send", lambda message: quoting(RuntimeError)(None, message)):
        browser = run.browser()
        browser.login("mia")
        browser.get(CHALLENGE)
        browser.press("resend")
        run.bench.services.audit.emit("locked", realm="user", user="mia", warning=True)  # a notice


ALL = (every_part_fails, the_store_is_down, records_are_broken, a_line_is_broken, mail_fails)
