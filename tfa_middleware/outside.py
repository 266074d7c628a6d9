"""Traffic without a pass: what is public, what is for machines, and the login pages of a visitor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tfa_middleware import cookies, forms
from tfa_middleware.authorization import asks_by_basic
from tfa_middleware.errors import BadRequest, PassEnded
from tfa_middleware.hold import Answer, App, Edit, Environ, HeaderList, StartResponse, Streamed, edited
from tfa_middleware.linking import Linking
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.sessionlike import SESSION_NAMES, sets_session
from tfa_middleware.sessions import Session, new_id
from tfa_middleware.streaming import Watch, Watched, watched, written
from tfa_middleware.whoami import ask, given_to_anybody

#: As ``tried`` of a session: a login of nobody knows whom may have been made in it.
ANY = "?"


class Outside:
    """Forwards without cookies both ways, or with cookies bound both ways; never something between."""

    def __init__(self, app: App, services: Services) -> None:
        self._app = app
        self._services = services
        self._linking = Linking(services)

    def bare(self, request: Request, realm: Realm, start_response: StartResponse) -> Iterable[bytes]:
        """A public path: no cookies, no Authorization, and no Set-Cookie comes back."""
        environ = request.forwarded("", SESSION_NAMES, always=realm.token_names)
        return self._app(environ, edited(start_response, _no_cookies))

    def elsewhere(self, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        """A path outside every realm: as it came. A login there ends what its cookies are worth inside."""
        self._seize_if_login(request)
        return self._app(request.environ, start_response)

    def exempt(self, request: Request, realm: Realm, start_response: StartResponse) -> Iterable[bytes]:
        """A machine client: its Authorization stays, a browser's session never comes along; unless the realm lets
        cookies through, which makes these paths single-factor. Those of a login or a pass never come along."""
        if not realm.settings.exempt_cookies:
            return self._app(request.forwarded("", tokens=True), edited(start_response, _no_cookies))
        self._seize_if_login(request)
        header = cookies.header(realm.quarantine.free(self._theirs(request), ""))
        return self._app(request.forwarded(header, tokens=True), start_response)

    def _theirs(self, request: Request) -> dict[str, str]:
        ours = {one.cookie.name.lower() for one in self._services.map.realms.values()}
        named = cookies.unambiguous(request.cookies)
        return {name: value for name, value in named.items() if name.lower() not in ours}

    def _seize_if_login(self, request: Request) -> None:
        """Law 2 where the gate does not stand: before a password goes past it, the cookies beside it are worth nothing
        in any realm, and the passes that they were worth end."""
        if not request.cookie_header or not self._is_login(request):
            return
        for realm in self._services.map.realms.values():
            for owner in realm.quarantine.seize(self._theirs(request)):
                record = self._services.passes.of_owner(owner)
                if record is not None:
                    self._services.passes.revoke(record)
                    facts = {"realm": record.realm, "user": record.user, "origin": request.origin}
                    self._services.audit.emit("pass_revoked", **facts, warning=True, reason="a login past the gate")

    def _is_login(self, request: Request) -> bool:
        if not request.may_act:
            return False
        body = forms.take(request.environ, self._services.settings.tfa.scan_limit)
        rules = [realm.rule for realm in self._services.map.realms.values()]
        try:
            fields = forms.read(request.environ, body)
            broken = body is not None and not fields.readable and forms.is_form(request.environ)
            return broken or any(rule.is_attempt(fields) for rule in rules)
        except BadRequest:
            return True  # two readings, one of which may be a login

    def visit(self, request: Request, realm: Realm, session: Session, start_response: StartResponse) -> Iterable[bytes]:
        """A login page: the visitor's own cookies go there, what it sets is bound to this browser."""
        jar = self.visitor_cookies(request, realm, session)
        merged: HeaderList = []
        if jar and realm.settings.whoami_first:
            known, merged = ask(self._app, request, realm, jar, self._services.settings.tfa.hold_limit)
            # A session that the application already knows is not a visitor's (Cacti, DokuWiki).
            jar, merged = ({}, []) if known else (jar, merged)

        holder = [session.id]

        def free() -> bool:
            return realm.quarantine.free(jar, holder[0]) == jar

        def edit(status: str, headers: HeaderList) -> HeaderList:
            headers = [*headers, *merged]
            if not free():
                # The answer may be of the session that a login opened meanwhile (case 14).
                raise PassEnded("a login was made with these cookies while the application worked on the request")
            headers = without_ours(self._services, _only_basic(headers) if realm.basic else headers)
            changed = self.after(realm, session, headers)
            logged = sets_session(headers), realm.rule.leads_away(status, headers, request.url)
            if all(logged) or (any(logged) and request.acts):
                # It may have been a login by a link, or by fields that the realm does not name.
                changed = replace(changed, id=new_id(), tried=ANY)
                realm.quarantine.hand_over(session.id, jar, changed.id)
                holder[0] = changed.id
            return private(headers if changed is session else unshared([*headers, realm.cookie.header(changed)]))

        environ = request.forwarded(cookies.header(jar), (*jar, *SESSION_NAMES), always=realm.token_names)
        watch = Watch(free)
        if self._linking.scripts(request, realm):
            return self._with_script(request, realm, environ, edit, watch, start_response)
        answer = self._app(environ, edited(start_response, edit, lambda write: written(write, watch)))
        return watched(answer, watch, environ)

    def _with_script(
        self, request: Request, realm: Realm, environ: Environ, edit: Edit, watch: Watch, start_response: StartResponse
    ) -> Iterable[bytes]:
        answer = Answer(self._app, environ)
        try:
            headers = edit(answer.status, answer.headers)
            headers, body = self._linking.put(request, realm, answer, headers, passed=False)
            start_response(answer.status, headers)
            return Watched(Streamed(answer, body), watch)
        except BaseException:
            answer.close()
            raise

    def visitor_cookies(self, request: Request, realm: Realm, session: Session) -> dict[str, str]:
        """The cookies of the request that this visitor was given and that no login holds; with those listed to keep."""
        bound = self._bound_cookies(request, realm, session)
        return realm.quarantine.free(bound, session.id) | kept(realm, cookies.unambiguous(request.cookies))

    def logs_in(self, request: Request, realm: Realm, session: Session) -> bool:
        """Whether another login with this visitor's cookies is under way or waits: a second click, or a thief. A value
        that the entry page gives to a browser without cookies is a constant, and no login's."""
        bound = self._bound_cookies(request, realm, session)
        if realm.quarantine.free(bound, session.id) == bound:
            return False
        given = cookies.all_set(given_to_anybody(self._app, request, realm), self._services.clock())
        for name, one in given.items():
            if bound.get(name) == one.value:
                realm.quarantine.share(name, one.value)
        return realm.quarantine.free(bound, session.id) != bound

    @staticmethod
    def _bound_cookies(request: Request, realm: Realm, session: Session) -> dict[str, str]:
        named = cookies.unambiguous(request.cookies)
        return {name: value for name, value in named.items() if realm.tags.bound(session.bindings, name, value)}

    def after(self, realm: Realm, session: Session, headers: HeaderList) -> Session:
        """The visitor's session after an answer: what it sets is bound to it."""
        changes = cookies.all_set(headers, self._services.clock())
        if not changes:
            return session
        values = [(name, one.value) for name, one in changes.items() if not one.deletes]
        realm.quarantine.note(session.id, [new for new in values if not realm.tags.bound(session.bindings, *new)])
        return replace(session, bindings=realm.tags.bind(session.bindings, changes))


