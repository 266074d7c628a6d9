"""A console with the habits that attackers wish for. It knows nothing of second factors; it counts whom it served.

Everybody's password is "right". Alice is the victim, Mallory the attacker with an account of his own.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

NEW, IN_PLACE, SILENT = "new", "in place", "silent"
Environ = dict[str, Any]
Headers = list[tuple[str, str]]
#: ``(environ, body) -> (user, password)``, or None where these are not there.
Door = Callable[[Environ, bytes], "tuple[str, str] | None"]
HTML = ("Content-Type", "text/html; charset=utf-8")
FORM = b'<form method="post"><input name="username"><input type="password" name="password"></form>'


def by_form(user: str = "username", password: str = "password") -> Door:
    """A door that reads a urlencoded body, of whatever type it calls itself."""

    def door(environ: Environ, body: bytes) -> tuple[str, str] | None:
        return _pair(dict(parse_qsl(body.decode("utf-8", "replace"))), user, password)

    return door


def by_query(user: str = "username", password: str = "password") -> Door:
    """A door that reads the query."""

    def door(environ: Environ, body: bytes) -> tuple[str, str] | None:
        return _pair(dict(parse_qsl(environ.get("QUERY_STRING", ""))), user, password)

    return door


def by_json(user: str = "username", password: str = "password") -> Door:
    """A door that reads JSON, of whatever type the body calls itself."""

    def door(environ: Environ, body: bytes) -> tuple[str, str] | None:
        try:
            fields = json.loads(body)
        except ValueError:
            return None
        return _pair(fields, user, password) if isinstance(fields, dict) else None

    return door


def by_parts(user: str = "username", password: str = "password") -> Door:
    """A door that reads multipart as ``cgi.FieldStorage.getvalue`` did: a part with a file name is a value too."""

    def door(environ: Environ, body: bytes) -> tuple[str, str] | None:
        found = re.findall(rb'name="([^"]*)"[^\r]*\r\n(?:[^\r]+\r\n)*\r\n(.*?)\r\n--', body, re.DOTALL)
        return _pair({name.decode(): value.decode() for name, value in found}, user, password)

    return door


def _pair(fields: Mapping[str, Any], user: str, password: str) -> tuple[str, str] | None:
    return (str(fields[user]), str(fields[password])) if user in fields and password in fields else None


class Console:
    """``habit``: a new session id at login, the one that the browser holds set again, or that one in silence.

    ``doors`` are where it takes a login. ``greets`` answers any login of a logged-in browser with success.
    ``query_ids`` and ``path_ids`` take a session id from the URL. ``before`` is called with (method, path) ahead of
    the session.
    """

    def __init__(
        self,
        habit: str = NEW,
        doors: Mapping[str, Door] | None = None,
        *,
        greets: bool = False,
        query_ids: bool = False,
        path_ids: bool = False,
        short_ids: bool = False,
        home: str = "/private",
    ) -> None:
        self.habit = habit
        self.doors: dict[str, Door] = {"/login": by_form(), **(doors or {})}
        self.greets, self.query_ids, self.path_ids, self.home = greets, query_ids, path_ids, home
        self.id_bytes = 6 if short_ids else 16
        self.sessions: dict[str, str] = {}
        self.served: Counter[str] = Counter()
        self.calls: list[tuple[str, str, str, str]] = []
        self.environs: list[Environ] = []
        self.headers: Headers = []
        self.before: Callable[[str, str], object] = lambda method, path: None

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].split(";")[0]
        self.before(method, path)
        session = self._session(environ)
        who = self.sessions.get(session, "")
        self.calls.append((method, environ["PATH_INFO"], who, environ.get("HTTP_COOKIE", "")))
        self.environs.append(dict(environ))
        if path in self.doors:
            return self._door(environ, start, session, who)
        return self.shown(environ, start, session, who, path)

    def shown(self, environ: Environ, start: Callable[..., Any], session: str, who: str, path: str) -> Iterable[bytes]:
        """What is no login."""
        if path == "/logout":
            self.sessions.pop(session, None)
            return self._answer(start, "302 Found", [("Location", "/login"), ("Set-Cookie", "sid=; Path=/; Max-Age=0")])
        if path == "/me":
            return self._answer(start, "200 OK", [HTML], f"<b id=me>{who}</b>" if who else "nobody")
        if not who:
            return self._answer(start, "302 Found", [("Location", "/login")])
        return self.page(environ, start, who)

    def page(self, environ: Environ, start: Callable[..., Any], who: str) -> Iterable[bytes]:
        """Any page behind the login."""
        self.count(environ, who)
        return self._answer(start, "200 OK", [HTML], f"<html><body>SECRET of {who}</body></html>")

    def count(self, environ: Environ, who: str) -> None:
        """Remember that somebody's page was served."""
        self.served[who] += 1

    def _session(self, environ: Environ) -> str:
        given = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("sid")
        session = given.value if given else ""
        if self.path_ids and (found := re.search(r";jsessionid=([^;/]*)", environ["PATH_INFO"])):
            session = found[1]
        if self.query_ids:
            session = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("sid", session)
        return session

    def _door(self, environ: Environ, start: Callable[..., Any], session: str, who: str) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        given = self.doors[environ["PATH_INFO"].split(";")[0]](environ, body)
        if given and self.greets and who:
            return self._answer(start, "302 Found", [("Location", self.home)])
        if given and given[1] == "right":
            return self._logged_in(environ, start, session, given[0])
        headers = [HTML]
        if session not in self.sessions:
            session = self._fresh("")
            headers.append(("Set-Cookie", f"sid={session}; Path=/; HttpOnly"))
        return self._answer(start, "200 OK", headers, FORM.decode())

    def _logged_in(self, environ: Environ, start: Callable[..., Any], session: str, user: str) -> Iterable[bytes]:
        if self.habit == NEW or session not in self.sessions:
            session = self._fresh(user)
        self.sessions[session] = user
        target = dict(parse_qsl(environ.get("QUERY_STRING", ""))).get("next", self.home)
        headers = [("Location", target), *self.headers]
        if self.habit != SILENT:
            headers.append(("Set-Cookie", f"sid={session}; Path=/; HttpOnly"))
        return self._answer(start, "302 Found", headers, f"welcome, SECRET of {user}")

    def _fresh(self, user: str) -> str:
        session = secrets.token_hex(self.id_bytes)
        self.sessions[session] = user
        return session

    @staticmethod
    def _answer(start: Callable[..., Any], status: str, headers: Headers, text: str = "") -> Iterable[bytes]:
        start(status, headers)
        return [text.encode()]
