"""The pages: templates in the person's language, refusals for scripts, redirects, the static files, and the headers
that all of them carry."""

from __future__ import annotations

import functools
import hashlib
import json
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfa_middleware.hold import App, Environ, StartResponse
from tfa_middleware.i18n import SOURCE, languages
from tfa_middleware.response import Reply, answer
from tfa_middleware.settings import TfaSettings
from tfa_middleware.theme import theme_css

if TYPE_CHECKING:
    from tfa_middleware.rendering import Templates

_DAY = 86400
_HERE = Path(__file__).parent
#: Headers of a question for a file that are not looked at: its tag says it all, and a part of it nobody needs.
_UNREAD = ("HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
#: REQUIREMENTS G5, G7, G8, G9. No Strict-Transport-Security: only the gateway knows that the site is on https.
SECURITY_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Vary", "Cookie, Sec-Fetch-Mode, Accept, Accept-Language"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
#: What a page may leave out. A form's token is not among them: a page with a form that lacks it is an error.
_DEFAULTS = {"user": "", "error": "", "notice": "", "link": "", "link_text": ""}


class Pages:
    """Makes every answer of ours. A site's own ``template_dir`` comes before our templates, which it can extend as
    ``tfa/NAME``. Raises `ConfigError` when a setting or a site's template is wrong."""

    def __init__(self, tfa: TfaSettings, folder: Path) -> None:
        self._tfa = tfa
        self._static = _static_files(theme_css(tfa.colour))
        self._version = hashlib.sha256(b"".join(body for body, _, _ in self._static.values())).hexdigest()[:12]
        self._folder = folder
        if tfa.template_dir:  # ours are known to be right, and wait for the first page
            self._templates.check()

    @functools.cached_property
    def _templates(self) -> Templates:
        from tfa_middleware.rendering import Templates

        return Templates(self._tfa.template_dir, self._folder)

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
    ) -> Reply:
        """``template, facts -> an HTML page``. ``base`` is the realm's own root, such as ``/_tfa/admin/`` with the
        mount point before it; ``static_base`` in the context is where the static files are. ``form_hosts`` are where
        the answer to a form may redirect, beside this site: browsers hold form-action against that too (G6)."""
        language = language if language in languages() else SOURCE
        facts = {**_DEFAULTS, **self._site_facts(), **context, "lang": language, "base": base}
        text = self._templates.render(template, language, facts)
        wider = " ".join(("form-action 'self'", *(f"{host}:*" for host in form_hosts)))
        return _answer(status, text, "text/html", headers, _CSP.replace("form-action 'self'", wider))

    def refusal(self, status: int, error: str, location: str = "", headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """What a script gets in place of a page: JSON with the error's word and where to go (REQUIREMENTS G11)."""
        return _answer(status, json.dumps({"error": error, "location": location}), "application/json", headers)

    def facts(self, status: int, facts: Mapping[str, object], headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """A JSON object for programs that watch the service."""
        return _answer(status, json.dumps(facts), "application/json", headers)

    def see_other(self, location: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """A redirect by 303, so that nothing is posted twice (REQUIREMENTS G10). What a URL cannot hold is
        percent-encoded as UTF-8."""
        where = urllib.parse.quote(location, safe="%/:?#[]@!$&'()*+,;=~")
        return _answer(303, "", "text/plain", (("Location", where), *headers))

    def static(self, name: str) -> App | None:
        """A file of our static folder, or ``theme.css``; None where the name is not exactly one of them."""
        if name not in self._static:
            return None
        return _file(*self._static[name])

    def _site_facts(self) -> dict[str, str]:
        return {"issuer": self._tfa.issuer, "logo": self._tfa.logo, "version": self._version}


def _answer(status: int, text: str, content_type: str, headers: Iterable[tuple[str, str]], policy: str = _CSP) -> Reply:
    return answer(status, text, content_type, (("Content-Security-Policy", policy), *SECURITY_HEADERS, *headers))


def _file(body: bytes, content_type: str, tag: str) -> App:
    """A file of ours, which browsers may keep for a day, and ask for again where it changed."""
    import webob  # 2 MiB, with the first of them only

    response = webob.Response(body=body, content_type=content_type, conditional_response=True)
    response.charset = "UTF-8"
    response.etag = tag
    response.headers["Cache-Control"] = f"public, max-age={_DAY}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"

    def whole(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asked = {key: value for key, value in environ.items() if key not in _UNREAD}
        answer: Iterable[bytes] = response(asked, start_response)
        return answer

    return whole


def _static_files(theme: str) -> dict[str, tuple[bytes, str, str]]:
    files = {file.name: file.read_bytes() for file in (_HERE / "static").iterdir() if file.suffix in _TYPES}
    files["theme.css"] = theme.encode()
    return {
        name: (body, _TYPES[Path(name).suffix], hashlib.sha256(body).hexdigest()[:32]) for name, body in files.items()
    }
