"""What an answer under a pass does to the pass: it binds what the application sets, and ends with its logout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tfa_middleware import cookies
from tfa_middleware.authorization import NAME
from tfa_middleware.hold import HeaderList
from tfa_middleware.outside import private, without_ours
from tfa_middleware.passrecord import Pass
from tfa_middleware.paths import under
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.sessionlike import SESSION_LIKE

#: Values of one cookie that a pass knows: an upload may take while pages beside it renew the cookie.
KEPT = 16


class Rebinding:
    """Re-binding never extends the life of a pass (A13)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def settled(
        self, request: Request, realm: Realm, record: Pass, headers: HeaderList, over: Callable[[], object]
    ) -> HeaderList:
        """An answer's headers for the browser; what it sets is bound, and the deletion of the session is a logout: then
        ``over`` is called, for the answer outlives the pass that it ended."""
        headers = self._without_foreign(request, realm, record, private(without_ours(self._services, headers)))
        news = self._news(realm, record, headers)
        changes = {name: one for name, one in news.items() if _reaches(one, request)}
        if not changes:
            return headers
        if self._logs_out(realm, record, changes):
            self.end(record, "the application logged out")
            over()
            return [*headers, realm.cookie.removal()]
        values = {name: one.value for name, one in changes.items() if not one.deletes}
        realm.quarantine.acquire(record.owner, values, record.owner)
        changed = self._services.passes.change(
            record, lambda one: replace(one, bindings=realm.tags.bind(one.bindings, changes, KEPT))
        )
        return headers if changed else cookies.without_set_cookie(headers)

    def renewed(self, realm: Realm, record: Pass, header: str) -> None:
        """A token that the application gave for the one before, to the same account, is bound like a cookie."""
        if header:
            tags = realm.bound_to(header)[NAME]
            self._services.passes.change(
                record,
                lambda one: replace(one, bindings={**one.bindings, NAME: (*tags, *one.bindings.get(NAME, ()))[:KEPT]}),
            )

    def _news(self, realm: Realm, record: Pass, headers: HeaderList) -> dict[str, cookies.SetCookie]:
        """What an answer sets anew or deletes; a cookie set to the value it has is no news."""
        changes = cookies.all_set(headers, self._services.clock())
        return {
            name: one
            for name, one in changes.items()
            if one.deletes or not realm.tags.bound({name: record.bindings.get(name, ())[:1]}, name, one.value)
        }

    def _logs_out(self, realm: Realm, record: Pass, changes: Mapping[str, cookies.SetCookie]) -> bool:
        # The deletion of what the session lives in is a logout (A14).
        pattern = realm.settings.session_cookies or SESSION_LIKE
        gone = (name for name, one in changes.items() if one.deletes and any(record.bindings.get(name, ())))
        return any(pattern.match(name) for name in gone)

    def end(self, record: Pass, reason: str) -> None:
        """End a pass for all workers."""
        if self._services.passes.end(record.realm, record.id):
            self._services.audit.emit("session_ended", realm=record.realm, user=record.user, reason=reason)

    def changes_a_bound_one(self, realm: Realm, record: Pass, headers: HeaderList) -> bool:
        """Whether an answer changes the value of a cookie that the pass is bound to (i: the second-account pivot)."""
        return bool(self._changed(realm, record, headers))

    def hides_another(self, realm: Realm, record: Pass, headers: HeaderList) -> bool:
        """Whether an answer sets another session where whoami's page may show one name for two accounts: then the same
        name there says nothing."""
        pattern = realm.settings.session_cookies or SESSION_LIKE
        return realm.posted and any(pattern.match(name) for name in self._changed(realm, record, headers))

    def _changed(self, realm: Realm, record: Pass, headers: HeaderList) -> set[str]:
        news = self._news(realm, record, headers).items()
        bound = {name for name, one in news if not one.deletes and record.bindings.get(name)}
        return bound - set(realm.settings.keep)  # whose value comes from the page's own scripts anyway

    def _without_foreign(self, request: Request, realm: Realm, record: Pass, headers: HeaderList) -> HeaderList:
        """The headers less a second session: one by a new name, after a request that may have been a login. Nobody can
        tell whose it is, for whoami speaks of the first one alone; ``keep`` lists what the application needs."""
        if not realm.may_change_hands(request):
            return headers
        pattern = realm.settings.session_cookies or SESSION_LIKE
        known = {*record.bindings, *realm.settings.keep}
        names = cookies.all_set(headers, self._services.clock()).keys() - known
        foreign = {name for name in names if pattern.match(name) or SESSION_LIKE.match(name)}
        for name in foreign:
            self._services.audit.emit("cookie_dropped", realm=realm.name, user=record.user, cookie=name)
        return [
            (name, value)
            for name, value in headers
            if name.lower() != "set-cookie" or cookies.parse_set(value, 0).name not in foreign
        ]


def _reaches(one: cookies.SetCookie, request: Request) -> bool:
    """Whether it can be of a cookie that came with the request: not the deletion of one of another folder."""
    return not one.deletes or not one.path or under(request.address.path, one.path)
