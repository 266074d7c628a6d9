"""The ways in: an INI file, a PasteDeploy file, or settings made in Python."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from tfa_middleware import config
from tfa_middleware.accesslog import AccessLog, opened
from tfa_middleware.advice import advise
from tfa_middleware.clock import start_check
from tfa_middleware.errors import ConfigError
from tfa_middleware.hold import App
from tfa_middleware.middleware import TwoFactorMiddleware
from tfa_middleware.replies import Replies
from tfa_middleware.services import Services
from tfa_middleware.settings import Settings
from tfa_middleware.wiring import services

__all__ = ["filter_app_factory", "gateway", "load", "logged", "services", "wrap"]

_LOG = logging.getLogger("tfa_middleware")


def load(app: App, path: str | Path, *, paste: bool = False) -> TwoFactorMiddleware:
    """The middleware around ``app`` as an INI file says. Raises `ConfigError`, `KeyFileError` or `RecordError`."""
    return wrap(app, config.read_paste(path) if paste else config.read(path))


def gateway(path: str | Path) -> App:
    """The gateway that an INI file describes, for any WSGI server: ``gunicorn 'tfa_middleware:gateway("tfa.ini")'``.

    The access log of [serve] is around it. Raises `ConfigError`, `KeyFileError` or `RecordError`.
    """
    settings = config.read(path)
    return logged(wrap_upstreams(settings), settings)


def wrap_upstreams(settings: Settings) -> TwoFactorMiddleware:
    """The middleware around the consoles of the [gateway] sections. Raises `ConfigError` where there is none."""
    if not settings.gateways:
        raise ConfigError(
            "the key is missing; it names the console.", where=settings.source, section="gateway", key="upstream"
        )
    try:
        from tfa_middleware.reverse_proxy import ReverseProxy
    except ImportError:
        problem = "this needs urllib3, of the extra 'gateway': pip install urllib3."
        raise ConfigError(problem, where=settings.source, section="gateway") from None
    parts = services(settings)
    return wrap(ReverseProxy(settings, Replies(parts).upstream_failed), settings, parts)


def wrap(app: App, settings: Settings, parts: Services | None = None) -> TwoFactorMiddleware:
    """The middleware around ``app`` as settings say; what stays open is logged, and the clock is looked at."""
    middleware = TwoFactorMiddleware(app, settings, parts)
    for advice in advise(settings):
        _LOG.warning("%s", advice)
    start_check(settings.tfa.ntp_server)
    return middleware


def logged(app: App, settings: Settings) -> App:
    """``app`` with the access log of [serve] around it; ``app`` itself where that names none. Raises `ConfigError`."""
    if not settings.serve.access_log:
        return app
    return AccessLog(app, opened(settings.serve.access_log, settings.folder), settings.tfa.trusted_proxies)


def filter_app_factory(app: App, global_conf: Mapping[str, str], **local_conf: str) -> TwoFactorMiddleware:
    """PasteDeploy's ``paste.filter_app_factory``. ``config = FILE`` names an INI of our own; without it our sections
    are read from the PasteDeploy file itself."""
    unknown = sorted(set(local_conf) - {"config"})
    where = global_conf.get("__file__", "")
    if unknown:
        raise ConfigError("the only key here is 'config'.", where=where, section="filter", key=unknown[0])
    if "config" in local_conf:
        return load(app, Path(global_conf.get("here", ".")) / local_conf["config"])
    return load(app, where, paste=True)
