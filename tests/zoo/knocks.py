"""How one knocks at the doors of an animal: requests that carry a name and a password."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from attacks.wire import FORM

JSON = "application/json"


@dataclass(frozen=True)
class Knock:
    """One login as it goes on the wire. ``user`` and ``password`` are the names of its fields, for other spellings."""

    path: str
    body: bytes = b""
    kind: str = FORM
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    user: str = "username"
    password: str = "password"

    @property
    def more(self) -> dict[str, Any]:
        """What it adds to an environ."""
        return {**self.headers, **({"CONTENT_TYPE": self.kind} if self.body else {})}


#: ``(name, password) -> Knock``.
Door = Callable[[str, str], Knock]


def by_form(path: str, user: str = "username", password: str = "password", **more: str) -> Door:
    """A form that is posted; ``more`` are hidden fields."""

    def knock(name: str, word: str) -> Knock:
        return Knock(path, urlencode({**more, user: name, password: word}).encode(), user=user, password=password)

    return knock


def by_json(path: str, user: str = "username", password: str = "password") -> Door:
    """An object in JSON, as scripts post it."""

    def knock(name: str, word: str) -> Knock:
        body = json.dumps({user: name, password: word}).encode()
        headers = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "*/*"}
        return Knock(path, body, JSON, headers=headers, user=user, password=password)

    return knock


def by_query(path: str, user: str = "username", password: str = "password", method: str = "GET") -> Door:
    """Name and password in the address."""

    def knock(name: str, word: str) -> Knock:
        query = f"{user}={quote(name)}&{password}={quote(word)}"
        return Knock(f"{path}?{query}", method=method, user=user, password=password)

    return knock


def by_basic(path: str) -> Door:
    """Name and password in the header Authorization (RFC 7617)."""

    def knock(name: str, word: str) -> Knock:
        token = base64.b64encode(f"{name}:{word}".encode()).decode()
        return Knock(path, method="GET", headers={"HTTP_AUTHORIZATION": f"Basic {token}"})

    return knock
