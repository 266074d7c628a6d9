"""The pages: templates in the person's language, refusals for scripts, redirects, the static files, and the headers
that all of them carry."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import webob

from tfa_middleware.i18n import SOURCE, languages
from tfa_middleware.settings import TfaSettings
from tfa_middleware.theme import theme_css

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DAY = 86400

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
#: REQUIREMENTS G5, G7, G8, G9. No Strict-Transport-Security: only the gateway knows that the site is on https.
SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Vary", "Cookie, Sec-Fetch-Mode, Accept, Accept-Language"),
    (
        "Content-Security-Policy",
        _CSP,
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
#: What a page may leave out. A form's token is not among them: a page with a form that lacks it is an error.
_DEFAULTS = {"user": "", "error": "", "notice": "", "link": "", "link_text": ""}


class _Response(webob.Response):  # type: ignore[misc]
    """A response whose Location stays as it is.

    WebOb would put the scheme and host that the server saw before it, and behind a proxy those are not the
    browser's. A relative reference is enough (RFC 9110 10.2.2).
    """

    def _abs_headerlist(self, _environ: dict[str, Any]) -> list[tuple[str, str]]:
        return list(self.headerlist)


class Pages:
    """Makes every answer of ours. A site's own ``template_dir`` comes before our templates, which it can extend as
    ``tfa/NAME``. Raises `ConfigError` when a setting or a site's template is wrong."""

    def __init__(self, tfa: TfaSettings, folder: Path) -> None:
        self._tfa = tfa
        self._static = _static_files(theme_css(tfa.colour))
        self._version = hashlib.sha256(b"".join(body for body, _, _ in self._static.values())).hexdigest()[:12]
        self._folder = folder
        self._environments: dict[str, jinja2.Environment] = {}
        if tfa.template_dir:
            from tfa_middleware.templating import check

            check(self._in(SOURCE))

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        language: str,
        base: str,
        headers: Sequence[tuple[str, str]] = (),
        form_hosts: Sequence[str] = (),
        **context: Any,
    ) -> webob.Response:
        """``template, facts -> an HTML page``. ``base`` is the realm's own root, such as ``/_tfa/admin/`` with the
        mount point before it; ``static_base`` in the context is where the static files are. ``form_hosts`` are where
        the answer to a form may redirect, beside this site: browsers hold form-action against that too (G6)."""
        language = language if language in languages() else SOURCE
        facts = {**_DEFAULTS, **self._site_facts(), **context, "lang": language, "base": base}
        text = self._in(language).get_template(template).render(facts)
        response = _answer(status, text, "text/html", headers)
        if form_hosts:
            wider = " ".join(("form-action 'self'", *(f"{host}:*" for host in form_hosts)))
            response.headers["Content-Security-Policy"] = _CSP.replace("form-action 'self'", wider)
        return response

    def refusal(
        self, status: int, error: str, location: str = "", headers: Sequence[tuple[str, str]] = ()
    ) -> webob.Response:
        """What a script gets in place of a page: JSON with the error's word and where to go (REQUIREMENTS G11)."""
        return _answer(status, json.dumps({"error": error, "location": location}), "application/json", headers)

    def facts(
        self, status: int, facts: Mapping[str, object], headers: Sequence[tuple[str, str]] = ()
    ) -> webob.Response:
        """A JSON object for programs that watch the service."""
        return _answer(status, json.dumps(facts), "application/json", headers)

    def see_other(self, location: str, headers: Sequence[tuple[str, str]] = ()) -> webob.Response:
        """A redirect by 303, so that nothing is posted twice (REQUIREMENTS G10). What a URL cannot hold is
        percent-encoded as UTF-8."""
        where = urllib.parse.quote(location, safe="%/:?#[]@!$&'()*+,;=~")
        return _answer(303, "", "text/plain", (("Location", where), *headers))

    def static(self, name: str) -> webob.Response | None:
        """A file of our static folder, or ``theme.css``; None where the name is not exactly one of them."""
        if name not in self._static:
            return None
        body, content_type, tag = self._static[name]
        response = _Response(body=body, content_type=content_type, conditional_response=True)
        response.charset = "UTF-8"
        response.etag = tag
        response.headers["Cache-Control"] = f"public, max-age={_DAY}"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def _in(self, language: str) -> jinja2.Environment:
        """The templates in a language, made at its first page: a worker that only forwards needs none."""
        if language not in self._environments:
            from tfa_middleware.templating import environment

            self._environments[language] = environment(self._tfa.template_dir, self._folder, language)
        return self._environments[language]

    def _site_facts(self) -> dict[str, str]:
        return {"issuer": self._tfa.issuer, "logo": self._tfa.logo, "version": self._version}


def _answer(status: int, text: str, content_type: str, headers: Iterable[tuple[str, str]]) -> webob.Response:
    response = _Response(body=text.encode(), status=status, content_type=content_type, charset="UTF-8")
    for name, value in (*SECURITY_HEADERS, *headers):
        _check_header(name, value)
        if name.lower() == "vary" and "Vary" in response.headers:
            response.headers["Vary"] += ", " + value
        else:
            response.headers.add(name, value)
    return response


def _check_header(name: str, value: str) -> None:
    # The value may be a secret cookie, so that only the name is told (H10, K1).
    if any(ord(character) > 255 or ord(character) < 32 or ord(character) == 127 for character in name + value):
        raise ValueError(f"header {name!r} holds a character that no header may")


def _static_files(theme: str) -> dict[str, tuple[bytes, str, str]]:
    files = {file.name: file.read_bytes() for file in (_HERE / "static").iterdir() if file.suffix in _TYPES}
    files["theme.css"] = theme.encode()
    return {
        name: (body, _TYPES[Path(name).suffix], hashlib.sha256(body).hexdigest()[:32]) for name, body in files.items()
    }
