"""Animals whose nasty habit lies in whom they believe: what opens a page, and what logs in."""

from __future__ import annotations

import base64
import json
import secrets
import unicodedata
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from attacks.apps import HTML, Door, Environ, Headers, by_json
from itsdangerous import BadData, URLSafeSerializer

from zoo.beast import Beast, Start, lax


class Signed(Beast):
    """The cookie itself says who somebody is; the server keeps nothing, so that every copy stays good."""

    signer = URLSafeSerializer("a key of the application")

    def _session(self, environ: Environ) -> str:
        given = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("sid")
        return given.value if given else ""

    def who(self, environ: Environ, session: str) -> str:
        try:
            return str(self.signer.loads(session)[0])
        except BadData:
            return ""

    def _fresh(self, user: str) -> str:
        session = str(self.signer.dumps([user, secrets.token_hex(4)]))
        self.sessions[session] = user
        return session


class Remembering(Beast):
    """A second cookie opens every page alone, for years, and makes a session anew."""

    tokens: dict[str, str]

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.tokens = {}

    def who(self, environ: Environ, session: str) -> str:
        given = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("remember_token")
        return super().who(environ, session) or self.tokens.get(given.value if given else "", "")

    def extra(self, user: str) -> Headers:
        token = secrets.token_hex(16)
        self.tokens[token] = user
        return [("Set-Cookie", f"remember_token={token}; Path=/; Max-Age=31536000; HttpOnly")]


