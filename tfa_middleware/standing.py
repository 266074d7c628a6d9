"""What a browser's session is worth at this moment, in this realm: the signed cookie, held against the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic

from tfa_middleware import cookies
from tfa_middleware.adoption import Adopt, cookies_of, never, vouches
from tfa_middleware.authorization import BOUND, MALFORMED, MISSING, NAME, NONE, NOTHING, UNBOUND, Presented
from tfa_middleware.hold import Environ
from tfa_middleware.passrecord import Pass
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request, has_body
from tfa_middleware.routes import Route
from tfa_middleware.services import Services
from tfa_middleware.sessions import PASSED, PENDING, Session, visitor
from tfa_middleware.verdicts import SEEN_EVERY, Verdict

#: Cookie headers whose worth is remembered beyond a revocation, and the characters of one.
_REMEMBERED, _LONGEST = 4096, 2048


@dataclass(frozen=True)
class Standing:
    """``session`` is what counts: a pass that ended, or a challenge that is over, left a fresh visitor. With a pass,
    ``record`` is it and ``jar`` the cookies it vouches for; ``lapsed`` is a pass that ran out by time alone.
    ``presented`` is the Authorization beside; where it is another one than the pass's, the pass counts for nothing and
    is ``superseded``."""

    session: Session
    record: Pass | None = None
    jar: Mapping[str, str] = field(default_factory=dict, repr=False)
    lapsed: Pass | None = None
    presented: Presented = NOTHING
    superseded: Pass | None = None

    @property
    def state(self) -> str:
        """visitor, pending or passed."""
        return self.session.state


class Standings:
    """Reads standings, and keeps the verdicts of passes."""

    def __init__(self, services: Services, adopt: Adopt = never) -> None:
        self._services = services
        self._adopt = adopt
        self._passes = services.passes
        self._clock = services.clock
        #: By realm and Cookie header: what the header was worth under a pass that need not live any more.
        self._made: dict[tuple[str, str], Verdict] = {}
        self._reported: set[tuple[str, str]] = set()
        self._ours = {one.cookie.name for one in services.map.realms.values()}

    def found(self, realm: Realm, header: str) -> Verdict | None:
        """The verdict for a Cookie header without an Authorization, kept; None wherever more than a look-up is needed,
        or there is no pass. The pass is read from the store unless this worker has a verdict of it already."""
        verdicts, made = self._passes.verdicts, self._made.get((realm.name, header))
        into, told = verdicts.known, verdicts.stamp
        named = (not made and cookies.simple(header)) or {}
        identity = made.record.id if made else realm.cookie.passed(header, named)
        known = into.get((realm.name, identity)) if identity else None
        heard = known and (known.record is made.record if made else self._heard(known.record, named))
        record = known.record if known and heard else self._passes.get(realm.name, identity) if identity else None
        if record is None and made:
            self._made.pop((realm.name, header), None)
        if record is None or not self._fresh(realm, record):
            return None
        verdict = made if made and made.record is record else self._make(realm, record, named or cookies.simple(header))
        if verdict is None:
            return None
        if known and known.record is record:
            return verdicts.add(into, realm.name, header, verdict)
        stamp = verdict.stamp
        if stamp is None or stamp != told or monotonic() >= verdicts.due:  # the look at the pass may have taken long
            print_, stamp = realm.accounts.seen(record.user)
            if record.fingerprint != print_:
                return None
            # Told before the account was read, and the same after it: no change came between, and none goes unnoticed.
            verdict.stamp = stamp if stamp == told else None
            self._remember(realm, header, verdict)
        return verdicts.keep(into, realm.name, header, verdict, stamp)

    def _heard(self, record: Pass, named: Mapping[str, str]) -> bool:
        """Whether a pass is bound to every cookie but ours; else the application may have set one since it was read."""
        return all(name in self._ours or any(record.bindings.get(name, ())) for name in named)

    def _make(self, realm: Realm, record: Pass, named: Mapping[str, str] | None) -> Verdict | None:
        """What a pass makes of the cookies of a header; None where it does not vouch for them."""
        jar = cookies_of(realm, record, named or {})
        if not vouches(realm, record, jar):
            return None
        if named and len(named) > len(jar) + 1:
            self._report_dropped(realm, record, named, jar)
        return Verdict(record, cookies.header(jar))

    def _remember(self, realm: Realm, header: str, verdict: Verdict) -> None:
        """Verdicts are forgotten again and again; what the same pass makes of the same header stays what it is."""
        if len(self._made) >= _REMEMBERED:
            self._made = {}
        if len(header) <= _LONGEST:
            self._made[realm.name, header] = verdict

    def _fresh(self, realm: Realm, record: Pass) -> bool:
        """Whether a pass lives, its use need not be written back yet, and it asks for no Authorization beside."""
        now = self._clock()
        return record.live(now) and now - record.seen < SEEN_EVERY and not (realm.basic and record.bindings.get(NAME))

    def quick(self, route: Route, environ: Environ) -> Verdict | None:
        """The verdict that is known for this very Cookie header and Authorization, where nothing else matters."""
        if not route.simple or route.realm is None or environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
            return None
        query = environ.get("QUERY_STRING")
        if has_body(environ) or (query and route.realm.rule.in_query(query)):
            return None
        cookie, header = environ.get("HTTP_COOKIE", ""), route.realm.header(environ)
        return self._passes.verdict(route.realm.name, cookie, self._clock(), header)

    def of(self, request: Request, realm: Realm) -> Standing:
        """The standing of a request."""
        now = self._clock()
        session = realm.cookie.read(request.cookies, now)
        standing = self._with_pass(request, realm, session, now) if session.state == PASSED else Standing(session)
        if session.state == PENDING and not self._services.challenges.fetch(realm.name, session.id):
            standing = Standing(visitor(now))
        if standing.record is not None:
            return standing
        presented = realm.presented(request)
        # A token alone is no login: it was made past the gate.
        worth = realm.basic or presented.kind == MALFORMED
        return replace(standing, presented=presented if worth else NOTHING)

    def _with_pass(self, request: Request, realm: Realm, session: Session, now: float) -> Standing:
        into = self._passes.verdicts.known
        record, stamp = self._alive(realm, session.id, now)
        if record is None:
            return Standing(visitor(now), lapsed=self._lapsed(request, realm, session, now))
        named = cookies.unambiguous(request.cookies)
        jar, presented = cookies_of(realm, record, named), self._matched(realm, record, realm.presented(request))
        taken = self._taken(request, realm, record, jar, presented)
        if taken is None:
            return Standing(visitor(now))
        if presented.kind in (UNBOUND, MALFORMED):
            return Standing(visitor(now), superseded=record)
        self._report_dropped(realm, taken, named, jar)
        record = self._touched(taken, now)
        if record is None:
            return Standing(visitor(now))
        if presented.kind != MISSING:
            header = realm.header(request.environ) if presented.kind == BOUND else ""
            verdict = Verdict(record, cookies.header(jar), header)
            self._passes.verdicts.keep(into, realm.name, request.cookie_header, verdict, stamp)
        return Standing(session, record, jar, presented=presented)

    def _taken(
        self, request: Request, realm: Realm, record: Pass, jar: dict[str, str], presented: Presented
    ) -> Pass | None:
        """The pass that stands for these cookies; None where none does."""
        header = presented.value if presented.kind == BOUND else ""
        if vouches(realm, record, jar, header):
            return record
        return self._adopt(request, realm, record, jar, header) if presented.kind in (NONE, BOUND) else None

    @staticmethod
    def _matched(realm: Realm, record: Pass, presented: Presented) -> Presented:
        """What is presented, held against the pass."""
        if presented.kind == NONE:
            return replace(presented, kind=MISSING) if realm.basic and record.bindings.get(NAME) else presented
        bound = presented.kind == UNBOUND and realm.tags.bound(record.bindings, NAME, presented.value)
        return replace(presented, kind=BOUND) if bound else presented

    def _alive(self, realm: Realm, session_id: str, now: float) -> tuple[Pass | None, str]:
        """The live pass under the account's present set-up, and the stamp of all accounts under which that was seen; a
        changed set-up ends it (A14)."""
        record = self._passes.settled(realm.name, session_id)
        if record is None or not record.live(now):
            return None, ""
        print_, stamp = realm.accounts.seen(record.user)
        if record.fingerprint == print_:
            return record, stamp
        self._passes.end(realm.name, session_id)
        self._services.audit.emit(
            "pass_revoked", realm=realm.name, user=record.user, reason="the account's factors changed"
        )
        return None, ""

    def _lapsed(self, request: Request, realm: Realm, session: Session, now: float) -> Pass | None:
        """A pass that ran out by time alone and may be renewed by the factor (law 5)."""
        record = self._passes.get(realm.name, session.id)
        if realm.settings.renew != "factor" or record is None or record.expires() > now or not record.proved:
            return None
        same = record.fingerprint == realm.accounts.fingerprint(record.user)
        jar = cookies_of(realm, record, cookies.unambiguous(request.cookies))
        return record if same and vouches(realm, record, jar) else None

    def _touched(self, record: Pass, now: float) -> Pass | None:
        return self._passes.touch(record, now) if now - record.seen >= SEEN_EVERY else record

    def _report_dropped(self, realm: Realm, record: Pass, named: Mapping[str, str], jar: Mapping[str, str]) -> None:
        """Log once a name what is not forwarded, so that an operator can list it under ``keep``."""
        for name in named.keys() - jar.keys() - self._ours:
            if (realm.name, name) not in self._reported and len(self._reported) < 1000:
                self._reported.add((realm.name, name))
                self._services.audit.emit("cookie_dropped", realm=realm.name, user=record.user, cookie=name)
