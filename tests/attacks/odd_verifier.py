"""A third party's verifier that does not keep its contract (case 50)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tfa_middleware.model import Authenticator
from tfa_middleware.verifiers.base import Once, Verified
from tfa_middleware.verifiers.totp import Totp


class Truthy:
    """True for everybody who asks, and equal to everything."""

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class Odd(Totp):
    """Answers what the posted code names."""

    kind = "odd"
    title = "Odd"

    def verify(self, account: Any, authenticators: Any, state: Any, form: Any, visit: Any) -> Any:
        mine = authenticators[0]
        stranger = Authenticator("of-mallory", "odd", "x", 0)
        answers: dict[str, Any] = {
            "None": None,
            "True": True,
            "1": 1,
            "text": "verified",
            "truthy": Truthy(),
            "class": Verified,
            "record": mine,
            "stranger": Verified(stranger),
            "other id": Verified(replace(mine, id="x")),
            "truthy record": Verified(Truthy()),  # type: ignore[arg-type]
        }
        raised = {
            "raise": ValueError("code 123456"),
            "timeout": TimeoutError(),
            "key": KeyError("secret"),
            "stop": StopIteration(),
        }
        if form["code"] in raised:
            raise raised[form["code"]]
        if form["code"] == "good":
            return Verified(mine, (Once("good"),))
        return answers[form["code"]]