def kept(realm: Realm, named: dict[str, str]) -> dict[str, str]:
    """The cookies of the page's own scripts that the realm lists, where their value is of plain characters [h]."""
    return {name: named[name] for name in realm.settings.keep if name in named and cookies.is_plain(named[name])}


def without_ours(services: Services, headers: HeaderList) -> HeaderList:
    """The headers less any Set-Cookie by which the application would take the place of our own cookies."""
    ours = {one.cookie.name.lower() for one in services.map.realms.values()}
    return [
        (name, value)
        for name, value in headers
        if name.lower() != "set-cookie" or value.partition("=")[0].strip().lower() not in ours
    ]


def private(headers: HeaderList) -> HeaderList:
    """The headers so that no shared cache keeps the answer (G8), and any cache knows that cookies matter (G9)."""
    said = _cache_control(headers)
    if "public" in said.lower() or "s-maxage" in said.lower():
        headers = _with_cache_control(headers, _as_private(said))
    varies = ",".join(value for name, value in headers if name.lower() == "vary").lower().split(",")
    if {"cookie", "*"} & {name.strip() for name in varies}:
        return headers
    return [*headers, ("Vary", "Cookie")]


def unshared(headers: HeaderList) -> HeaderList:
    """The headers of an answer that gives a browser its session: no shared cache gives it to another one."""
    said = _cache_control(headers)
    if "private" in said.lower() or "no-store" in said.lower():
        return headers
    return _with_cache_control(headers, _as_private(said))


def _cache_control(headers: HeaderList) -> str:
    return ", ".join(value for name, value in headers if name.lower() == "cache-control")


def _with_cache_control(headers: HeaderList, value: str) -> HeaderList:
    return [*((name, one) for name, one in headers if name.lower() != "cache-control"), ("Cache-Control", value)]


def _as_private(text: str) -> str:
    parts = [part for one in text.split(",") if (part := one.strip())]
    rest = [part for part in parts if part.lower() != "public" and not part.lower().startswith("s-maxage")]
    return ", ".join(["private", *(part for part in rest if part.lower() != "private")])


def _only_basic(headers: HeaderList) -> HeaderList:
    return [one for one in headers if one[0].lower() != "www-authenticate" or asks_by_basic(*one)]


def _no_cookies(_: str, headers: HeaderList) -> HeaderList:
    return cookies.without_set_cookie(headers)