class Scripted(Beast):
    """Its login is for scripts: JSON in, JSON out. With ``tokens`` the answer has a bearer token too."""

    def __init__(self, *arguments: Any, tokens: bool = False, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.tokens = tokens

    def who(self, environ: Environ, session: str) -> str:
        bearer = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ") or environ.get("HTTP_X_AUTH_TOKEN", "")
        return super().who(environ, session) or (super().who(environ, bearer) if self.tokens else "")

    def welcome(self, start: Start, user: str, headers: Headers) -> Iterable[bytes]:
        facts = {"ok": True, "user": f"SECRET of {user}", "token": self._fresh(user) if self.tokens else None}
        return self._answer(start, "200 OK", [("Content-Type", "application/json"), *headers], json.dumps(facts))


class Tokened(Scripted):
    """The token in the answer to its JSON login is all there is; scripts send it in the header Authorization."""

    def __init__(self) -> None:
        super().__init__(doors={"/login": by_json()}, tokens=True)

    def cookie_of(self, session: str) -> Headers:
        return []


class Ticketed(Beast):
    """The page after the login keeps a ticket in a script; a header of its own carries it. No cookie opens anything."""

    def _session(self, environ: Environ) -> str:
        return str(environ.get("HTTP_X_TICKET", ""))

    def cookie_of(self, session: str) -> Headers:
        return []

    def welcome(self, start: Start, user: str, headers: Headers) -> Iterable[bytes]:
        page = f"<script>localStorage.ticket = '{self._fresh(user)}'</script>"
        return self._answer(start, "200 OK", [HTML, *headers], page)


class Basic(Beast):
    """Name and password in a header open every page, beside the form."""

    def who(self, environ: Environ, session: str) -> str:
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() == "basic":
            name, _, word = base64.b64decode(token + "==").decode("utf-8", "replace").partition(":")
            if word == "right":
                return self.known_as(name)
        return super().who(environ, session)


class Guarded(Basic):
    """Every page asks for name and password in the header; there is no form."""

    sessions_too = False

    def door_at(self, path: str) -> Door | None:
        return None

    def shown(self, environ: Environ, start: Start, session: str, who: str, path: str) -> Iterable[bytes]:
        if not who:
            headers = [HTML, ("WWW-Authenticate", 'Basic realm="the vault"')]
            return self._answer(start, "401 Unauthorized", headers, "who are you?")
        if path == "/login":
            return self._answer(start, "200 OK", [HTML], "come in")
        return super().shown(environ, start, session, who, path)

    def page(self, environ: Environ, start: Start, who: str) -> Iterable[bytes]:
        self.count(environ, who)
        known = self.sessions.get(self._session(environ)) == who
        headers = self.begun("", who) if self.sessions_too and not known else []
        return self._answer(start, "200 OK", [HTML, *headers], f"<html><body>SECRET of {who}</body></html>")


class Seated(Guarded):
    """As `Guarded`, and a cookie opens alone, as Tomcat has it."""

    sessions_too = True


class Anywhere(Beast):
    """A login is taken at every address, and answered with the page of that address."""

    def door_at(self, path: str) -> Door | None:
        return self.doors.get(path, lax)

    def knocked(
        self, environ: Environ, start: Start, session: str, who: str, given: tuple[str, str] | None
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"].split(";")[0]
        if path == "/login" or not given or not self.right(environ, session, given):
            return super().knocked(environ, start, session, who, given)
        if session not in self.sessions:
            session = self._fresh("")
        self.sessions[session] = given[0]
        self.meanwhile(given[0])
        return self._answer(start, "200 OK", [HTML], f"<html><body>SECRET of {given[0]}</body></html>")


class Resetting(Beast):
    """A new password by a link from a mail, and one is logged in at once. Mailbox and link are taken to be lost."""

    def shown(self, environ: Environ, start: Start, session: str, who: str, path: str) -> Iterable[bytes]:
        if path == "/reset":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("utf-8", "replace")
            fields = {**dict(parse_qsl(environ.get("QUERY_STRING", ""))), **dict(parse_qsl(body))}
            if fields.get("link") and fields.get("new"):
                headers = self.begun(session, fields["link"])
                return self._answer(start, "302 Found", [("Location", self.home), *headers])
            return self.refused(start, [])
        return super().shown(environ, start, session, who, path)


class Recalling(Resetting, Remembering):
    """Remembers for years who came by the link, and nobody who came by the password."""

    def shown(self, environ: Environ, start: Start, session: str, who: str, path: str) -> Iterable[bytes]:
        self.by_link = path == "/reset"
        return super().shown(environ, start, session, who, path)

    def extra(self, user: str) -> Headers:
        return super().extra(user) if self.by_link else []

    def enter(self, start: Start, session: str, user: str) -> Iterable[bytes]:
        self.by_link = False
        return super().enter(start, session, user)


class Registering(Beast):
    """Who registers is logged in at once; one whom it knows already by the password is logged in as well."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, doors={"/register": lax}, **more)
        self.people = {"alice", "mallory", "trent"}

    def right(self, environ: Environ, session: str, given: tuple[str, str]) -> bool:
        if environ["PATH_INFO"] == "/register" and given[0] not in self.people:
            self.people.add(given[0])
            return True
        return super().right(environ, session, given)


class Alike(Beast):
    """Right and wrong passwords get the same answer, letter by letter."""

    def knocked(
        self, environ: Environ, start: Start, session: str, who: str, given: tuple[str, str] | None
    ) -> Iterable[bytes]:
        if given and not self.right(environ, session, given):
            return self._answer(start, "302 Found", [("Location", self.home), *self.cookie_of(self._fresh(""))])
        return super().knocked(environ, start, session, who, given)

    def welcome(self, start: Start, user: str, headers: Headers) -> Iterable[bytes]:
        return self._answer(start, "302 Found", [("Location", self.home), *headers])


class Folding(Beast):
    """Takes many spellings of a name for one account. With ``accents`` as a database's collation does."""

    def __init__(self, *arguments: Any, accents: bool = False, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.accents = accents

    def known_as(self, name: str) -> str:
        text = unicodedata.normalize("NFKC", name)
        if self.accents:
            text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
        return text.strip().casefold()


class Forgery(Beast):
    """Its login form carries a token of the session that the login page began."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.tokens: dict[str, str] = {}

    def right(self, environ: Environ, session: str, given: tuple[str, str]) -> bool:
        environ["wsgi.input"].seek(0)
        fields = dict(parse_qsl(environ["wsgi.input"].read().decode("utf-8", "replace")))
        token = self.tokens.get(session)
        return bool(token) and fields.get("csrf") == token and super().right(environ, session, given)

    def knocked(
        self, environ: Environ, start: Start, session: str, who: str, given: tuple[str, str] | None
    ) -> Iterable[bytes]:
        if given and self.right(environ, session, given):
            return super().knocked(environ, start, session, who, given)
        headers: Headers = []
        if session not in self.sessions:
            session = self._fresh("")
            headers = self.cookie_of(session)
        token = self.tokens.setdefault(session, secrets.token_hex(8))
        hidden = f'<form method="post"><input type="hidden" name="csrf" value="{token}"><input name="username"></form>'
        return self._answer(start, "200 OK", [HTML, *headers], hidden)
