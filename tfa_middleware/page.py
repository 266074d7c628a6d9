"""One request for one of our pages, with what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.sessions import PASSED, PENDING
from tfa_middleware.standing import Standing


@dataclass(frozen=True)
class Page:
    """``parts`` are the path below the realm's root, ``form`` the posted fields, each name once."""

    request: Request
    realm: Realm
    standing: Standing
    parts: Sequence[str] = ()
    form: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def session_id(self) -> str:
        """The id of the session, to which challenges and enrolments are bound."""
        return self.standing.session.id

    @property
    def csrf(self) -> str:
        """The token for the forms of this page."""
        return self.realm.cookie.csrf_token(self.standing.session)

    @property
    def waits(self) -> bool:
        """Whether a login waits for its second factor."""
        return self.standing.state == PENDING

    @property
    def passed(self) -> bool:
        """Whether there is a pass."""
        return self.standing.state == PASSED

    @property
    def action(self) -> str:
        """Which button was pressed."""
        return self.form.get("action", "")


def moment(seconds: float) -> str:
    """A time for people: UTC, to the minute."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
