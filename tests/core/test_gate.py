"""The law of the gate over its whole input space, against a law written down another way (REQUIREMENTS A)."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from support.bench import Bench
from support.spy import Spy

from tfa_middleware import gate
from tfa_middleware.authorization import BOUND, MALFORMED, MISSING, NONE, UNBOUND
from tfa_middleware.gate import Facts, decide
from tfa_middleware.realm import EXEMPT, LOGIN, PROTECTED, PUBLIC
from tfa_middleware.sessions import PASSED, PENDING, VISITOR

PATHS = (LOGIN, PUBLIC, EXEMPT, PROTECTED, "a class that is not known")
STATES = (VISITOR, PENDING, PASSED, "a state that is not known")
BOTH = (False, True)
HEADERS = (NONE, BOUND, MISSING, UNBOUND, MALFORMED, "a worth that is not known")
ALL = [Facts(*facts) for facts in product(PATHS, STATES, BOTH, BOTH, BOTH, BOTH, HEADERS, BOTH)]


def allowed(f: Facts) -> dict[str, bool]:
    """The law as sets: under which facts each action is right. Every request lies in exactly one of them."""
    bad, good = f.header == MALFORMED and f.path != EXEMPT, f.header in (NONE, BOUND)
    visitor, pending = f.state == VISITOR and not bad, f.state == PENDING and not bad
    passed = f.state == PASSED and good
    door, exempt, public = f.path == LOGIN, f.path == EXEMPT, f.path == PUBLIC
    blind = door and not f.readable
    known = f.path in (LOGIN, PUBLIC, PROTECTED)
    login = f.attempt and door and f.readable
    form = f.attempt and not door and not f.own_form
    inside = passed and not exempt and not blind and not login
    open_ = public and not f.attempt and f.readable and not f.stray
    odd = door and f.stray and f.readable and not f.attempt
    asked = f.state == PASSED and f.header == MISSING and not exempt and not open_
    presented = visitor and f.header == UNBOUND and not exempt and not open_ and not (door and (blind or f.attempt))
    here = visitor and not presented
    return {
        gate.FORWARD_EXEMPT: exempt,
        gate.FORWARD_BARE: open_ and not passed and not bad,
        gate.ASK: asked,
        gate.PRESENTED: presented,
        gate.TO_CHALLENGE: pending and not exempt and not open_,
        gate.REFUSE: bad
        or (blind and (visitor or passed))
        or (odd and here)
        or (inside and not known and not f.logout and not form),
        gate.ATTEMPT: login and (visitor or passed),
        gate.FORWARD_VISITOR: here and door and f.readable and not f.attempt and not odd,
        gate.TO_ENTRY: not (passed or pending or bad or exempt or open_ or asked or presented or (visitor and door)),
        gate.FORWARD_LOGOUT: inside and f.logout and not form,
        gate.FORM: inside and form,
        gate.FORWARD_PASSED: inside and known and not f.logout and not form,
    }


def test_every_request_gets_the_one_action_that_the_law_allows() -> None:
    wrong = [facts for facts in ALL if [decide(facts)] != [one for one, right in allowed(facts).items() if right]]
    assert wrong == []


def test_nothing_without_a_pass_is_forwarded_as_if_it_had_one() -> None:  # A1, A10
    inside = {gate.FORWARD_PASSED, gate.FORWARD_LOGOUT, gate.FORM}
    assert not [facts for facts in ALL if facts.state != PASSED and decide(facts) in inside]


def test_a_visitors_cookies_go_to_login_pages_alone() -> None:  # A1
    with_cookies = [facts for facts in ALL if decide(facts) in (gate.FORWARD_VISITOR, gate.ATTEMPT)]
    assert {facts.path for facts in with_cookies} == {LOGIN}


def test_a_protected_path_without_a_pass_never_reaches_the_application() -> None:  # A1, A10
    found = {decide(facts) for facts in ALL if facts.state != PASSED and facts.path not in (LOGIN, PUBLIC, EXEMPT)}
    assert found == {gate.TO_ENTRY, gate.TO_CHALLENGE, gate.PRESENTED, gate.REFUSE}


def test_a_login_that_waits_reaches_nothing_with_cookies() -> None:  # A8, law 3
    found = {decide(facts) for facts in ALL if facts.state == PENDING}
    assert found == {gate.TO_CHALLENGE, gate.FORWARD_BARE, gate.FORWARD_EXEMPT, gate.REFUSE}


def test_a_login_posted_under_a_pass_is_always_taken_for_one() -> None:  # A7
    posted = [f for f in ALL if f.state == PASSED and f.path == LOGIN and f.attempt and f.readable]
    assert {decide(f) for f in posted if f.header in (NONE, BOUND)} == {gate.ATTEMPT}


def test_what_cannot_be_read_never_reaches_a_door() -> None:  # A6
    found = {decide(f) for f in ALL if f.path == LOGIN and not f.readable}
    assert found == {gate.REFUSE, gate.TO_CHALLENGE, gate.TO_ENTRY, gate.ASK}


def test_a_body_that_no_browser_sends_goes_nowhere_without_a_pass() -> None:  # A1, case 97
    found = {decide(f) for f in ALL if f.stray and f.state != PASSED and f.path != EXEMPT and not f.attempt}
    assert found == {gate.REFUSE, gate.TO_CHALLENGE, gate.TO_ENTRY, gate.PRESENTED}


def test_another_authorization_than_that_of_the_pass_opens_nothing() -> None:  # A18, A7
    inside = {gate.FORWARD_PASSED, gate.FORWARD_LOGOUT, gate.FORM, gate.ATTEMPT}
    assert not [f for f in ALL if f.state == PASSED and f.header not in (NONE, BOUND) and decide(f) in inside]


def test_the_middleware_has_an_answer_to_every_action(tmp_path: Path) -> None:
    assert {decide(facts) for facts in ALL} == set(Bench(Spy(), tmp_path).app._actions)
