"""K1: no secret in logs, streams, stores, mails, pages, addresses, or in what our objects show of themselves.

The run drives every journey and forces every error with secrets that can be found again, in clear, as hex, as base64;
then each test searches one kind of place. The last ones prove that the search would find something.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections import Counter
from pathlib import Path
from types import TracebackType

import pytest

from canary.faults import PARTS
from canary.marks import Marks
from canary.run import LONG, Run, ours

#: Our session ids are keys in the store: without the key file nobody makes a cookie of one (A11).
IDS = "session id"
#: The run itself put this into the store.
BROKEN = "broken record"
KINDS = "password seed code email recovery application our csrf key invite session"


def test_the_run_went_everywhere(run: Run) -> None:
    kinds = Counter(name.partition(" ")[0] for name in run.marks.names)
    for kind in (
        "password",
        "seed",
        "code",
        "email",
        "recovery",
        "application",
        "our",
        "csrf",
        "key",
        "invite",
        "session",
    ):
        assert kinds[kind] > 0, kind
    assert kinds["recovery"] > 20
    statuses = Counter(one.reply.code for one in run.shown)
    assert {200, 302, 303, 400, 403, 404, 405, 429, 500, 503} <= set(statuses)
    raised = [str(error) for error in run.errors if str(error).startswith("cannot: ")]
    assert len(raised) > sum(map(len, PARTS.values()))
    assert run.marks.found("".join(raised))  # the errors had secrets in them, and the tests below search for these


def test_no_log_line_of_any_logger(run: Run) -> None:  # K1, K2
    assert len(run.log.lines) > 500
    assert run.marks.found("\n".join(run.log.lines)) == set()


def test_nothing_is_printed(run: Run) -> None:  # K1
    assert run.streams.getvalue() == ""


@pytest.mark.parametrize("name", ["tfa.sqlite3", "tfa.sqlite3-wal", "TFARecs.dat", "audit.jsonl"])
def test_no_file(name: str, run: Run) -> None:  # K1, B8, C9
    raw = (run.folder / name).read_bytes()
    assert len(raw) > 1000
    put_there = (IDS, BROKEN) if name.startswith("tfa.sqlite3") else ()
    assert run.marks.found(raw, *put_there) == set()


def test_a_code_stands_in_the_text_of_its_own_mail_alone(run: Run) -> None:  # C11, K1
    codes: Counter[str] = Counter()
    for mail in run.bench.outbox.messages:
        assert run.marks.found(mail.subject) == run.marks.found(mail.to) == set()
        found = run.marks.found(mail.text)
        assert {name.split()[0] for name in found} <= {"email"}
        assert len(found) <= 1
        codes.update(found)
    assert len(codes) > 1


def test_pages_show_a_secret_to_whom_it_is_for(run: Run) -> None:  # K1, B10, E6
    shown: Counter[str] = Counter()
    for one in run.shown:
        found = run.marks.found(one.reply.body, "csrf")
        for name in found:
            kind = name.split()[0]
            assert one.target.startswith("/_tfa/"), (one.target, name)
            assert one.reply.code in (200, 403)
            assert kind == "recovery" or (kind, one.target[-11:]) == ("seed", "/enrol/totp"), (one.target, name)
            shown[name] += kind == "recovery"
    assert shown.total() > 20
    assert set(shown.values()) <= {0, 1}  # recovery codes once each


def test_a_form_token_is_on_our_own_pages_alone(run: Run) -> None:  # G1
    for one in run.shown:
        if any(name.startswith("csrf") for name in run.marks.found(one.reply.body)):
            assert one.target.startswith("/_tfa/")
            assert one.reply.all("cache-control") == ["no-store"]


def test_no_address_and_no_header_but_the_cookies(run: Run) -> None:  # K1, case 39
    for one in run.shown:
        headers = [f"{name}: {value}" for name, value in one.reply.headers if name.lower() != "set-cookie"]
        found = run.marks.found("\n".join([one.target, one.reply.status, *headers]))
        assert found <= {"held"}, (one.target, headers)
        assert not found or one.reply.code in (302, 303)  # the header of the login's own answer, after the factor


def test_no_object_of_ours_shows_one(run: Run) -> None:  # K1: repr, as a debugger's page has it
    assert {"Request", "Attempt", "Challenge", "Held", "Pass", "Admitted", "Message"} <= set(run.objects.reprs)
    showing = {name: run.marks.found("\n".join(texts), IDS, BROKEN) for name, texts in run.objects.reprs.items()}
    assert {name: sorted(found) for name, found in showing.items() if found} == {}


def frames(error: BaseException) -> list[tuple[str, dict[str, object]]]:
    """``(file:function, locals)`` of our frames in a traceback, and of what it came from."""
    found = []
    at: TracebackType | None = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if "/tfa_middleware/" in code.co_filename:
            found.append((f"{Path(code.co_filename).stem}:{code.co_name}", at.tb_frame.f_locals))
        at = at.tb_next
    return found + [one for more in (error.__cause__, error.__context__) if more for one in frames(more)]


#: What these modules do needs no secret, so none stands in their frames in clear. Elsewhere nobody can hide a plain str
#: in a local: a site that shows tracebacks with locals, or sends them away, shows the form that failed.
BARE = {"accounts", "audit", "clock", "gate", "i18n", "limiter", "notices", "paths", "realm", "routes", "textfile"}


def test_no_local_of_ours_shows_one_in_a_traceback(run: Run) -> None:  # K1: what an error tracker would send away
    showing: dict[str, set[str]] = {}
    for error in run.errors:
        for place, values in frames(error):
            for name, value in values.items():
                if ours(value) and not isinstance(value, BaseException) and run.marks.found(repr(value), IDS, BROKEN):
                    showing.setdefault(f"{type(value).__qualname__}", set()).add(f"{place} {name}")
    assert showing == {}


def test_what_is_plain_in_our_frames_is_where_it_is_needed(run: Run) -> None:  # K1
    showing = {
        f"{place} {name}"
        for error in run.errors[:: 1 if LONG else 5]
        for place, values in frames(error)
        for name, value in values.items()
        if type(value) in (str, bytes, dict, list, tuple) and run.marks.found(repr(value), IDS, BROKEN)
    }
    assert {one.partition(":")[0] for one in showing} & BARE == set(), sorted(showing)
    assert showing  # the form itself: the search works


def test_the_search_finds_what_a_careless_line_would_log(run: Run) -> None:  # sabotage: the canary sings
    secret = run.seeds["alice"]
    for said in (
        lambda log: log.debug("seed %s", secret),
        lambda log: log.info("state", extra={"state": {"secret": secret}}),
        lambda log: log.warning("sealed %r", secret.encode().hex()),
        lambda log: log.error("cookie %s", [secret]),
    ):
        before = len(run.log.lines)
        with run.watching():
            said(logging.getLogger("tfa_middleware.careless"))
        new = run.log.lines[before:]
        del run.log.lines[before:]
        assert run.marks.found("\n".join(new)) == {f"seed {secret[:8]}"}


def test_the_search_finds_a_traceback_that_was_logged(run: Run) -> None:
    error = next(one for one in run.errors if run.marks.found(str(one)))
    before = len(run.log.lines)
    with run.watching():
        logging.getLogger("somebody.else").error("failed", exc_info=error)
    new = run.log.lines[before:]
    del run.log.lines[before:]
    assert run.marks.found("\n".join(new))
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert run.marks.found(text)  # so a page with locals does show what is plain in a frame


@pytest.mark.parametrize(
    "spelling", ["as it is", "lower", "hex", "base64 0", "base64 1", "base64 2", "in words", "url"]
)
def test_the_search_knows_other_spellings(spelling: str) -> None:
    import base64
    from urllib.parse import quote

    marks, secret = Marks(), "cnry+Secret/of 24 signs="
    marks.add("it", secret)
    raw = secret.encode()
    written = {
        "as it is": f"a {secret} b",
        "lower": secret.lower(),
        "hex": raw.hex(),
        "base64 0": base64.b64encode(raw + b"xyz").decode(),
        "base64 1": base64.urlsafe_b64encode(b"{" + raw + b"}").decode(),
        "base64 2": base64.b64encode(b'{"' + raw + b'"}').decode(),
        "in words": repr({"a": raw}),
        "url": f"/?x={quote(secret)}",
    }[spelling]
    assert marks.found(written) == {"it"}
    assert marks.found(re.sub("[a-zA-Z]", "q", written)) == set()


def test_codes_are_found_as_numbers_of_their_own() -> None:
    marks = Marks()
    marks.add("code", "90817263")
    assert marks.found("code=90817263.") == {"code"}
    assert marks.found("1908172634") == set()
