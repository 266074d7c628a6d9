"""The application's answer to a login, kept until the pass has fetched it: once (A9)."""

from __future__ import annotations

import json

from tfa_middleware.held import Held
from tfa_middleware.hold import HeaderList
from tfa_middleware.realm import Realm
from tfa_middleware.response import Reply
from tfa_middleware.services import Services

#: A held answer waits this long, in seconds, to be fetched.
SHOWN_WITHIN = 600
#: Says to our own script that a response is the application's answer, not a page of ours.
ANSWER = ("Tfa-Answer", "1")


class Answers:
    """Keeps them sealed, by the id of the pass."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._sealer = services.sealer

    def keep(self, realm: Realm, session_id: str, held: Held) -> None:
        """Keep the answer of a pass."""
        sealed = self._sealer.seal(json.dumps(held.dumped()).encode(), f"page {realm.name} {session_id}")
        self._store.put(f"page:{realm.name}:{session_id}", sealed.encode("ascii"), ttl=SHOWN_WITHIN)

    def take(self, realm: Realm, session_id: str) -> Held | None:
        """The answer of a pass: once."""
        return self._taken(realm, session_id, "")

    def take_page(self, realm: Realm, session_id: str, path: str) -> Held | None:
        """The same where it is a page, at the address that it was the answer of."""
        return self._taken(realm, session_id, path)

    def _taken(self, realm: Realm, session_id: str, path: str) -> Held | None:
        key = f"page:{realm.name}:{session_id}"
        entry = self._store.get(key)
        if entry is None:
            return None
        text = self._sealer.open(entry.value.decode("ascii"), f"page {realm.name} {session_id}")
        held = Held.loaded(json.loads(text))
        if path and (held.path != path or not held.is_page or held.redirects):
            return None
        return held if self._store.delete(key, version=entry.version) else None


def for_a_script(held: Held, more: HeaderList) -> Reply:
    """A held answer that is no redirect, as its script would have had it; its cookies went before or are ``more``."""
    headers = [*held.page_headers(), ("Cross-Origin-Resource-Policy", "same-origin"), ANSWER, *more]
    return Reply(held.status, headers, held.body)
