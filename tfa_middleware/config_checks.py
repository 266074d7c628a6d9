"""What single values cannot tell: settings that contradict each other, or that would protect nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from tfa_middleware.config_gateway import check_gateways, listen_section
from tfa_middleware.config_values import Place
from tfa_middleware.element import Target
from tfa_middleware.errors import ConfigError
from tfa_middleware.forms import canonical
from tfa_middleware.paths import address, folded, local
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.settings import MailSettings, Settings, TfaSettings

#: NIST SP 800-63B-4 3.1.3.2 and REQUIREMENTS K8: nothing waits longer than this for its second factor.
LONGEST_CHALLENGE = 600
_RULES = "redirect, redirect:REGEX, cookie:REGEX, status:N, body:REGEX, json:/pointer=value or whoami"
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_PREFIX = re.compile(r"/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)+")
_PREFIXES = ("paths", "public", "exempt")
_GLOBS = ("login", "logout", "not_login")
_STORE = re.compile(r"memory:|sqlite:.+|(?:redis|rediss|unix|postgresql|postgres)://.+")
_MAILERS = ("smtps://", "smtp+starttls://", "smtp://", "file:", "console:")
_LISTEN = re.compile(r"(?:[^\s:\[\]/]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")


def check(settings: Settings) -> None:
    """Raise `ConfigError` for the first contradiction in the whole configuration."""
    _check_tfa(settings.tfa, Place(settings.source, "tfa"))
    _check_mail(settings.mail, Place(settings.source, "mail"))
    if not _LISTEN.fullmatch(settings.serve.listen):
        place = Place(settings.source, listen_section(settings))
        raise place.error(f"expected HOST:PORT, found {settings.serve.listen!r}.", "listen")
    for realm in settings.realms:
        place = Place(settings.source, f"realm:{realm.name}")
        _check_paths(realm, settings.tfa.prefix, place)
        _check_login(realm, place)
        _check_whoami(realm, place)
        _check_token(realm, place)
        _check_rules(realm, place)
        _check_factors(realm, settings, place)
        _check_link(realm, place)
        if settings.forward_auth.secret_file and not realm.whoami:
            problem = "forward auth needs it: the gate does not see cookies that the application sets past it."
            raise place.error(problem, "whoami")
        if settings.forward_auth.secret_file and realm.identity == "posted":
            problem = (
                "forward auth tells accounts apart by the name on the whoami page alone, so 'posted' is not enough."
            )
            raise place.error(problem, "identity")
    _check_claims(settings)
    check_gateways(settings)


def _check_link(realm: RealmSettings, place: Place) -> None:
    if realm.link_after:
        try:
            Target.parse(realm.link_after)
        except ValueError:
            raise place.error("expected an element such as input[name=x], #id or tag#id.", "link_after") from None


def inside(path: str, prefixes: Iterable[str]) -> bool:
    """True where ``path`` lies in an area of these prefixes, by whole segments and with or without a last slash."""
    return any(f"{path.rstrip('/')}/".startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)


def _check_tfa(tfa: TfaSettings, place: Place) -> None:
    if not _PREFIX.fullmatch(tfa.prefix):
        raise place.error(
            f"expected a path such as /_tfa/ that begins and ends with /, found {tfa.prefix!r}.", "prefix"
        )
    if tfa.base_url and not _is_origin(tfa.base_url):
        raise place.error("expected http:// or https:// and a host, without a path.", "base_url")
    if not _COLOUR.fullmatch(tfa.colour):
        raise place.error(f"expected a colour such as #1d4ed8, found {tfa.colour!r}.", "colour")
    if tfa.logo and not local(tfa.logo):
        raise place.error("expected a path on this site that begins with /.", "logo")
    if not _STORE.fullmatch(tfa.store):
        # What was found is not shown: the address of a server may hold a password (K1).
        raise place.error("expected sqlite:FILE, memory:, redis://HOST or postgresql://USER@HOST/DATABASE.", "store")
    if not 0 < tfa.challenge_time <= LONGEST_CHALLENGE:
        raise place.error("expected a time from 1s to 10m (NIST SP 800-63B-4, 3.1.3.2).", "challenge_time")
    for word, text in (("issuer", tfa.issuer), ("key_file", tfa.key_file), ("accounts", tfa.accounts)):
        if not text:
            raise place.error("must not be empty.", word)


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain


def _check_mail(mail: MailSettings, place: Place) -> None:
    if not mail.smtp.startswith(_MAILERS):
        raise place.error(f"expected an address that begins with one of {', '.join(_MAILERS)}.", "smtp")
    # K1: the INI is read and passed around more freely than a password may be.
    if "://" in mail.smtp and ":" in mail.smtp.partition("://")[2].rpartition("@")[0]:
        raise place.error("holds a password; put it into a file of its own, named by password_file.", "smtp")
    if "@" not in mail.sender:
        raise place.error("expected a mail address, or Name <address>.", "from")
    if not mail.timeout:
        raise place.error("expected a time of at least 1s.", "timeout")


def _check_paths(realm: RealmSettings, prefix: str, place: Place) -> None:
    for word in (*_PREFIXES, *_GLOBS):
        for path in getattr(realm, word):
            why = _why_never(path, stars=word in _GLOBS)
            if why:
                raise place.error(f"{path!r} can never match: {why}.", word)
            if "*" not in path and inside(path, (prefix,)):
                raise place.error(f"{path!r} lies under {prefix}, where the middleware's own pages are.", word)
    if realm.home and not local(realm.home):
        raise place.error("expected a path on this site that begins with /.", "home")
    for word in ("lifetime", "idle"):
        if getattr(realm, word) == 0:
            raise place.error("expected a time of at least 1s.", word)


def _why_never(path: str, *, stars: bool) -> str:
    """Why no request matches this path of a list; empty for a plain one."""
    if "*" in path:
        return "" if stars else "this is a list of prefixes, which match all that lies below; no * here"
    if address("", path.encode().decode("latin-1")).odd:
        return "paths are matched decoded and plain, without //, /./, /../, %XX, ;, ?, # or a backslash"
    return ""


def _check_login(realm: RealmSettings, place: Place) -> None:
    if "*" in realm.login[0]:
        raise place.error(
            f"the first one is the entry page, a plain path without *; found {realm.login[0]!r}.", "login"
        )
    for path in realm.login:
        if "*" not in path and not inside(path, realm.paths):
            raise place.error(f"{path!r} lies outside the realm's paths ({' '.join(realm.paths)}).", "login")
    for word in ("username", "password"):
        if not getattr(realm, word):
            raise place.error("must not be empty; it is the name of a field of the login form.", word)
    if canonical(realm.username) == canonical(realm.password):
        raise place.error("the user field and the password field must differ.", "password")


def _check_whoami(realm: RealmSettings, place: Place) -> None:
    how = [word for word in ("whoami_pattern", "whoami_pointer") if getattr(realm, word)]
    if not realm.whoami:
        for word in [*how, *(["whoami_first"] if realm.whoami_first else [])]:
            raise place.error("needs whoami, the page that tells who is logged in.", word)
        return
    if not local(realm.whoami):
        raise place.error("expected a path of the application that begins with /.", "whoami")
    if len(how) != 1:
        raise place.error("needs either whoami_pattern or whoami_pointer, to find the account's name.", "whoami")
    if realm.whoami_pattern and realm.whoami_pattern.groups != 1:
        problem = f"expected exactly one group, around the account's name; found {realm.whoami_pattern.groups}."
        raise place.error(f"{problem} (?:...) groups without counting.", "whoami_pattern")
    if realm.whoami_pointer and not realm.whoami_pointer.startswith("/"):
        raise place.error("expected a JSON pointer such as /user/name.", "whoami_pointer")


def _check_token(realm: RealmSettings, place: Place) -> None:
    if realm.token and realm.authorization != "bearer":
        raise place.error("needs authorization = bearer, by which the token is sent.", "token")
    if realm.authorization == "bearer" and not realm.token.startswith("/"):
        raise place.error("bearer needs a JSON pointer to the token in the login's answer, such as /token.", "token")


def _check_rules(realm: RealmSettings, place: Place) -> None:
    if not realm.success:
        raise place.error(f"needs at least one of {_RULES}.", "success")
    for word in ("success", "failure"):
        for rule in getattr(realm, word):
            problem = _wrong_rule(rule)
            if problem:
                raise place.error(f"{rule!r}: {problem}.", word)
            if rule == "whoami" and word == "failure":
                raise place.error("whoami can only mean success; where it names nobody, the answer decides.", word)
            if rule == "whoami" and not realm.whoami:
                raise place.error("the rule whoami needs whoami, the page that tells who is logged in.", word)


def _wrong_rule(rule: str) -> str:
    head, colon, rest = rule.partition(":")
    if rule in ("redirect", "whoami"):
        return ""
    if not colon or not rest:
        return f"expected {_RULES}"
    if head in ("redirect", "cookie", "body"):
        return _wrong_pattern(rest)
    if head == "status":
        return "" if re.fullmatch(r"[1-5]\d\d", rest) else "expected status: and three digits"
    if head == "json":
        return "" if re.fullmatch(r"/[^=]*=.*", rest) else "expected json:/pointer=value"
    return f"expected {_RULES}"


def _wrong_pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression ({error})"
    return ""


def _check_factors(realm: RealmSettings, settings: Settings, place: Place) -> None:
    if realm.strict and "email" in realm.verifiers:
        problem = "strict refuses email, which is no authenticator (NIST SP 800-63B-4, 3.1.3.1); leave it out."
        raise place.error(problem, "verifiers")
    if realm.policy != "off" and not any(settings.verifiers[kind][0].primary for kind in realm.verifiers):  # type: ignore[attr-defined]
        raise place.error("needs at least one factor that stands alone, such as totp.", "verifiers")


def _check_claims(settings: Settings) -> None:
    claimed: dict[tuple[str, ...], str] = {}
    for realm in settings.realms:
        for path in realm.paths:
            other = claimed.setdefault(folded(path), realm.name)
            if other != realm.name:
                problem = f"{path!r} belongs to [realm:{other}] already."
                raise ConfigError(problem, where=settings.source, section=f"realm:{realm.name}", key="paths")
