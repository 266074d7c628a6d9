"""What is put into the application's own pages: the link "Two-Factor Authentication", and our script for logins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfa_middleware import link
from tfa_middleware.hold import Answer, HeaderList
from tfa_middleware.i18n import N_, catalogue
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services

TEXT = N_("Two-Factor Authentication")


class Linking:
    """Edits pages that a browser navigates to: people who have a pass get the link, login pages the script."""

    def __init__(self, services: Services) -> None:
        self._tfa = services.settings.tfa

    def wanted(self, request: Request, realm: Realm) -> bool:
        """Whether a page that answers this request, of somebody with a pass, is edited."""
        return (realm.settings.link or self.scripts(request, realm)) and self._shows(request, realm)

    def scripts(self, request: Request, realm: Realm) -> bool:
        """Whether a page that answers this request gets the script."""
        door = realm.settings.login_script and realm.rule.doors.match(request.address.path)
        return door and self._shows(request, realm)

    @staticmethod
    def _shows(request: Request, realm: Realm) -> bool:
        environ = request.environ
        if request.method == "HEAD":
            environ = {**environ, "REQUEST_METHOD": "GET"}
        return realm.settings.policy != "off" and link.wanted(environ)

    def put(
        self, request: Request, realm: Realm, answer: Answer, headers: HeaderList, *, passed: bool = True
    ) -> tuple[HeaderList, Iterable[bytes]]:
        """The answer's headers and body with what belongs into it, where it is a page."""
        if answer.status[:3] == "304" or request.method == "HEAD":
            return link.head_headers(answer.status, headers), answer
        body: Iterable[bytes] = answer
        for one in self._links(request, realm, passed=passed):
            headers, body = link.inject(answer.status, headers, body, one)
        return headers, body

    def _links(self, request: Request, realm: Realm, *, passed: bool) -> Iterator[link.Link]:
        root = f"{request.mount}{self._tfa.prefix}"
        if passed and realm.settings.link:
            text = catalogue(request.language(self._tfa.language)).gettext(TEXT)
            after = realm.settings.link_after
            markup = link.markup(f"{root}{realm.name}/", text, f"{root}static/link.css", inline=bool(after))
            yield link.Link(markup, after)
        if self.scripts(request, realm):
            yield link.Link(link.script(f"{root}static/login.js", f"{root}{realm.name}/"))
