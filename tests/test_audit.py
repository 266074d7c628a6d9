from __future__ import annotations

import json
import logging
import multiprocessing
import stat
import threading
from pathlib import Path

import pytest

from tfa_middleware.audit import EVENTS, Audit, Event
from tfa_middleware.errors import ConfigError

NOON = 1767268800.25  # 2026-01-01T12:00:00.250Z
HOSTILE = [
    "a\nevent=factor_ok user=root",
    "\r\n",
    "\x1b[2J",
    "\x9b2J",
    "a b",
    'a"b',
    "a\\",
    "a=b",
    "\u2028",
    "\udc80",
    "",
    "\0",
]


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "tfa_middleware.audit")
    return caplog


def test_an_event_is_one_line_of_pairs(heard: pytest.LogCaptureFixture) -> None:
    audit = Audit(lambda: NOON)
    audit.emit("factor_ok", realm="admin", user="ann", origin="192.0.2.7", kind="totp", tries=1, last=None)
    line = "event=factor_ok time=2026-01-01T12:00:00.250Z realm=admin user=ann origin=192.0.2.7"
    assert heard.messages == [f"{line} kind=totp tries=1 last=null"]


def test_a_warning_is_a_warning(heard: pytest.LogCaptureFixture) -> None:
    audit = Audit()
    audit.emit("locked", warning=True)
    audit.emit("factor_ok")
    assert [record.levelno for record in heard.records] == [logging.WARNING, logging.INFO]


# K2
@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_forges_a_line_or_a_pair(heard: pytest.LogCaptureFixture, tmp_path: Path, value: str) -> None:
    file = tmp_path / "audit.jsonl"
    Audit(lambda: NOON, file).emit("factor_failed", realm="admin", user=value or "x", origin=value, reason=value)
    (line,) = heard.messages
    assert line.isascii()
    assert line.isprintable()
    assert line.startswith("event=factor_failed time=2026-01-01T12:00:00.250Z realm=admin user=")
    assert line.endswith("reason=" + json.dumps(value))
    (written,) = file.read_bytes().splitlines()
    assert json.loads(written)["facts"] == {"reason": value}


# K1
def test_only_plain_facts_are_written(heard: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    secrets = {"a": b"marker", "b": ["marker"], "c": ValueError("marker"), "d": {"k": "marker"}}
    Audit(file=file).emit("gate_error", **secrets, long="x" * 5000, odd=float("nan"))  # type: ignore[arg-type]
    assert "marker" not in heard.text + file.read_text()
    facts = json.loads(file.read_text())["facts"]
    assert (facts["a"], facts["c"], facts["odd"]) == ("<bytes>", "<ValueError>", "nan")
    assert len(facts["long"]) == 1003


def test_a_fact_hides_no_main_field(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    Audit(lambda: NOON, file).emit("reset", user="ann", event="x", time="y", level="z")
    line = json.loads(file.read_text())
    assert (line["event"], line["time"], line["level"], line["user"]) == (
        "reset",
        "2026-01-01T12:00:00.250Z",
        "info",
        "ann",
    )


def test_the_file_is_private_and_grows(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    Audit(file=file).emit("enabled")
    Audit(file=file).emit("disabled")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line)["event"] for line in file.read_text().splitlines()] == ["enabled", "disabled"]


def test_the_file_may_be_rotated(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    audit = Audit(file=file)
    audit.emit("enabled")
    file.rename(tmp_path / "audit.jsonl.1")
    audit.emit("disabled")
    assert json.loads(file.read_text())["event"] == "disabled"


def test_a_file_that_cannot_be_written_stops_the_start_but_no_request(
    heard: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        Audit(file=tmp_path / "missing" / "audit.jsonl")
    assert (caught.value.section, caught.value.key) == ("tfa", "audit_file")
    (tmp_path / "logs").mkdir()
    audit = Audit(file=tmp_path / "logs" / "audit.jsonl")
    (tmp_path / "logs").rename(tmp_path / "gone")
    audit.emit("enabled")
    assert "event=enabled" in heard.text
    assert "the audit file cannot be written" in heard.text


def _write(file: Path, name: str) -> None:
    audit = Audit(file=file)
    for _ in range(100):
        audit.emit("factor_failed", user=name * 300)


def test_lines_of_processes_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(file, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    users = [json.loads(line)["user"] for line in file.read_text().splitlines()]
    assert sorted(users) == sorted(name * 300 for name in "abc" for _ in range(100))


def test_counts_are_right_between_threads() -> None:
    audit = Audit()

    def fail() -> None:
        for _ in range(200):
            audit.emit("factor_failed")

    threads = [threading.Thread(target=fail) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.counts == {"factor_failed": 800}


def test_subscribers_hear_the_event() -> None:
    events: list[Event] = []
    audit = Audit(lambda: NOON)
    audit.subscribe(events.append)
    audit.emit("removed", realm="user", user="ann", origin="::1", warning=True, kind="totp")
    assert events == [Event("removed", NOON, "user", "ann", "::1", "warning", {"kind": "totp"})]


# K1, K6
def test_a_failing_subscriber_stops_nobody_and_tells_no_secret(heard: pytest.LogCaptureFixture) -> None:
    events: list[str] = []

    def fail(event: Event) -> None:
        raise RuntimeError("marker secret")

    audit = Audit()
    audit.subscribe(fail)
    audit.subscribe(lambda event: events.append(event.name))
    audit.emit("enabled")
    assert events == ["enabled"]
    assert "a listener to enabled failed: RuntimeError in fail" in heard.text
    assert "marker" not in heard.text


def test_a_subscriber_may_emit() -> None:
    audit = Audit()

    def answer(event: Event) -> None:
        if event.name == "removed":
            audit.emit("mail_failed")

    audit.subscribe(answer)
    audit.emit("removed")
    assert audit.counts == {"removed": 1, "mail_failed": 1}


def test_event_names_are_bare_words_with_a_meaning() -> None:
    assert all(name.replace("_", "").isalpha() and meaning for name, meaning in EVENTS.items())
