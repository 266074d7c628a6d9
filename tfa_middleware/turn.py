"""One request that the law decides on, with all that was read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tfa_middleware import forms
from tfa_middleware.hold import StartResponse
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.standing import Standing


@dataclass(frozen=True)
class Turn:
    """A request in its realm: ``path`` is the class of its path, ``standing`` what its browser's session is worth."""

    request: Request
    realm: Realm
    path: str
    standing: Standing
    fields: forms.Fields


#: What becomes of one: the answer, in WSGI's way.
Action = Callable[[Turn, StartResponse], Iterable[bytes]]
