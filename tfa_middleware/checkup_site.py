"""The doctor's look from outside: the service by its public address, as a browser meets it."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tfa_middleware.cli_output import FAIL, NOTE, OK, WARN, Finding
from tfa_middleware.health import HEALTH, MARK, MARK_LIFE

if TYPE_CHECKING:
    from tfa_middleware.realm import Realm
    from tfa_middleware.services import Services

_CHECK, _PROXY, _COOKIES = "site", "proxy", "cookies"
_PATIENCE = 5.0
_LARGEST = 65536
#: An address that nobody has (RFC 5737): whoever believes this header believes anybody.
_FORGED = "192.0.2.77"


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


def look_from_outside(services: Services) -> Iterator[Finding]:
    """Whether the public address leads here, by a proxy that passes on what we need, and cookies come back."""
    base = services.settings.tfa.base_url
    if not base:
        yield NOTE, _CHECK, "base_url is empty: the service was not looked at from outside"
        return
    mark = secrets.token_hex(16)
    services.store.put(MARK.format(mark), b"", ttl=MARK_LIFE)
    path = f"{services.settings.tfa.prefix}{HEALTH}?mark={mark}"
    try:
        answer = _get(base, path, {"X-Forwarded-For": _FORGED})
        yield from _reached(base, answer)
        seen = _facts(answer)
        if answer.status == 200 and seen.get("status") == "ok":
            yield from _proxy(base, seen, services)
            for realm in services.map.realms.values():
                yield from _cookies(base, realm, insecure=services.settings.tfa.insecure_dev)
    except ssl.SSLCertVerificationError as error:
        yield FAIL, _CHECK, f"the certificate of {base} is not accepted: {error.verify_message}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", "") or type(error).__name__
        yield WARN, _CHECK, f"{base} cannot be reached from here ({reason}); is the service running, and its proxy?"


def _reached(base: str, answer: _Answer) -> Iterator[Finding]:
    where = "".join(answer.all("location")[:1])
    if answer.status == 200 and _facts(answer).get("status") == "ok":
        yield OK, _CHECK, f"{base} leads here"
    elif 300 <= answer.status < 400:
        yield FAIL, _CHECK, f"{base} leads away, to {where[:200]}; set base_url to the address that people end at"
    else:
        yield FAIL, _CHECK, f"{base} answers with {answer.status} in place of our page; does its proxy lead here?"


# -- what the front server passes on


def _proxy(base: str, seen: Mapping[str, Any], services: Services) -> Iterator[Finding]:
    if "peer" not in seen:
        yield NOTE, _PROXY, "the service there has another store than this one: who it takes for the client is unknown"
        return
    problems = [*_host(base, seen), *_forwarded(base, seen, trusted=bool(services.settings.tfa.trusted_proxies))]
    yield from problems
    if not problems:
        here = seen["client"] == _FORGED  # a trusted machine added itself behind what we said
        came = "from a machine of trusted_proxies, whose word is taken" if here else f"from {seen['client']}"
        yield OK, _PROXY, f"Host and the client's address arrive; this request came {came}"


def _host(base: str, seen: Mapping[str, Any]) -> Iterator[Finding]:
    wanted = urlsplit(base).netloc
    if seen["host"].lower() != wanted.lower():
        text = (
            f"Host arrives as {seen['host']!r}, not {wanted!r}; let the proxy pass it on (nginx: proxy_set_header Host"
        )
        yield FAIL, _PROXY, f"{text} $http_host;)"


def _forwarded(base: str, seen: Mapping[str, Any], *, trusted: bool) -> Iterator[Finding]:
    peer, hops = seen["peer"], [hop.strip() for hop in seen["forwarded_for"].split(",")]
    behind = base.startswith("https:")  # we speak no TLS, so somebody stands before us
    if trusted and hops[-1] == _FORGED and seen["client"] == _FORGED:
        text = (
            "anybody chooses his address by X-Forwarded-For: the proxy passes it on as it came, or this machine is in"
        )
        text += " trusted_proxies and no proxy stands before the service; let the proxy add the client's address"
        yield FAIL, _PROXY, text
    elif trusted and hops == [""]:
        yield WARN, _PROXY, f"{peer} sends no X-Forwarded-For, so all people have its address; let it send that"
    elif trusted and behind and seen["client"] == peer:
        yield WARN, _PROXY, f"X-Forwarded-For of {peer} is not believed; add {peer} to trusted_proxies if it is yours"
    elif behind and not trusted:
        text = f"all people have the address {peer}, that of the proxy; name it in trusted_proxies"
        yield WARN, _PROXY, f"{text}, and let it send X-Forwarded-For"
    if behind and seen["forwarded_proto"] not in ("", "https"):
        yield WARN, _PROXY, f"X-Forwarded-Proto arrives as {seen['forwarded_proto'][:40]!r}; let the proxy say https"


# -- our cookie, there and back


def _cookies(base: str, realm: Realm, *, insecure: bool) -> Iterator[Finding]:
    """Ask for a page that nobody may see: the gate answers itself, with its cookie; the second time it knows us."""
    path = f"{realm.settings.paths[0].rstrip('/')}/tfa-doctor-{secrets.token_hex(8)}"
    navigation = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
    ours = _ours(_get(base, path, navigation), realm)
    if not ours:
        text = f"realm {realm.name}: no cookie {realm.cookie.name} came with the way to the login; does the proxy drop"
        yield FAIL, _COOKIES, f"{text} or rename Set-Cookie, or is {path.rpartition('/')[0]}/ public?"
        return
    problems = list(_flags(ours, realm.name, insecure=insecure))
    yield from problems
    value = ours.partition(";")[0]
    if _ours(_get(base, path, {**navigation, "Cookie": value}), realm):
        yield (
            FAIL,
            _COOKIES,
            f"realm {realm.name}: our cookie does not come back; does the proxy drop Cookie, or cache?",
        )
    elif not problems:
        yield OK, _COOKIES, f"realm {realm.name}: {realm.cookie.name} comes with its flags, and comes back"


def _ours(answer: _Answer, realm: Realm) -> str:
    sent = [one for one in answer.all("set-cookie") if one.partition("=")[0].strip() == realm.cookie.name]
    return sent[-1] if sent else ""


def _flags(header: str, name: str, *, insecure: bool) -> Iterator[Finding]:
    """What RFC 6265bis asks of a ``__Host-`` cookie, and what keeps scripts and other sites away from it (F1)."""
    given = {part.strip().lower() for part in header.split(";")[1:]}
    wanted = {"path=/", "httponly", *([] if insecure else ["secure"])}
    for flag in sorted(wanted - given):
        yield FAIL, _COOKIES, f"realm {name}: our cookie comes without {flag}; the proxy must leave Set-Cookie alone"
    if not given & {"samesite=lax", "samesite=strict"}:
        yield FAIL, _COOKIES, f"realm {name}: our cookie comes without SameSite; the proxy must leave Set-Cookie alone"
    if any(flag.startswith("domain=") for flag in given):
        yield FAIL, _COOKIES, f"realm {name}: our cookie comes with a Domain; the proxy must leave Set-Cookie alone"


# -- one request


def _get(base: str, target: str, headers: Mapping[str, str]) -> _Answer:
    """One GET; nothing is followed. Raises OSError and HTTPException."""
    parts = urlsplit(base)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=_PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
    try:
        connection.request("GET", target, headers={**headers, "User-Agent": "tfa-doctor", "Connection": "close"})
        answer = connection.getresponse()
        return _Answer(answer.status, answer.getheaders(), answer.read(_LARGEST))
    finally:
        connection.close()


def _facts(answer: _Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
