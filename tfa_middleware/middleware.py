"""The middleware. `TwoFactorMiddleware.__call__` is the table of contents."""

from __future__ import annotations

from collections.abc import Iterable

from tfa_middleware import cookies, forms, gate
from tfa_middleware.accesslog import FAILED, OUTSIDE, OWN_PAGE, REFUSED, REMARK, UNHEARD, Remark
from tfa_middleware.adoption import Adoption, never
from tfa_middleware.answers import Answers
from tfa_middleware.attempt import Attempt
from tfa_middleware.attempts import Attempts
from tfa_middleware.authorization import BOUND, MALFORMED
from tfa_middleware.errors import BadRequest, TwoFactorError, UpstreamError
from tfa_middleware.forward import ForwardAuth
from tfa_middleware.hold import App, ApplicationError, Environ, StartResponse, guarded, instead
from tfa_middleware.hotpath import HotPath
from tfa_middleware.inside import Inside, Passage
from tfa_middleware.outside import Outside
from tfa_middleware.paths import NOWHERE
from tfa_middleware.presenting import Presenting
from tfa_middleware.proving import Proving
from tfa_middleware.realm import LOGIN, PUBLIC, Realm
from tfa_middleware.replies import Replies, answered
from tfa_middleware.request import Request, has_body
from tfa_middleware.routes import Routes
from tfa_middleware.services import Services
from tfa_middleware.sessions import PASSED, PENDING, Bindings
from tfa_middleware.settings import Settings
from tfa_middleware.standing import Standing, Standings
from tfa_middleware.turn import Action, Turn
from tfa_middleware.views import Views
from tfa_middleware.wiring import services as make_services


