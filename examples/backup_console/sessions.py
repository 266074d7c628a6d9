"""Who is logged in, kept in memory: a random id in a cookie, the name on the server."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict

SESSION_LIMIT = 10_000


class Sessions:
    """The sessions of one login. Ids have 256 bits from the system's generator; the oldest goes beyond the limit."""

    def __init__(self, cookie: str) -> None:
        self.cookie = cookie
        self._names: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, name: str) -> str:
        """Begin a session and give its Set-Cookie value."""
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._names[session] = name
            if len(self._names) > SESSION_LIMIT:
                self._names.popitem(last=False)
        return f"{self.cookie}={session}; Path=/; HttpOnly; SameSite=Lax"

    def name(self, cookies: dict[str, str]) -> str | None:
        """``cookies -> account name``, or None where no session is."""
        with self._lock:
            return self._names.get(cookies.get(self.cookie, ""))

    def close(self, cookies: dict[str, str]) -> str:
        """End a session and give the Set-Cookie value that removes it from the browser."""
        with self._lock:
            self._names.pop(cookies.get(self.cookie, ""), None)
        return f"{self.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


class Passwords:
    """Account names and their passwords, in memory only: this console is a model, not a product."""

    def __init__(self, accounts: dict[str, str]) -> None:
        self._accounts = dict(accounts)

    def right(self, name: str, password: str) -> bool:
        """Whether this is the account's password; as slow for a name that does not exist."""
        known = self._accounts.get(name, "")
        return hmac.compare_digest(known.encode(), password.encode()) and bool(known)

    def set(self, name: str, password: str) -> None:
        """Add an account or change its password."""
        self._accounts[name] = password

    def names(self) -> list[str]:
        """All accounts, sorted."""
        return sorted(self._accounts)
