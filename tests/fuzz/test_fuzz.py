"""The fuzzing targets, by seeds, by what was found once, and by inputs that are built to a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import plans, target_link, target_records
from fuzz.run import Findings
from fuzz.targets import TARGETS
from tfa_middleware.errors import RecordError
from tfa_middleware.model import Account
from tfa_middleware.sessions import Session
from tfa_middleware.stores.accountlines import HEADER
from tfa_middleware.stores.textfile import TextFileAccounts

HERE = Path(__file__).parent
#: What was found and still fails: where, and why.
OPEN: dict[str, str] = {}
#: Those of them that the plans find too.
OPEN_BY_PLAN: dict[str, str] = {}
ONE_CORE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def inputs(kind: str) -> list[object]:
    """Every file of ``corpus`` or ``found``."""
    files = [(one.parent.name, one) for one in sorted((HERE / kind).glob("*/*"))]
    known = OPEN if kind == "found" else {}
    return [pytest.param(name, one, id=f"{name}-{one.name}", marks=failing(name, known)) for name, one in files]


def failing(name: str, known: dict[str, str]) -> list[pytest.MarkDecorator]:
    """That a target is known to fail, where it is."""
    return [pytest.mark.xfail(strict=True, reason=known[name])] if name in known else []


@pytest.mark.parametrize(("name", "path"), inputs("corpus"))
def test_a_seed_holds(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize(("name", "path"), inputs("found"))
def test_what_was_found_once_holds_now(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_seeds_and_a_plan(name: str) -> None:
    assert list((HERE / "corpus" / name).iterdir())
    assert name in plans.PLANS


def given_out(attempts: Any, attempt: Any, judged: Any, _: bool, start: Any) -> Any:
    """In the place of holding an answer: as if the password had been wrong."""
    return attempts._release_failed(attempt, judged, start)


#: A part of the gate, what stands in its place, the target that shall see it, and the input.
BROKEN: list[tuple[str, object, str, bytes | str]] = [
    ("cookies.unambiguous", dict, "cookie_value", b"a sid=evil"),
    ("forms.Fields.values", lambda *_, **__: [], "login_body", "form"),
    ("realm.Realm.classify", lambda *_: "public", "path", b"admin/secret"),
    ("stores.accountlines.Lines.changed", lambda *_: b"", "account_file", "two"),
    ("hold.Answer.close", lambda _: None, "answer", "simple"),
    ("hold.Answer._before_it", lambda _: iter(()), "answer", "write"),
    ("attempts.Attempts._hold", given_out, "login_answer", "good"),
    ("link._Insert.feed", lambda self, chunk: chunk + target_link.MARK, "link", "plain"),
    ("sessions.SessionCookie.read", lambda *_: Session("passed", "x", 0), "session_cookie", "cut"),
    ("keys.Sealer.open", lambda *_: b"", "seal", "moved"),
]


@pytest.mark.parametrize(
    ("part", "stand_in", "name", "seed"), BROKEN, ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_target_sees_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, part: str, stand_in: object, name: str, seed: bytes | str
) -> None:
    """A target that cannot fail would be worth nothing."""
    data = seed if isinstance(seed, bytes) else (HERE / "corpus" / name / seed).read_bytes()
    TARGETS[name](data)
    monkeypatch.setattr(f"tfa_middleware.{part}", stand_in)
    with pytest.raises(AssertionError):
        TARGETS[name](data)


@pytest.mark.parametrize("name", [pytest.param(name, marks=failing(name, OPEN_BY_PLAN)) for name in TARGETS])
def test_no_input_of_the_plan_breaks_it(name: str) -> None:
    """Strings of the words that matter to a target, in any order, with any octets between them."""

    @settings(ONE_CORE, max_examples=plans.EXAMPLES.get(name, 300))
    @given(plans.PLANS[name])
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()


@pytest.mark.parametrize("seed", sorted((HERE / "corpus/account_file").iterdir()), ids=lambda seed: seed.name)
def test_the_file_itself_keeps_what_is_no_account(tmp_path: Path, seed: Path) -> None:
    """What the target does with octets alone, once with a real file and the store over it."""
    path = tmp_path / "TFARecs.dat"
    path.write_bytes(seed.read_bytes())
    if seed.name == "twice":
        with pytest.raises(RecordError, match="line 2: the account of line 1 once more"):
            TextFileAccounts(path, target_records.SEALS)
        return
    store = TextFileAccounts(path, target_records.SEALS)
    before, plain = set(map(name_of, store.all())), comments(path)
    store.update("user", "dora", lambda _: target_records.sample("user", "dora"))
    again = TextFileAccounts(path, target_records.SEALS)
    assert set(map(name_of, again.all())) == {*before, ("user", "dora")}
    assert comments(path) == (plain or ([HEADER] if not seed.read_bytes() else []))
    assert path.read_bytes().startswith(seed.read_bytes().rstrip(b"\n"))


def name_of(account: Account) -> tuple[str, str]:
    """The key of an account."""
    return account.realm, account.user


def comments(path: Path) -> list[bytes]:
    """The lines of a file that are no account, but for empty ones."""
    return [line for line in path.read_bytes().split(b"\n") if line.strip().startswith(b"#")]


@ONE_CORE
@given(st.binary(max_size=60), st.integers(1, 60))
def test_the_smallest_input_still_fails_in_the_same_place(data: bytes, size: int) -> None:
    """The driver's own part: it keeps what fails, and makes it no longer."""

    def target(octets: bytes) -> None:
        assert b"x" not in octets

    findings = Findings(target, Path("unused"))
    given_input = data[:size] + b"x" + data[size:]
    place = findings.place(given_input)
    assert place.startswith("AssertionError test_fuzz.py")
    assert findings.smallest(place, given_input) == b"x"
