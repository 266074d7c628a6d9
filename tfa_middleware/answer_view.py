"""The held answer for the script that logged in, once its person has a pass."""

from __future__ import annotations

from tfa_middleware.answers import Answers, for_a_script
from tfa_middleware.page import Page
from tfa_middleware.response import Reply
from tfa_middleware.services import Services


class AnswerView:
    """``GET answer``: status, headers and body as the application gave them; its cookies came with the pass."""

    def __init__(self, services: Services) -> None:
        self._pages = services.pages
        self._answers = Answers(services)

    def show(self, page: Page) -> Reply:
        """Give it out. Only scripts of this site are answered: an address that is opened must not use it up."""
        request, settings = page.request, page.realm.settings
        site = request.environ.get("HTTP_SEC_FETCH_SITE", "same-origin")
        if request.method != "GET" or request.navigation or site != "same-origin":
            return self._pages.refusal(403, "refused")
        if not page.passed:
            return self._pages.refusal(403, "login_required", page.realm.entry)
        held = self._answers.take(page.realm, page.session_id)
        if held is None:
            return self._pages.refusal(404, "not_found")
        if held.redirects:
            return self._pages.see_other(held.target(settings.redirect_hosts) or settings.home or settings.paths[0])
        return for_a_script(held, [])
