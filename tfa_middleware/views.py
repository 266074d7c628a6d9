"""The middleware's own pages: which page, in which state, and what every form must prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfa_middleware import forms
from tfa_middleware.answer_view import AnswerView
from tfa_middleware.challenge_view import ChallengeView
from tfa_middleware.enrol_view import EnrolView
from tfa_middleware.errors import BadRequest
from tfa_middleware.health import HEALTH, READY, Health
from tfa_middleware.hold import App, StartResponse
from tfa_middleware.i18n import N_
from tfa_middleware.manage_view import ManageView
from tfa_middleware.page import Page
from tfa_middleware.proving import Proving
from tfa_middleware.realm import Realm
from tfa_middleware.replies import Replies, answered
from tfa_middleware.request import Request
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.sessions import VISITOR
from tfa_middleware.standing import Standings

MAX_FORM = 65536


class Views:
    """``request under the prefix -> response``. State changes by POST only, with the session's token (G1 to G3)."""

    def __init__(self, services: Services, replies: Replies, standings: Standings, proving: Proving) -> None:
        self._services = services
        self._replies = replies
        self._standings = standings
        self._health = Health(services)
        self.challenge = ChallengeView(services, replies, proving)
        self._enrol = EnrolView(services, replies, proving, self.challenge)
        self._answer = AnswerView(services)
        self._manage = ManageView(services, replies, self.challenge, self._enrol)

    def __call__(self, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        parts = request.path_info[len(self._services.settings.tfa.prefix) :].split("/")
        if parts in ([HEALTH], [READY]):
            response: App = self._health.answer(parts[0], request)
        elif parts[0] == "static" and len(parts) == 2:
            response = self._services.pages.static(parts[1]) or self._not_found(request)
        else:
            response = self._page(request, self._services.map.realms.get(parts[0]), parts[1:])
        return answered(response, request, start_response)

    def _page(self, request: Request, realm: Realm | None, parts: list[str]) -> Reply:
        show, act = self._find(parts)
        if realm is None or show is None:
            return self._not_found(request)
        if request.method in ("GET", "HEAD"):
            return show(Page(request, realm, self._standings.of(request, realm), parts))
        if request.method != "POST":
            return self._refused(request, 405, [("Allow", "GET, HEAD, POST")])
        form = form_of(request)
        page = Page(request, realm, self._standings.of(request, realm), parts, form)
        if not same_site(request):
            return self._refused(request, 403, realm=realm)
        if not realm.cookie.csrf_matches(page.standing.session, form.get("csrf_token", "")):
            return self._outdated(page)
        return act(page)

    def _outdated(self, page: Page) -> Reply:
        """A form of another session: mostly the browser's own one, which ended while the person was away."""
        held = page.realm.cookie.read(page.request.cookies, self._services.clock())
        if page.standing.state == VISITOR and held.state != VISITOR:
            return self._replies.start_again(page.request, page.realm)
        return self._refused(page.request, 403, realm=page.realm)

    def _find(self, parts: list[str]) -> tuple[Callable[[Page], Reply] | None, Callable[[Page], Reply]]:
        if parts in ([], [""]):
            return self._manage.show, self._manage.act
        if parts == ["challenge"]:
            return self.challenge.show, self.challenge.act
        if parts == ["answer"]:
            return self._answer.show, self._answer.show
        if parts == ["enrol"]:
            return self._enrol.choose, self._enrol.start
        if len(parts) == 2 and parts[0] == "enrol":
            return self._enrol.show, self._enrol.act
        return None, self._manage.act

    def _not_found(self, request: Request) -> Reply:
        return self._replies.message(
            request, None, 404, N_("Not found"), N_("There is no such page."), word="not_found",
            link=f"{request.mount}/", link_text=N_("Back"),
        )  # fmt: skip

    def _refused(
        self, request: Request, status: int, headers: list[tuple[str, str]] | None = None, realm: Realm | None = None
    ) -> Reply:
        text = N_("This form is not from your present session. Go back, load the page again and try once more.")
        link = self._replies.base(request, realm) if realm else ""
        return self._replies.message(
            request, realm, status, N_("This request was refused"), text, word="refused",
            headers=headers or (), link=link, link_text=N_("Load the page again"),
        )  # fmt: skip


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of one of our own forms. A field that comes twice counts as empty (case 43).

    Raises `BadRequest` on anything but a small form without a query.
    """
    fields = forms.read(request.environ, forms.take(request.environ, MAX_FORM))
    if not fields.readable or fields.query:
        raise BadRequest("a form of ours is urlencoded, small and has no query")
    values: dict[str, str] = {}
    for name, value in fields.body:
        values[name] = "" if name in values else value
    return values


def same_site(request: Request) -> bool:
    """Whether the browser says that the form was ours: by Sec-Fetch-Site, else by Origin (G2)."""
    site = request.environ.get("HTTP_SEC_FETCH_SITE")
    if site:
        return bool(site == "same-origin")
    origin = request.environ.get("HTTP_ORIGIN")
    return not origin or origin.partition("://")[2] == request.environ.get("HTTP_HOST", "")
