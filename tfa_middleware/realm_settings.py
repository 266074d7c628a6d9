"""Every setting of a realm, declared once: the class is the section of the INI, its fields are its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfa_middleware.declare import Network, count, flag, globs, key, networks, one_of, pattern, seconds, text, words
from tfa_middleware.declare import paths as prefixes


@dataclass(frozen=True)
class RealmSettings:
    """[realm:NAME]: an area with one login and one policy. Paths are as the browser sends them."""

    name: str
    paths: tuple[str, ...] = key(prefixes, "the area's path prefixes")
    login: tuple[str, ...] = key(globs, "login pages and endpoints; the first one is the entry page")
    preset: str = key(
        text, "a known console whose settings hold where this realm has none; 'tfa presets' lists them", ""
    )
    scope: str = key(
        one_of("auto", "admin", "user"), "whose defaults hold; auto: admin where the realm is called admin", "auto"
    )
    policy: str = key(
        one_of("off", "optional", "required"),
        "off: password only; optional: those who enrolled; required: everybody",
        "optional",
    )
    verifiers: tuple[str, ...] = key(words, "kinds of second factor offered", ("totp", "email", "recovery"))
    enrolment: str = key(one_of("open", "invite"), "invite: the first enrolment needs a code from 'tfa invite'", "open")
    strict: bool = key(flag, "refuse factors that NIST SP 800-63B-4 does not accept (email)", False)
    public: tuple[str, ...] = key(prefixes, "path prefixes that open without a login, without cookies both ways", ())
    public_suffixes: tuple[str, ...] = key(
        words,
        "name endings that are static and open without cookies",
        (
            ".css",
            ".js",
            ".mjs",
            ".map",
            ".png",
            ".gif",
            ".jpg",
            ".jpeg",
            ".svg",
            ".ico",
            ".webp",
            ".woff",
            ".woff2",
            ".ttf",
        ),
    )
    exempt: tuple[str, ...] = key(prefixes, "path prefixes of machine clients, never challenged, without cookies", ())
    exempt_networks: tuple[Network, ...] = key(networks, "networks from which exempt holds; empty: any", ())
    exempt_cookies: bool = key(flag, "let cookies through on exempt paths: those paths are then single-factor", False)
    logout: tuple[str, ...] = key(globs, "paths of the application's own logout", ())
    not_login: tuple[str, ...] = key(
        globs, "forms behind the login that carry the password field without being a login (add user)", ()
    )
    username: str = key(text, "the login form's user field", "username")
    password: str = key(text, "the login form's password field", "password")
    canonical: str = key(
        one_of("casefold", "exact"),
        "which spellings of a user name are one account; both fold NFKC and blanks",
        "casefold",
    )
    success: tuple[str, ...] = key(
        words,
        "rules that mean: password right (redirect, redirect:RE, cookie:RE, status:N, body:RE, json:/p=v, whoami)",
        ("redirect",),
    )
    failure: tuple[str, ...] = key(words, "rules that mean: password wrong; they win over success", ())
    whoami: str = key(text, "a page that tells who is logged in; asked with the login's cookies", "")
    whoami_pattern: Any = key(
        pattern, "a regular expression whose first group is the account's name on that page", None
    )
    whoami_pointer: str = key(text, "a JSON pointer to the account's name, in place of a pattern", "")
    identity: str = key(
        one_of("whoami", "posted"),
        "whose name counts: the one on the whoami page, or the one typed, where whoami's may be shared or edited",
        "whoami",
    )
    whoami_again: str = key(
        one_of("change", "unsafe", "query"),
        "when whoami is asked again behind the login: where a bound cookie changed, or after each POST, or query too",
        "change",
    )
    whoami_first: bool = key(flag, "ask whoami before visitor cookies go to a login path", False)
    authorization: str = key(
        one_of("refuse", "basic", "bearer"),
        "the header Authorization: refuse: stays here; basic: is the login; bearer: goes on with the login's token",
        "refuse",
    )
    token: str = key(
        text, "with bearer: a JSON pointer to the token in the answer to a login", "", example="/access_token"
    )
    keep: tuple[str, ...] = key(words, "cookies made by the page's own scripts that are forwarded too", ())
    session_cookies: Any = key(pattern, "names of cookies whose deletion is a logout", None)
    redirect_hosts: tuple[str, ...] = key(words, "other hosts that a login's answer may redirect to", ())
    home: str = key(text, "where to go after a login whose answer is no page and no redirect", "")
    lifetime: int | None = key(seconds, "the longest life of a pass; default 24h, admin 12h", None)
    idle: int | None = key(seconds, "how long an unused pass lives; default 1h, admin 15m", None)
    renew: str = key(one_of("password", "factor"), "what a pass that ran out by time needs again", "password")
    fresh: int = key(seconds, "how recent a proof must be to change factors", 300)
    sessions: int = key(count(1, 1000), "parallel passes of one account; the oldest ends beyond that", 20)
    login_script: bool = key(
        flag, "a script of ours in the login pages, so that a login by script goes on after the second factor", False
    )
    link: bool = key(flag, "put the link 'Two-Factor Authentication' into the application's pages", True)
    link_after: str = key(
        text,
        "the element that the link follows, as tag, #id or tag[name=x]; empty: lower right-hand corner",
        "",
        example="input[name=admin_password]",
    )
