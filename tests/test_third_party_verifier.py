"""A stranger's verifier in one file works by the protocol alone (examples/pin_letter.py)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.model import Account, Authenticator, Visit
from tfa_middleware.verifiers.base import Enrolled, Once, Verifier

EXAMPLES = Path(__file__).parents[1] / "examples"
ACCOUNT = Account("user", "mia")
VISIT = Visit(1_700_000_000.0, "Backup Console", "user", "en", "Firefox", "localhost", lambda message: message)


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("pin_letter").PinLetter


@pytest.fixture
def verifier(kind: Any) -> Any:
    return kind(kind.Settings(codes=10))


@pytest.fixture
def letter(verifier: Any) -> tuple[Authenticator, dict[str, str]]:
    begun = verifier.begin_enrolment(ACCOUNT, {}, VISIT)
    assert verifier.prompt(ACCOUNT, begun.state, VISIT).field_name == ""
    done = verifier.finish_enrolment(ACCOUNT, begun.state, {}, VISIT)
    assert isinstance(done, Enrolled)
    codes = dict(line.split(": ") for line in done.show)
    return Authenticator("p1", "pin_letter", done.label, 0, data=json.loads(json.dumps(done.data))), codes


Letter = tuple[Authenticator, dict[str, str]]


def test_it_follows_the_protocol(verifier: Any) -> None:
    assert isinstance(verifier, Verifier)
    assert verifier.Settings().codes == 40


def test_the_asked_code_is_right_and_its_number_is_used_up(verifier: Any, letter: Letter) -> None:
    record, codes = letter
    for left in range(9, -1, -1):
        state = verifier.begin(ACCOUNT, (record,), VISIT).state
        number = state["number"]
        assert number in verifier.prompt(ACCOUNT, state, VISIT).text
        done = verifier.verify(ACCOUNT, (record,), state, {"code": codes[number]}, VISIT)
        assert done.consumes == (Once(f"number-{number}"),)
        with pytest.raises(Rejected):
            verifier.verify(ACCOUNT, (done.authenticator,), state, {"code": codes[number]}, VISIT)
        record = done.authenticator
        assert len(record.data["hashes"]) == left
    assert "another way" in verifier.prompt(ACCOUNT, verifier.begin(ACCOUNT, (record,), VISIT).state, VISIT).text


def test_the_number_asked_stays_until_it_is_used(verifier: Any, letter: Letter) -> None:
    asked = {verifier.begin(ACCOUNT, (letter[0],), VISIT).state["number"] for _ in range(20)}
    assert len(asked) == 1


def test_another_number_is_wrong(verifier: Any, letter: Letter) -> None:
    record, codes = letter
    state = {"step": "code", "letter": "p1", "number": "3"}
    for typed in (codes["4"], "", "12", "\uff11" * 8, "x" * 5000):
        with pytest.raises(Rejected):
            verifier.verify(ACCOUNT, (record,), state, {"code": typed}, VISIT)


def test_a_used_up_or_removed_letter_lets_nobody_in(verifier: Any, letter: Letter) -> None:
    record, codes = letter
    for state in ({"letter": "p1", "number": ""}, {"letter": "p2", "number": "1"}):
        with pytest.raises(Rejected):
            verifier.verify(ACCOUNT, (record,), {"step": "code", **state}, {"code": codes["1"]}, VISIT)


def test_the_record_has_no_code_and_a_damaged_one_is_refused(verifier: Any, letter: Letter) -> None:  # E7, K5
    record, codes = letter
    assert not [code for code in codes.values() if code.replace(" ", "") in json.dumps(record.data)]
    with pytest.raises(RecordError):
        verifier.begin(ACCOUNT, (Authenticator("p1", "pin_letter", "", 0),), VISIT)
