"""One login under way, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfa_middleware.held import Held
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.sessions import Bindings, Session


@dataclass(frozen=True)
class Attempt:
    """One login under way. ``jar`` are the application's cookies that go with it; ``name`` the user field, canonical;
    ``visitor`` is None where the browser came with a pass, whose cookies never become a visitor's; ``owner`` is the
    login that held the cookies before, later this one."""

    request: Request
    realm: Realm
    name: str
    jar: Mapping[str, str] = field(repr=False)
    wanted: str = ""
    visitor: Session | None = None
    owner: str = ""


@dataclass(frozen=True)
class Judged:
    """What became of it: the verdict, the canonical name, the answer, the cookies after it, whom whoami named, and what
    else the pass will vouch for: an Authorization."""

    verdict: str
    user: str
    held: Held
    jar: Mapping[str, str] = field(repr=False)
    named: str = ""
    bound: Bindings = field(default_factory=dict)
