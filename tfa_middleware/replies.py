"""The gate's own answers: where a browser is sent, what a script is told, and the page for each error."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tfa_middleware.errors import BadRequest, Locked, PassEnded, RecordError, StoreError, UpstreamError
from tfa_middleware.hold import App, Environ, StartResponse
from tfa_middleware.i18n import N_, catalogue
from tfa_middleware.paths import NOWHERE
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.sessions import VISITOR, Session, visitor

_LOG = logging.getLogger("tfa_middleware")
_RETRY = 5
Headers = Sequence[tuple[str, str]]
#: status -> heading, text, word for scripts
_UPSTREAM = {
    404: (N_("Not found"), N_("No service is known at this address."), "not_found"),
    502: (
        N_("The service does not answer"),
        N_("The service behind this site cannot be reached or gave no proper answer. Please try again in a moment."),
        "bad_gateway",
    ),
    504: (
        N_("The service takes too long"),
        N_("The service behind this site did not answer in time. Please try again in a moment."),
        "gateway_timeout",
    ),
}


class Replies:
    """Every one of them is no-store and carries the security headers of `Pages`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tfa = services.settings.tfa

    def base(self, request: Request, realm: Realm) -> str:
        """The root of a realm's own pages, such as ``/_tfa/admin/``, as a path on this site."""
        return f"{request.mount}{self._tfa.prefix}{realm.name}/"

    def page(
        self,
        request: Request,
        realm: Realm | None,
        template: str,
        *,
        status: int = 200,
        headers: Headers = (),
        **facts: Any,
    ) -> Reply:
        """One of our pages in the person's language."""
        root = f"{request.mount}{self._tfa.prefix}"
        return self._services.pages.page(
            template,
            status=status,
            language=request.language(self._tfa.language),
            base=f"{root}{realm.name}/" if realm else root,
            headers=headers,
            static_base=f"{root}static/",
            realm=realm.name if realm else "",
            form_hosts=realm.settings.redirect_hosts if realm else (),
            **facts,
        )

    def message(
        self,
        request: Request,
        realm: Realm | None,
        status: int,
        heading: str,
        text: str,
        *,
        word: str,
        link: str = "",
        link_text: str = "",
        headers: Headers = (),
        **facts: Any,
    ) -> Reply:
        """A page that says what happened and what to do next; a script gets ``word`` as JSON. Texts are sources."""
        if not request.navigation:
            return self._services.pages.refusal(status, word, link, headers)
        _ = catalogue(request.language(self._tfa.language)).gettext
        shown = {"heading": _(heading), "text": _(text) % facts if facts else _(text)}
        link_text = _(link_text) if link_text else ""
        return self.page(
            request, realm, "message.html", status=status, headers=headers, link=link, link_text=link_text, **shown
        )

    def to_challenge(self, request: Request, realm: Realm, headers: Headers = ()) -> Reply:
        """To the second factor (G11)."""
        location = self.base(request, realm) + "challenge"
        if request.navigation:
            return self._services.pages.see_other(location, headers)
        return self._services.pages.refusal(403, "second_factor_required", location, headers)

    def to_entry(self, request: Request, realm: Realm, session: Session, *, afresh: bool = False) -> Reply:
        """To the application's login; the address that was wanted is kept in the session, which may begin afresh."""
        if not request.navigation:
            return self._no_login(realm)
        kept = session if session.state == VISITOR else visitor(self._services.clock())
        kept = visitor(self._services.clock(), session.wanted) if afresh else kept
        path = request.address.path  # that of a login may hold a password, and is nothing to come back to
        wanted = ("" if realm.logout.match(path) or realm.rule.doors.match(path) else request.wanted()) or kept.wanted
        changed = session is not kept or wanted != kept.wanted
        headers = [realm.cookie.header(replace(kept, wanted=wanted))] if changed else []
        return self._services.pages.see_other(realm.entry, headers)

    def _no_login(self, realm: Realm) -> Reply:
        """For a script: 403, or where it would send a token 401 (RFC 6750 3), at which such pages show their login."""
        if realm.settings.authorization != "bearer":
            return self._services.pages.refusal(403, "login_required", realm.entry)
        return self._services.pages.refusal(401, "login_required", realm.entry, [("WWW-Authenticate", "Bearer")])

    def from_elsewhere(self, request: Request, realm: Realm) -> Reply:
        """A login that another site's page posted: to the login page, and nothing of this browser's changes."""
        if not request.navigation:
            return self._services.pages.refusal(403, "cross_site", realm.entry)
        return self._services.pages.see_other(realm.entry)

    def to_login(self, request: Request, realm: Realm) -> Reply:
        """To the entry page, and nothing of this browser's changes: a password in a header is judged there first."""
        if not request.takes_pages:
            return self._services.pages.refusal(403, "login_required", realm.entry)
        return self._services.pages.see_other(realm.entry)

    def asks_password(self, request: Request, realm: Realm, challenges: Sequence[str]) -> Reply:
        """401 in the application's own words to browsers (RFC 9110 11.6.1), which then ask for name and password."""
        return self.message(
            request, realm, 401, N_("Please sign in"), N_("Your name and your password are asked for first."),
            word="login_required", headers=[("WWW-Authenticate", one) for one in challenges],
            link=realm.entry, link_text=N_("Sign in"),
        )  # fmt: skip

    def other_account(self, request: Request, realm: Realm) -> Reply:
        """A page of another site sent the browser here with another name and password than those of its pass."""
        text = N_("A link of another site would have signed you in as somebody else, so it was not followed.")
        return self.message(
            request, realm, 403, N_("This request was refused"), text, word="cross_site",
            link=realm.entry, link_text=N_("Sign in"),
        )  # fmt: skip

    def start_again(self, request: Request, realm: Realm, *, void: bool = False) -> Reply:
        """The login that waited is over: the password is asked again."""
        text = (
            N_("Too many wrong codes were entered. Please sign in with your password again.")
            if void
            else N_("This sign-in is over: it took too long, or it was finished or dropped. Please sign in again.")
        )
        return self.message(
            request, realm, 403, N_("Please sign in again"), text, word="start_again",
            link=realm.entry, link_text=N_("Sign in"), headers=[realm.cookie.removal()],
        )  # fmt: skip

    def undecided(self, request: Request, realm: Realm) -> Reply:
        """Nobody can tell whether the password was right: nothing is let through."""
        text = N_(
            "The service gave an answer to this sign-in that cannot be judged, so nothing was opened. "
            "Whoever runs the service finds the reason in its log."
        )
        return self.message(
            request, realm, 502, N_("This sign-in could not be judged"), text, word="login_undecided",
            link=realm.entry, link_text=N_("Sign in"), headers=[realm.cookie.removal()],
        )  # fmt: skip

    def locked(self, request: Request, realm: Realm | None, error: Locked, headers: Headers = ()) -> Reply:
        """429, with how long to wait (D7), and the way back to other factors."""
        link = f"{self.base(request, realm)}challenge" if realm else ""
        back = {"word": "locked", "link": link, "link_text": N_("Back") if link else ""}
        if error.retry_after is None:
            text = N_("This second factor is switched off after too many wrong codes. Use another one, or ask whoever "
                      "runs the service to reset it.")  # fmt: skip
            return self.message(request, realm, 429, N_("Too many tries"), text, headers=headers, **back)
        minutes = max(1, round(error.retry_after / 60))
        codes = N_("There were too many wrong codes. Try again in about %(minutes)d min., or use another way.")
        logins = N_("There were too many sign-ins for this account. Try again in about %(minutes)d min.")
        return self.message(
            request, realm, 429, N_("Too many tries"), codes if realm else logins,
            headers=[("Retry-After", str(error.retry_after)), *headers], minutes=minutes, **back,
        )  # fmt: skip

    def failed(self, request: Request, error: Exception) -> Reply:
        """The answer to an error: 400 for an ambiguous request, 429, 503, else 500. Nothing is let through (K3, K6)."""
        audit = self._services.audit
        if isinstance(error, BadRequest):
            audit.emit("request_refused", origin=request.origin, reason=str(error))
            text = N_("The address or the form can be read in more than one way, so for safety it was not passed on.")
            return self.message(request, None, 400, N_("This request was refused"), text, word="bad_request")
        if isinstance(error, Locked):
            return self.locked(request, None, error)
        if isinstance(error, UpstreamError):
            return self._of_upstream(request, error)
        if isinstance(error, PassEnded):
            text = N_("The sign-in ended while the service was at work on this request. Please load the page again.")
            return self.message(request, None, 403, N_("Please sign in again"), text, word="login_required")
        if isinstance(error, StoreError | RecordError):
            name = "store_trouble" if isinstance(error, StoreError) else "record_trouble"
            audit.emit(name, origin=request.origin, warning=True, reason=str(error))
            text = N_("The service cannot check second factors at present. Please try again in a moment.")
            return self.message(
                request, None, 503, N_("Not available at present"), text, word="unavailable",
                headers=[("Retry-After", str(_RETRY))],
            )  # fmt: skip
        audit.emit("gate_error", origin=request.origin, warning=True, error=type(error).__name__)
        _LOG.error("the gate failed: %s", place(error))
        text = N_("The service met an error and let nothing through. Please try again.")
        return self.message(request, None, 500, N_("Something went wrong"), text, word="error")

    def upstream_failed(self, environ: Environ, error: UpstreamError, start_response: StartResponse) -> Iterable[bytes]:
        """The answer where the console behind the gateway gave none: 404, 502 or 504."""
        request = Request(environ, NOWHERE, self._tfa.trusted_proxies)
        return answered(self._of_upstream(request, error), request, start_response)

    def _of_upstream(self, request: Request, error: UpstreamError) -> Reply:
        heading, text, word = _UPSTREAM[error.status]
        headers = [] if error.status == 404 else [("Retry-After", str(_RETRY))]
        return self.message(request, None, error.status, heading, text, word=word, headers=headers)


def answered(response: App, request: Request, start_response: StartResponse) -> Iterable[bytes]:
    """One of our answers, given as WSGI wants it."""
    return response(request.environ, start_response)


def place(error: BaseException) -> str:
    """Where an exception came from, without its text: that may quote a secret (K1)."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return f"{type(error).__name__} at " + " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
