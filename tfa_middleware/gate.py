"""The law of the gate: facts of a request -> what becomes of it. Pure; it reads and changes nothing.

Permission comes from a pass, never from the absence of a login. Whatever is not named here is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfa_middleware.authorization import BOUND, MALFORMED, MISSING, NONE, UNBOUND
from tfa_middleware.realm import EXEMPT, LOGIN, PROTECTED, PUBLIC
from tfa_middleware.sessions import PASSED, PENDING, VISITOR

#: Forwarded without cookies and Authorization; no Set-Cookie comes back.
FORWARD_BARE = "forward bare"
#: Forwarded for a machine client: without cookies, with Authorization; no Set-Cookie comes back.
FORWARD_EXEMPT = "forward exempt"
#: Forwarded with the visitor's cookies; Set-Cookie goes to the browser and is bound to it.
FORWARD_VISITOR = "forward visitor"
#: Forwarded with the cookies of the pass.
FORWARD_PASSED = "forward passed"
#: The application's own logout: forwarded with the cookies of the pass, which ends.
FORWARD_LOGOUT = "forward logout"
#: A login: what the browser had ends first, the answer is held until it is judged.
ATTEMPT = "attempt"
#: A form behind the login with a password in it: forwarded only if it is no login of somebody else.
FORM = "form"
#: A login by the header Authorization: the gate itself asks the application about it, the request goes nowhere.
PRESENTED = "presented"
#: The browser is asked for the Authorization that its pass is bound to.
ASK = "ask"
#: To the challenge that waits.
TO_CHALLENGE = "to challenge"
#: To the login.
TO_ENTRY = "to entry"
#: Refused with 400.
REFUSE = "refuse"


@dataclass(frozen=True)
class Facts:
    """What the law looks at. ``state`` is what the session is worth now, ``attempt`` whether a password is in the
    request, ``readable`` whether its body could be read, ``own_form`` whether the realm lists it as no login,
    ``header`` what the Authorization is worth, ``stray`` whether a GET or HEAD has a body, which no browser sends."""

    path: str
    state: str
    attempt: bool = False
    readable: bool = True
    logout: bool = False
    own_form: bool = False
    header: str = NONE
    stray: bool = False


def decide(facts: Facts) -> str:
    """One of the actions above for one request."""
    if facts.path == EXEMPT:
        return FORWARD_EXEMPT
    if facts.header == MALFORMED:
        return REFUSE
    if facts.state == PASSED and facts.header in (NONE, BOUND):
        return _with_pass(facts)
    if facts.path == PUBLIC and not facts.attempt and facts.readable and not facts.stray:
        return FORWARD_BARE
    if facts.state == PENDING:
        return TO_CHALLENGE
    if facts.state == PASSED and facts.header == MISSING:
        return ASK
    return _without_pass(facts) if facts.state == VISITOR else TO_ENTRY


def _without_pass(facts: Facts) -> str:
    form = facts.attempt or not facts.readable
    if facts.header == UNBOUND and not (facts.path == LOGIN and form):
        return PRESENTED
    return _at_the_door(facts) if facts.path == LOGIN else TO_ENTRY


def _at_the_door(facts: Facts) -> str:
    if not facts.readable:
        return REFUSE
    if facts.attempt:
        return ATTEMPT
    # An application that leaves such a body unread may take it for a request that nobody judged.
    return REFUSE if facts.stray else FORWARD_VISITOR


def _with_pass(facts: Facts) -> str:
    if facts.path == LOGIN and not facts.readable:
        return REFUSE
    if facts.path == LOGIN and facts.attempt:
        return ATTEMPT
    if facts.attempt and not facts.own_form:
        return FORM
    if facts.logout:
        return FORWARD_LOGOUT
    return FORWARD_PASSED if facts.path in (LOGIN, PUBLIC, PROTECTED) else REFUSE
