"""What a valid configuration leaves open. Nothing here stops the start; all of it should be a decision."""

from __future__ import annotations

from collections.abc import Iterator

from tfa_middleware.config_checks import inside
from tfa_middleware.config_gateway import section
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.settings import ADMIN_IDLE, ADMIN_LIFETIME, USER_IDLE, USER_LIFETIME, Settings
from tfa_middleware.upstream_url import UpstreamUrl

#: What every authenticator app does right (REQUIREMENTS B4).
_APPS_KNOW = {"digits": 6, "period": 30, "step": 30, "interval": 30, "algorithm": "SHA1"}


def advise(settings: Settings) -> tuple[str, ...]:
    """Warnings about a configuration that is valid, one sentence or two each."""
    found = [*_coverage(settings), *_site(settings), *_gateways(settings), *_forward(settings)]
    for realm in settings.realms:
        found += [f"[realm:{realm.name}] {text}" for text in (*_paths(realm), *_identity(realm), *_factors(realm))]
        found += [f"[realm:{realm.name}] {text}" for text in _header(realm)]
        found += [f"[realm:{realm.name}] {text}" for text in _times(realm)]
    return (*found, *_totp(settings))


def is_admin(realm: RealmSettings) -> bool:
    """Whether the defaults of an admin realm hold."""
    return realm.scope == "admin" or (realm.scope == "auto" and realm.name == "admin")


def _coverage(settings: Settings) -> Iterator[str]:
    covered = [path for realm in settings.realms for path in realm.paths]
    if not inside("/x", covered):
        yield f"Only {' '.join(covered)} is covered by a realm; every other path of the application stays open."
    for realm in settings.realms:
        if realm.policy == "off":
            yield f"[realm:{realm.name}] policy = off: a password alone is enough."


def _site(settings: Settings) -> Iterator[str]:
    if settings.tfa.insecure_dev:
        yield "insecure_dev = yes: cookies travel over plain http and can be stolen. Never in production."
    if not settings.tfa.base_url:
        yield "base_url is empty: mails name the host that the request claims. Set it to the site's public address."
    if settings.tfa.base_url.startswith("http:") and not settings.tfa.insecure_dev:
        yield (
            "[tfa] base_url is http: our cookies are Secure, so most browsers send them over https only. Use https, or "
            "insecure_dev = yes for a first look."
        )
    if settings.mail.smtp.startswith("console:"):
        yield "[mail] smtp = console: writes every mail to the terminal, codes included. Set a mail server."
    if settings.tfa.store.startswith("memory:"):
        yield "store = memory: forgets used codes and locks at every start and serves one process only."


def _forward(settings: Settings) -> Iterator[str]:
    for realm in settings.realms if settings.forward_auth.secret_file else ():
        if not realm.logout:
            yield f"[realm:{realm.name}] forward auth without logout: the gate does not see a logout that goes past it."


def _gateways(settings: Settings) -> Iterator[str]:
    for one in settings.gateways:
        url = UpstreamUrl.parse(one.upstream)
        if url.scheme == "http" and not url.near:
            yield (
                f"[{section(one)}] upstream = {one.upstream}: passwords and cookies go over the network in the clear, "
                "and whoever reaches the console there goes past the second factor. Use https, and a firewall."
            )


def _paths(realm: RealmSettings) -> Iterator[str]:
    if realm.exempt and realm.exempt_cookies:
        yield f"exempt_cookies = yes: {' '.join(realm.exempt)} is single-factor, a password alone opens it."
    elif realm.exempt and not realm.exempt_networks:
        yield f"exempt holds for {' '.join(realm.exempt)} from every network; exempt_networks narrows it."
    if "/" in realm.public:
        yield "public = / opens the whole application to requests without cookies."
    for word in ("public", "exempt"):
        for path in getattr(realm, word):
            if not inside(path, realm.paths):
                yield f"{word}: {path} lies outside the realm's paths and has no effect."


def _identity(realm: RealmSettings) -> Iterator[str]:
    if not realm.whoami:
        yield (
            "without whoami the account is the name that was typed, and a second login inside a session by a door "
            "that no rule lists is not noticed. Set whoami and whoami_pattern."
        )


def _header(realm: RealmSettings) -> Iterator[str]:
    if realm.authorization == "basic" and not realm.whoami:
        yield (
            f"authorization = basic without whoami: {realm.login[0]} must ask for the password by itself, and open to "
            "everybody who has one."
        )


def _factors(realm: RealmSettings) -> Iterator[str]:
    if is_admin(realm) and realm.policy == "required" and realm.enrolment == "open":
        yield (
            "enrolment = open: whoever has the password of an account without a factor can enrol his own first. "
            "Use enrolment = invite."
        )
    if "email" in realm.verifiers:
        yield (
            "email codes are better than a password alone, but no authenticator for NIST SP 800-63B-4 (not AAL2) and "
            "not enough for OWASP ASVS level 3. strict = yes refuses them."
        )


def _times(realm: RealmSettings) -> Iterator[str]:
    admin = is_admin(realm)
    longest = (("lifetime", ADMIN_LIFETIME if admin else USER_LIFETIME), ("idle", ADMIN_IDLE if admin else USER_IDLE))
    for word, limit in longest:
        value = getattr(realm, word)
        if value is not None and value > limit:
            kind = "an admin realm" if admin else "users"
            yield f"{word} is longer than NIST SP 800-63B-4 has it for {kind} ({limit // 60} minutes)."


def _totp(settings: Settings) -> Iterator[str]:
    if "totp" not in settings.verifiers:
        return
    chosen = settings.verifiers["totp"][1]
    for word, known in _APPS_KNOW.items():
        value = getattr(chosen, word, known)
        if str(value).upper() != str(known):
            yield f"[verifier:totp] {word} = {value}: some authenticator apps show wrong codes then; use {known}."
