"""How other software reads cookies, bodies and paths: the parsers of real frameworks, and two that are written down."""

from __future__ import annotations

import io
import json
import posixpath
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote, unquote_plus

import webob.cookies
from attacks.apps import by_form, by_json
from attacks.lax import segments
from support.raw_wsgi import request as environ_of
from werkzeug.sansio.http import parse_cookie as by_werkzeug
from werkzeug.wrappers import Request as WerkzeugRequest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from django.conf import UserSettingsHolder, global_settings
    from django.conf import settings as django_settings
    from django.core.exceptions import SuspiciousOperation
    from django.core.handlers.wsgi import WSGIRequest
    from django.http.cookie import parse_cookie as by_django
    from django.http.multipartparser import MultiPartParserError
    from django.http.request import RawPostDataException
    from webob import Request as WebObRequest

Pairs = list[tuple[str, str]]

# -- cookies


def _standard(header: str) -> Pairs:
    try:
        return [(name, one.value) for name, one in SimpleCookie(header).items()]
    except CookieError:
        return []


def _webob(header: str) -> Pairs:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in webob.cookies.parse_cookie(header)]


def _werkzeug(header: str) -> Pairs:
    return list(by_werkzeug(header).items(multi=True))


def _django(header: str) -> Pairs:
    return list(by_django(header).items())


def _php(header: str) -> Pairs:
    """As PHP does it: parted at semicolons alone, folded names, values decoded; the first of a name counts."""
    found: dict[str, str] = {}
    for piece in header.split(";"):
        name, equals, value = piece.partition("=")
        name = re.sub(r"[. \[]", "_", name.lstrip().split("\x00")[0])
        if equals and name:
            found.setdefault(name, unquote_plus(value))
    return list(found.items())


def _old(header: str) -> Pairs:
    """As RFC 2965 has it, where a comma parts cookies too, outside quotes."""
    pieces = re.findall(r'(?:"(?:\\.|[^"\\])*"|[^;,])+', header)
    return [(name.strip(), value.strip()) for name, equals, value in (one.partition("=") for one in pieces) if equals]


#: name of the software -> its reading of a Cookie header
COOKIES: dict[str, Callable[[str], Pairs]] = {
    "http.cookies": _standard,
    "WebOb": _webob,
    "Werkzeug": _werkzeug,
    "Django": _django,
    "PHP": _php,
    "RFC 2965": _old,
}

# -- bodies


@contextmanager
def _django_by_default() -> Iterator[None]:
    """Django with its default settings, for a moment: elsewhere in this process a project may want its own."""
    before = django_settings._wrapped
    if not django_settings.configured:
        django_settings._wrapped = UserSettingsHolder(global_settings)
    try:
        yield
    finally:
        django_settings._wrapped = before


def _by_werkzeug(environ: dict[str, Any]) -> Pairs:
    request = WerkzeugRequest(environ)
    files = [(name, one.read().decode("utf-8", "replace")) for name, one in request.files.items(multi=True)]
    return [*request.form.items(multi=True), *files]


def _by_django(environ: dict[str, Any]) -> Pairs:
    with _django_by_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            request = WSGIRequest(environ)
            found = [(name, value) for name, values in request.POST.lists() for value in values]
            files = [(name, one) for name, several in request.FILES.lists() for one in several]
            return [*found, *((name, one.read().decode("utf-8", "replace")) for name, one in files)]
        except (SuspiciousOperation, MultiPartParserError, RawPostDataException, ValueError, LookupError):
            return []


def _by_webob(environ: dict[str, Any]) -> Pairs:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(WebObRequest(environ).POST.items())
    except (ValueError, LookupError, OSError, TypeError, DeprecationWarning):  # it raises the last one itself
        return []
    return [(name, one if isinstance(one, str) else one.value.decode("utf-8", "replace")) for name, one in found]


def _by_json(environ: dict[str, Any]) -> Pairs:
    try:
        found = json.loads(environ["wsgi.input"].read())
    except (ValueError, RecursionError):
        return []
    fields = found.items() if isinstance(found, dict) else ()
    return [
        (name, str(one)) for name, one in fields if isinstance(one, str | int | float) and not isinstance(one, bool)
    ]


def _by_door(door: Callable[[dict[str, Any], bytes], tuple[str, str] | None]) -> Callable[[dict[str, Any]], Pairs]:
    def read(environ: dict[str, Any]) -> Pairs:
        try:
            found = door(environ, environ["wsgi.input"].read())
        except (UnicodeError, RecursionError):
            return []
        return [("username", found[0]), ("password", found[1])] if found else []

    return read


#: name of the software -> the fields that it finds in the body of an environ
BODIES: dict[str, Callable[[dict[str, Any]], Pairs]] = {
    "Werkzeug": _by_werkzeug,
    "Django": _by_django,
    "WebOb": _by_webob,
    "json": _by_json,
    "any type as a form": _by_door(by_form()),
    "any type as JSON": _by_door(by_json()),
}


def posted(kind: str, query: str, body: bytes) -> dict[str, Any]:
    """The environ of a POST to the login page."""
    environ = environ_of("/login", "POST", body, QUERY_STRING=query, CONTENT_LENGTH=str(len(body)))
    return {**environ, "CONTENT_TYPE": kind, "wsgi.input": io.BytesIO(body)}


# -- paths


def _text(path: str) -> str:
    return path.encode("latin-1").decode("utf-8", "replace")


def _parts(path: str) -> list[str]:
    return [part for part in posixpath.normpath("/" + path.lstrip("/")).split("/") if part]


def _servlet(path: str) -> list[str]:
    return _parts("/".join(part.partition(";")[0] for part in unquote(path).split("/")))


def _laxest(path: str) -> list[str]:
    """`segments`, less the blanks within a name, which nothing is known to drop."""
    return segments(re.sub(r"(?<=[^/. ])(?: |%20)+(?=[^/. %])", "_", path))


#: name of the software -> the segments that it takes a path for
PATHS: dict[str, Callable[[str], list[str]]] = {
    "as it is": lambda path: [part for part in _text(path).split("/") if part],
    "normalised": lambda path: _parts(_text(path)),
    "decoded": lambda path: _parts(unquote(_text(path))),
    "decoded twice": lambda path: _parts(unquote(unquote(_text(path)))),
    "servlets": lambda path: _servlet(_text(path)),
    "backslashes": lambda path: _parts(unquote(_text(path)).replace("\\", "/")),
    "without case": lambda path: _parts(_text(path).lower()),
    "query and fragment": lambda path: _parts(re.split("[?#]", _text(path))[0]),
    "laxest": _laxest,
}