class TwoFactorMiddleware:
    """Puts a second factor in front of ``app``, a WSGI application that knows nothing of it.

    ``settings`` come from `tfa_middleware.read` or `from_dict`; ``services`` are parts made of them before, for tests
    and tools. Raises `ConfigError`, `KeyFileError`, `RecordError` or `StoreError` where it cannot start safely.
    """

    def __init__(self, app: App, settings: Settings, services: Services | None = None) -> None:
        self._app = guarded(app)
        services = services or make_services(settings)
        self._services = services
        self._trusted = services.settings.tfa.trusted_proxies
        self._replies = Replies(services)
        self._routes = Routes(services)
        past = bool(services.settings.forward_auth.secret_file)
        self._standings = Standings(services, Adoption(self._app, services).take if past else never)
        self._answers = Answers(services)
        proving = Proving(services)
        self._outside = Outside(self._app, services)
        self._attempts = Attempts(self._app, services, self._replies, self._outside, proving)
        self._inside = Inside(self._app, services, self._replies, self._attempts)
        self._presenting = Presenting(self._app, services, self._replies, self._attempts)
        self._hot = HotPath(self._app, services, self._routes, self._standings)
        self._views = Views(services, self._replies, self._standings, proving)
        self._actions: dict[str, Action] = {
            gate.FORWARD_BARE: self._forward_bare,
            gate.FORWARD_EXEMPT: self._forward_exempt,
            gate.FORWARD_VISITOR: self._forward_visitor,
            gate.FORWARD_PASSED: self._forward_passed,
            gate.FORWARD_LOGOUT: self._forward_logout,
            gate.ATTEMPT: self._attempt,
            gate.FORM: self._form,
            gate.PRESENTED: self._presented,
            gate.ASK: self._ask,
            gate.TO_CHALLENGE: self._to_challenge,
            gate.TO_ENTRY: self._to_entry,
            gate.REFUSE: self._refuse,
        }
        self._forward = ForwardAuth(services, self._routes, self._standings, self._judged, self._actions)
        self._at_once = self._asked_or_passed if past else self._hot.serve
        realms = " ".join(one.name for one in settings.realms)
        services.audit.emit("config_loaded", source=settings.source, realms=realms)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """One request: at once where its verdict is known, else by the law of the gate."""
        remark: Remark = UNHEARD
        try:
            answer = self._at_once(environ, start_response)
            if answer is not None:
                return answer
            remark = environ.pop(REMARK, UNHEARD)
            return self._with_care(forms.announced(environ), start_response, remark)
        except ApplicationError as error:
            if isinstance(error.__cause__, UpstreamError):  # an answer that was read here broke off
                return self._failed(environ, start_response, error.__cause__)
            raise (error.__cause__ or error) from None
        except Exception as error:  # noqa: BLE001 - the last resort: nothing is let through (K6)
            remark.tell(REFUSED if isinstance(error, BadRequest) else FAILED)
            return self._failed(environ, start_response, error)

    def _asked_or_passed(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """Where a front server asks, most requests are its questions."""
        answer = self._forward.at_once(environ, start_response)
        return self._hot.serve(environ, start_response) if answer is None else answer

    def _with_care(self, environ: Environ, start_response: StartResponse, remark: Remark) -> Iterable[bytes]:
        """What the hot path leaves: a front server's question, our own pages, what has a verdict, what has none."""
        if self._forward.asked(environ):
            remark.tell(OWN_PAGE)
            return self._forward(environ, start_response)
        route = self._routes.find(environ)
        if route.ours:
            remark.tell(OWN_PAGE)
            return self._views(Request.of(dict(environ), self._trusted), start_response)
        if route.realm is None:
            remark.tell(OUTSIDE)
            return self._outside.elsewhere(Request(dict(environ), route.address, self._trusted), start_response)
        verdict = self._standings.quick(route, environ)
        if verdict is not None:
            remark.tell(gate.FORWARD_PASSED, route.realm.name, verdict.record.user)
            request = Request(environ, route.address, self._trusted)
            passage = Passage(request, route.realm, verdict.record, verdict.cookie, verdict.authorization)
            return self._inside.serve(passage, start_response)
        return self._by_the_law(Request.of(dict(environ), self._trusted), route.realm, start_response, remark)

    def _by_the_law(
        self, request: Request, realm: Realm, start_response: StartResponse, remark: Remark
    ) -> Iterable[bytes]:
        """Read what the law looks at, decide, do it."""
        turn, action = self._judged(request, realm)
        record = turn.standing.record
        remark.tell(action, realm.name, record.user if record else "")
        return self._actions[action](turn, start_response)

    def _judged(self, request: Request, realm: Realm) -> tuple[Turn, str]:
        path, standing = realm.classify(request), self._standings.of(request, realm)
        fields = self._read(request, path, standing)
        if standing.record is not None and has_body(request.environ):
            standing = self._standings.of(request, realm)  # it may have come slowly, while the pass ended
        turn = Turn(request, realm, path, standing, fields)
        return turn, gate.decide(self._facts(turn))

    def _read(self, request: Request, path: str, standing: Standing) -> forms.Fields:
        """The fields, where a password in them would matter; the body stays whole for the application."""
        if not (path == PUBLIC or standing.state == PASSED or (path == LOGIN and standing.state != PENDING)):
            return forms.Fields()
        return forms.read(request.environ, forms.take(request.environ, self._services.settings.tfa.scan_limit))

    def _facts(self, turn: Turn) -> gate.Facts:
        realm, path = turn.realm, turn.request.address.path
        attempt = realm.rule.is_attempt(turn.fields)
        if attempt and turn.path == LOGIN:
            realm.rule.check_plain(turn.fields)
        return gate.Facts(
            path=turn.path,
            state=turn.standing.state,
            attempt=attempt,
            readable=turn.fields.readable or (turn.path == PUBLIC and turn.fields.larger),
            stray=turn.request.method in ("GET", "HEAD") and has_body(turn.request.environ),
            logout=realm.logout.match(path),
            own_form=realm.is_own_form(turn.request.address),
            header=turn.standing.presented.kind,
        )

    # -- what becomes of a request

    def _forward_bare(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return self._outside.bare(turn.request, turn.realm, start_response)

    def _forward_exempt(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return self._outside.exempt(turn.request, turn.realm, start_response)

    def _forward_visitor(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return self._outside.visit(turn.request, turn.realm, turn.standing.session, start_response)

    def _forward_passed(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        passage = _passage(turn)
        if turn.path == LOGIN and turn.request.method == "GET":
            held = self._answers.take_page(turn.realm, passage.record.id, turn.request.address.path)
            if held is not None:
                start_response(held.status, held.page_headers())
                return [held.body]
        return self._inside.serve(passage, start_response, readable=turn.fields.readable)

    def _forward_logout(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return self._inside.logout(_passage(turn), start_response)

    def _attempt(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        request, realm, standing = turn.request, turn.realm, turn.standing
        if request.cross_site:  # whoever posts a login here from elsewhere would choose who this browser is
            return answered(self._replies.from_elsewhere(request, realm), request, start_response)
        name = realm.rule.posted_name(turn.fields)
        if (ended := standing.record or standing.superseded) is not None:
            attempt = Attempt(request, realm, name, standing.jar, owner=ended.owner)
            return self._attempts.instead_of(ended, attempt, start_response)
        if self._outside.logs_in(request, realm, standing.session):
            # Without its cookies this login would fail in the application, and with them it must not go.
            return answered(self._replies.to_entry(request, realm, standing.session), request, start_response)
        jar = self._outside.visitor_cookies(request, realm, standing.session)
        attempt = Attempt(request, realm, name, jar, standing.session.wanted, standing.session, standing.session.id)
        if self._attempts.mixes(attempt):
            response = self._replies.to_entry(request, realm, standing.session, afresh=True)
            return answered(response, request, start_response)
        return self._attempts.serve(attempt, start_response)

    def _form(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return self._inside.form(_passage(turn), turn.fields, start_response)

    def _presented(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return self._presenting.serve(turn.request, turn.realm, turn.standing, start_response)

    def _ask(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return answered(self._presenting.asks(turn.request, turn.realm), turn.request, start_response)

    def _to_challenge(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        return answered(self._replies.to_challenge(turn.request, turn.realm), turn.request, start_response)

    def _to_entry(self, turn: Turn, start_response: StartResponse) -> Iterable[bytes]:
        request, realm, lapsed = turn.request, turn.realm, turn.standing.lapsed
        if lapsed is not None and request.navigation:
            response = self._views.challenge.renew(request, realm, lapsed)
        elif realm.basic and request.navigation:
            response = self._presenting.invites(request, realm, turn.standing.session)
        else:
            response = self._replies.to_entry(request, realm, turn.standing.session)
        return answered(response, request, start_response)

    def _refuse(self, turn: Turn, _: StartResponse) -> Iterable[bytes]:
        if turn.standing.presented.kind == MALFORMED:
            raise BadRequest("the header Authorization can be read in more than one way")
        raise BadRequest("a body that cannot be read, where a login is expected")

    def _failed(self, environ: Environ, start_response: StartResponse, error: Exception) -> Iterable[bytes]:
        """The last resort (K6): an error page, also in the place of headers that were announced but not yet sent."""
        request = Request(environ, NOWHERE, self._trusted)
        return answered(self._replies.failed(request, error), request, instead(start_response, error))


def _check_tokens(turn: Turn, bindings: Bindings, authorization: str) -> None:
    """A token may come in a form too (RFC 6750 2.2); it must be the pass's own. Beside a header none counts."""
    unread = not turn.fields.readable and not authorization and forms.is_form(turn.request.environ)
    given = turn.fields.values("access_token", query=False)
    if unread or not all(turn.realm.vouches(bindings, one) for one in given):
        raise BadRequest("a body that holds, or may hold, a token that the pass does not vouch for")


def _passage(turn: Turn) -> Passage:
    record = turn.standing.record
    if record is None:
        raise TwoFactorError("a request was taken for one with a pass")
    presented = turn.standing.presented
    authorization = presented.value if presented.kind == BOUND else ""
    if turn.realm.token_names:
        _check_tokens(turn, record.bindings, authorization)
    return Passage(turn.request, turn.realm, record, cookies.header(turn.standing.jar), authorization)
