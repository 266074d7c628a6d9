"""The verifiers by themselves, with what they name to be consumed: replays, odd input, odd clocks (cases 41 to 51)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyotp
import pytest
from support.clock import START, Clock

from tfa_middleware.challenges import Consumption
from tfa_middleware.errors import Rejected
from tfa_middleware.model import Account, Authenticator, Visit
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.verifiers.base import Begun, Once, State, Verifier
from tfa_middleware.verifiers.email import Email
from tfa_middleware.verifiers.recovery import Recovery
from tfa_middleware.verifiers.totp import Totp

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ALICE = Account("user", "alice", True)


def visit(now: float) -> Visit:
    return Visit(now, "Console", "user", "en", "Firefox", "localhost", lambda message: message)


@dataclass
class Factor:
    """One enrolled factor of Alice, a challenge of it, and how a right code of it looks."""

    verifier: Verifier
    record: Authenticator
    codes: Callable[[float], list[str]]
    state: State = field(default_factory=dict)
    store: Store = field(default_factory=MemoryStore)

    def answer(self, code: str, now: float = START, state: State | None = None) -> str:
        """``ok``, ``wrong`` or ``replayed``: what the framework makes of the verifier's answer."""
        state = self.state if state is None else state
        try:
            verified = self.verifier.verify(ALICE, (self.record,), state, {"code": code}, visit(now))
        except Rejected:
            return "wrong"
        used = Consumption(self.store)
        for one in verified.consumes:
            fresh = used.once("id", one.name) if isinstance(one, Once) else used.rising("id", one.name, one.value)
            if not fresh:
                return "replayed"
        return "ok"


def totp(**more: int) -> Factor:
    data = {"secret": SEED, "digits": 6, "period": 30, "algorithm": "SHA1"}
    return Factor(
        Totp(Totp.Settings(**more)),
        Authenticator("id", "totp", "Phone", 0, data=data),
        lambda now: [pyotp.TOTP(SEED).at(int(now))],
        {"step": "code"},
    )


def email() -> Factor:
    verifier, record = Email(Email.Settings()), Authenticator("id", "email", "a", 0, data={"address": "a@example.com"})
    state = verifier.begin(ALICE, (record,), visit(START)).state
    return Factor(verifier, record, lambda now: [state["code"]], state)


def recovery() -> Factor:
    verifier = Recovery(Recovery.Settings())
    done = verifier.finish_enrolment(ALICE, {"step": "make"}, {}, visit(START))
    record = Authenticator("id", "recovery", done.label, 0, data=done.data)
    return Factor(verifier, record, lambda now: list(done.show), {"step": "code"})


MADE = {"totp": totp, "email": email, "recovery": recovery}


@pytest.fixture(params=MADE)
def factor(request: pytest.FixtureRequest) -> Factor:
    return MADE[request.param]()


def test_one_app_code_twice_later_and_after_a_newer_one() -> None:  # case 41, B1
    factor = totp()
    step = {number: factor.codes(START + 30 * number)[0] for number in range(-1, 4)}
    assert factor.answer(step[1], START) == "ok"  # a clock that is a little ahead
    assert [factor.answer(step[number], START) for number in (1, 0, -1)] == ["replayed"] * 3
    assert [factor.answer(step[number], START + 30) for number in (1, 0)] == ["replayed"] * 2
    assert factor.answer(step[1], START + 60) == "replayed"
    assert factor.answer(step[2], START + 60) == "ok"
    assert factor.answer(step[3], START + 60) == "ok"
    assert factor.answer(step[2], START + 60) == "replayed"


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
def test_one_code_in_many_threads(factor: Factor, backend: str, tmp_path: object) -> None:
    # cases 41, 42 and 51, B1, E6
    if backend == "sqlite":
        factor.store = SqliteStore(tmp_path / "used.sqlite3")  # type: ignore[operator]
    code = factor.codes(START)[0]
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(lambda _: factor.answer(code), range(16)))
    assert answers == {"ok": 1, "replayed": 15}


def test_a_used_code_is_used_in_every_spelling(factor: Factor) -> None:  # cases 44 and 51
    code = factor.codes(START)[0]
    plain = code.replace("-", "")
    spellings = [code, plain, plain.lower(), f" {plain[:3]} {plain[3:]} ", f"{plain[:2]}-{plain[2:]}", f"{plain}\u00a0"]
    if plain.isalnum() and not plain.isdigit():  # what is misread: the record takes 0, 1 and 8 for letters
        spellings.append(plain.replace("O", "0").replace("I", "1").replace("B", "8"))
    assert factor.answer(spellings[-1]) == "ok"
    assert {factor.answer(spelling) for spelling in spellings} == {"replayed"}


RUBBISH = [
    "", " ", "-", "0", "000000", "null", "None", "true", "-1", "+1", "1e5", "0x1F", "0b1", "1_0", "NaN", "inf",
    "\u0660\u0661\u0662\u0663\u0664\u0665", "\uff11\uff12\uff13\uff14\uff15\uff16",
    "\u0966\u0967\u0968\u0969\u096a\u096b", "\U0001d7ce\U0001d7cf\U0001d7d0\U0001d7d1\U0001d7d2\U0001d7d3",
    "\u2460\u2461\u2462\u2463\u2464\u2465", "12345", "1234567", "12345\x00", "\x00" * 6, "[]", "{}", "x" * 10_000,
    "9" * 10_000, "123456\n", "\r\n123456", "%", "%s", "{0}", "' OR ''='", "\ud800", "\ufb00\ufb00\ufb00",
    "\u202e654321", "AAAA-AAAA-AAAA-AAAA", "aaaaaaaaaaaaaaaa", "\uff21" * 16, "\xdf" * 16, "A" * 15, "A" * 17,
]  # fmt: skip


