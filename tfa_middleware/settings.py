"""Every setting, declared once. The classes are the sections of the INI, their fields are its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfa_middleware.declare import Network, count, flag, key, networks, one_of, paths as prefixes, seconds, size, text, words
from tfa_middleware.realm_settings import RealmSettings

ADMIN_LIFETIME, ADMIN_IDLE = 12 * 3600, 15 * 60
USER_LIFETIME, USER_IDLE = 24 * 3600, 3600


@dataclass(frozen=True)
class TfaSettings:
    """[tfa]: what holds for every realm."""

    issuer: str = key(
        text,
        "the service's name on pages, in mails and in authenticator apps",
        "Two-Factor Login",
        example="Backup Console",
    )
    prefix: str = key(text, "where the middleware's own pages live, below the mount point", "/_tfa/")
    key_file: str = key(text, "the file of secret keys, made at first start with mode 0600", "tfa.key")
    accounts: str = key(text, "where enrolled accounts are kept: a file, or 'store'", "TFARecs.dat")
    store: str = key(
        text,
        "where sessions and counters are kept: sqlite:FILE, memory:, redis://... or postgresql://...",
        "sqlite:tfa.sqlite3",
    )
    base_url: str = key(
        text,
        "the site's public address, for mails and tfa serve; empty: the request's",
        "",
        example="https://backup.example.com",
    )
    hosts: tuple[str, ...] = key(words, "host names that are answered; empty: any", ())
    trusted_proxies: tuple[Network, ...] = key(networks, "networks whose X-Forwarded-For is believed", ())
    insecure_dev: bool = key(
        flag, "cookies without Secure, for plain http while developing; never in production", False
    )
    language: str = key(text, "the language where the browser asks for none that exists", "en")
    ntp_server: str = key(text, "the time server asked by doctor and at start; empty: none is asked", "pool.ntp.org")
    template_dir: str = key(text, "a folder of templates that replace ours", "")
    logo: str = key(text, "an address of a picture shown on our pages, on this site", "")
    colour: str = key(text, "the accent colour of our pages", "#1d4ed8")
    audit_file: str = key(text, "a file that gets one JSON line an event; empty: only the log", "")
    hold_limit: int = key(size, "the largest answer to a login that can be held", 1048576)
    scan_limit: int = key(size, "how much of a form is scanned for a password", 1048576)
    challenge_time: int = key(seconds, "how long a login waits for its second factor", 600)


@dataclass(frozen=True)
class MailSettings:
    """[mail]: how messages leave."""

    smtp: str = key(
        text,
        "smtps://user@host:465, smtp+starttls://user@host:587, smtp://127.0.0.1:25, file:FOLDER or console:",
        "console:",
    )
    password_file: str = key(text, "the file with the SMTP password", "")
    sender: str = key(text, "the From address (key: from)", "Two-Factor Login <no-reply@localhost>")
    timeout: int = key(seconds, "how long the mail server may take", 10)
    ca_file: str = key(text, "certificates trusted beside the system's", "")


@dataclass(frozen=True)
class LimitSettings:
    """[limits]: tries and mails (REQUIREMENTS C8, D)."""

    challenge_tries: int = key(count(1, 10), "wrong codes until the password is asked again", 5)
    soft_failures: int = key(count(1, 100), "failures in a row of one factor until it rests", 10)
    account_failures: int = key(count(1, 100), "failures in a row over all factors until the account rests", 20)
    soft_time: int = key(seconds, "how long it rests", 1800)
    hard_failures: int = key(count(10, 100), "failures in a row until a factor is off for good", 100)
    rolling_failures: int = key(count(10, 200), "failures in 30 days that success does not clear", 50)
    resend_wait: int = key(seconds, "between two mails of one challenge", 60)
    mails_hour: int = key(count(1, 1000), "mails an account and hour", 5)
    mails_day: int = key(count(1, 10000), "mails an account and day", 10)
    mails_source_hour: int = key(count(1, 100000), "mails a client address and hour", 30)
    mails_total_hour: int = key(count(1, 1000000), "mails an hour in all", 1000)


@dataclass(frozen=True)
class ServeSettings:
    """[serve]: tfa serve."""

    app: str = key(text, "the application as module:callable", "", example="backup_console.app:application")
    listen: str = key(text, "address and port", "127.0.0.1:8080")
    threads: int = key(count(1, 256), "worker threads", 8)
    upload_limit: int = key(size, "the largest body of a request; it waits in a temporary file", 16 << 30)
    access_log: str = key(text, "a file that gets one JSON line a request; -: standard output; empty: none", "")
    stop_time: int = key(seconds, "how long requests under way may take to end when the server is told to stop", 10)


@dataclass(frozen=True)
class GatewaySettings:
    """[gateway], [gateway:NAME]: a console behind 'tfa serve', in any language."""

    name: str
    upstream: str = key(
        text,
        "where the console listens: http://HOST:PORT, https://HOST:PORT or unix:/run/console.sock",
        "",
        example="http://127.0.0.1:5800",
    )
    listen: str = key(text, "address and port, in place of [serve] listen", "", example="127.0.0.1:8080")
    host: str = key(
        one_of("pass", "upstream"), "the Host that the console sees: the browser's, or the upstream's own", "pass"
    )
    paths: tuple[str, ...] = key(prefixes, "path prefixes that go to this console; the longest one wins", ())
    match_host: tuple[str, ...] = key(words, "host names that go to this console; empty: any", ())
    connect_timeout: int = key(seconds, "how long the console may take to accept a connection", 5)
    read_timeout: int = key(seconds, "how long the console may be silent, also in the middle of an answer", 120)
    ca_file: str = key(text, "certificates that are trusted for https, in place of the system's", "")
    tls_name: str = key(text, "the name in the console's certificate, where it is not the upstream's host", "")
    hsts: bool = key(
        flag, "tell browsers to use https for a year, where base_url is https and the console says nothing", True
    )
    pool: int = key(count(0, 1000), "idle connections kept for later; 0: each request has its own", 32)


@dataclass(frozen=True)
class ForwardAuthSettings:
    """[forward_auth]: nginx, Caddy or Traefik asks before it lets a request go straight to the application."""

    secret_file: str = key(
        text, "the file with the secret that the front server sends, 32 characters or more; empty: no forward auth", ""
    )


@dataclass(frozen=True)
class Settings:
    """The whole configuration. ``verifiers`` maps a kind to (class, its settings); ``folder`` is where relative file
    names start."""

    realms: tuple[RealmSettings, ...]
    tfa: TfaSettings = field(default_factory=TfaSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    forward_auth: ForwardAuthSettings = field(default_factory=ForwardAuthSettings)
    gateways: tuple[GatewaySettings, ...] = ()
    verifiers: Mapping[str, tuple[type, Any]] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)
    source: str = ""
