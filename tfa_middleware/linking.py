"""The link "Two-Factor Authentication" in the application's own pages: which pages, in which language, where."""

from __future__ import annotations

from collections.abc import Iterable

from tfa_middleware import link
from tfa_middleware.hold import Answer, HeaderList
from tfa_middleware.i18n import N_, catalogue
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services

TEXT = N_("Two-Factor Authentication")


class Linking:
    """Shows the link to people who have a pass, on pages that their browser navigates to."""

    def __init__(self, services: Services) -> None:
        self._tfa = services.settings.tfa

    def wanted(self, request: Request, realm: Realm) -> bool:
        """Whether a page that answers this request gets the link."""
        settings, environ = realm.settings, request.environ
        if request.method == "HEAD":
            environ = {**environ, "REQUEST_METHOD": "GET"}
        return settings.link and settings.policy != "off" and link.wanted(environ)

    def put(
        self, request: Request, realm: Realm, answer: Answer, headers: HeaderList
    ) -> tuple[HeaderList, Iterable[bytes]]:
        """The answer's headers and body with the link in it, where it is a page."""
        if answer.status[:3] == "304" or request.method == "HEAD":
            return link.head_headers(answer.status, headers), answer
        root = f"{request.mount}{self._tfa.prefix}"
        text = catalogue(request.language(self._tfa.language)).gettext(TEXT)
        after = realm.settings.link_after
        markup = link.markup(f"{root}{realm.name}/", text, f"{root}static/link.css", inline=bool(after))
        return link.inject(answer.status, headers, answer, link.Link(markup, after))
