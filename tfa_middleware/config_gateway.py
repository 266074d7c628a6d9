"""The sections [gateway] and [gateway:NAME]: what single values cannot tell."""

from __future__ import annotations

import re

from tfa_middleware.config_values import Place
from tfa_middleware.paths import address, folded
from tfa_middleware.settings import GatewaySettings, Settings
from tfa_middleware.upstream_url import UpstreamUrl

_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def section(one: GatewaySettings) -> str:
    """The section's name."""
    return f"gateway:{one.name}" if one.name else "gateway"


def listen_section(settings: Settings) -> str:
    """The section that says where to listen."""
    return "gateway" if any(one.listen for one in settings.gateways) else "serve"


def check_gateways(settings: Settings) -> None:
    """Raise `ConfigError` for the first contradiction in these sections."""
    if settings.gateways and settings.serve.app:
        problem = "[gateway] and [serve] app are two different things to put behind the login; choose one."
        raise Place(settings.source, section(settings.gateways[0])).error(problem, "upstream")
    for one in settings.gateways:
        if one.upstream.removeprefix("http://").rstrip("/") == settings.serve.listen:
            problem = f"{one.upstream} is where tfa serve itself listens; it would ask itself."
            raise Place(settings.source, section(one)).error(problem, "upstream")
    claimed: dict[tuple[str, tuple[str, ...]], str] = {}
    for one in settings.gateways:
        place = Place(settings.source, section(one))
        _check(one, place)
        for area in _areas(one):
            other = claimed.setdefault(area, section(one))
            if other != section(one):
                raise place.error(f"[{other}] takes the same requests; tell them apart.", "paths")


def _check(one: GatewaySettings, place: Place) -> None:
    try:
        url = UpstreamUrl.parse(one.upstream)
    except ValueError as error:
        raise place.error(f"expected {error}.", "upstream") from None
    if one.listen and one.name:
        raise place.error("all consoles are served at one address; say it in [serve].", "listen")
    for word in ("ca_file", "tls_name"):
        if getattr(one, word) and url.scheme != "https":
            raise place.error("only https has certificates.", word)
    for word in ("connect_timeout", "read_timeout"):
        if not getattr(one, word):
            raise place.error("expected a time of at least 1s.", word)
    _check_areas(one, place)


def _check_areas(one: GatewaySettings, place: Place) -> None:
    for path in one.paths:
        if "*" in path or address("", path.encode().decode("latin-1")).odd:
            raise place.error(f"{path!r} is no plain path prefix.", "paths")
    for host in one.match_host:
        if not _HOST.fullmatch(host):
            raise place.error(f"expected a host name in small letters, without a port, found {host!r}.", "match_host")


def _areas(one: GatewaySettings) -> list[tuple[str, tuple[str, ...]]]:
    return [(host, folded(path)) for host in one.match_host or ("",) for path in one.paths or ("/",)]