def test_what_is_no_code_is_wrong_and_nothing_else(factor: Factor) -> None:  # case 43, B11
    right = factor.codes(START)
    for typed in RUBBISH:
        assert typed in right or factor.answer(typed) == "wrong", typed
    for shape in (
        "{}x",
        "x{}",
        "{}{}",
        "{}.",
        "{}\n",
        "\n{}",
        "{}\u200b",
        "{},",
        "'{}'",
        "{}\x00",
        "+{}",
        "{}" + " " * 99,
    ):
        assert factor.answer(shape.format(right[0], right[0])) == "wrong", shape
    assert factor.answer(right[0]) == "ok"  # none of them used it up


@pytest.mark.parametrize("form", [{}, {"Code": "x"}, {"code[]": "x"}, {"code\x00": "x"}, {"otp": "x"}])
def test_a_field_of_another_name_is_no_code(factor: Factor, form: dict[str, str]) -> None:  # case 43
    form = dict.fromkeys(form, factor.codes(START)[0])
    with pytest.raises(Rejected):
        factor.verifier.verify(ALICE, (factor.record,), factor.state, form, visit(START))


def test_only_blanks_and_hyphens_are_forgiven(factor: Factor) -> None:  # case 44
    code = factor.codes(START)[0].replace("-", "")
    for sign in "._/:,;+*'\"\u2010\u2011\u2013\u2014\u2212\u00ad\u200b\u2003\u3000\v\f\n\r":
        assert factor.answer(f"{code[:3]}{sign}{code[3:]}") == "wrong", repr(sign)
    assert factor.answer(f" {code[:3]}-\t{code[3:]}\u00a0") == "ok"


@pytest.mark.parametrize(("past", "future"), [(0, 0), (1, 1), (2, 0), (0, 2), (2, 2)])
def test_clocks_that_go_ahead_and_back(past: int, future: int) -> None:  # case 45, B5
    for off in (-600, -90, -61, -60, -31, -30, -1, 0, 1, 29, 30, 31, 59, 60, 61, 90, 600):
        factor = totp(past=past, future=future)
        code = factor.codes(START + off)[0]
        step = int((START + off) // 30) - int(START // 30)
        assert factor.answer(code, START) == ("ok" if -past <= step <= future else "wrong"), off


def test_no_used_step_comes_back_with_the_clock() -> None:  # case 45, B1
    factor = totp()
    for now in (START, START + 29.999, START + 30, START + 3600):
        factor.answer(factor.codes(now)[0], now)
    for now in (START + 3600 - 30, START + 600, START, START - 86_400, START + 3600):  # set back, and right again
        assert factor.answer(factor.codes(now)[0], now) == "replayed"
    assert factor.answer(factor.codes(START + 3630)[0], START + 3630) == "ok"


@pytest.mark.parametrize("now", [0.0, 29.5, 59.0, 1_483_228_799.0, 1_483_228_800.0, 2_147_483_647.0, 4_294_967_296.0])
def test_moments_at_which_others_have_stumbled(now: float) -> None:  # case 45: a leap second, the ends of 32 bits
    factor = totp()
    assert factor.answer(factor.codes(now)[0], now) == "ok"
    assert factor.answer(factor.codes(now)[0], now) == "replayed"


def test_a_mail_code_is_good_in_its_time_and_its_login() -> None:  # case 46, C4, C6
    factor, clock = email(), Clock()
    code = factor.codes(START)[0]
    later = factor.verifier.begin(ALICE, (factor.record,), visit(START + 30)).state
    enrolling = factor.verifier.finish_enrolment(ALICE, {"step": "address"}, {"address": "m@example.com"}, visit(START))
    assert code == later["code"] or factor.answer(code, START + 31, later) == "wrong"
    assert isinstance(enrolling, Begun)
    assert factor.answer(enrolling.state["code"], START, enrolling.state) == "wrong"
    for age in (600, 600.1, 3600, 10**9, -3600, -(10**9)):
        assert factor.answer(code, START + age) == "wrong", age
    clock.pass_by(599)
    assert factor.answer(code, clock()) == "ok"
    assert factor.answer(code, clock()) == "replayed"


def test_mail_codes_are_evenly_spread_and_unlike_each_other() -> None:  # case 47, C3
    factor = email()
    codes = [factor.verifier.begin(ALICE, (factor.record,), visit(START)).state["code"] for _ in range(3000)]
    assert all(re.fullmatch(r"[0-9]{6}", code) for code in codes)
    for place in range(6):
        counts = Counter(code[place] for code in codes)
        # 300 each; the sum of squares over it is above 40 once in a hundred thousand times (9 degrees of freedom).
        assert sum((counts[digit] - 300) ** 2 / 300 for digit in "0123456789") < 45, place
    assert len(set(codes)) > 2950


def test_a_mail_has_its_code_in_the_text_alone() -> None:  # case 47, C12, K1
    factor = email()
    begun = factor.verifier.begin(ALICE, (factor.record,), visit(START))
    code = begun.state["code"]
    assert begun.mail is not None
    assert code in begun.mail.text
    assert code not in begun.mail.subject
    assert code not in repr(begun) + repr(begun.mail) + repr(factor.verifier)
    prompt = factor.verifier.prompt(ALICE, begun.state, visit(START))
    assert code not in repr(prompt) + prompt.text + str(dict(prompt.facts))
