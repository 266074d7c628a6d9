"""Other ways to write the same login, each of which some framework reads as such."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode

from attacks.wire import FORM
from zoo.knocks import JSON, Knock

MULTIPART = "multipart/form-data; boundary=B"


def spelled(knock: Knock, *, long: bool = False) -> Iterator[Knock]:
    """The login as it is, then in other words. ``long`` adds what is seldom of use."""
    yield knock
    yield replace(knock, path=knock.path + ("&" if "?" in knock.path else "?") + "next=/login")
    fields = _fields(knock)
    if fields:
        yield from _bodies(knock, fields)
        if long:
            yield from _seldom(knock, fields)
    if long:
        yield from (replace(knock, method=method) for method in ("PUT", "PATCH", "HEAD", "DELETE", "FOO", "post"))
        yield from (replace(knock, path=path) for path in _paths(knock.path))


def _fields(knock: Knock) -> dict[str, str]:
    text = knock.body.decode("latin-1")
    if knock.kind == JSON:
        return dict(json.loads(text)) if text else {}
    return dict(parse_qsl(text))


def _bodies(knock: Knock, fields: dict[str, str]) -> Iterator[Knock]:
    words, form = json.dumps(fields).encode(), urlencode(fields).encode()
    parts = b"".join(_part(name, value) for name, value in fields.items())
    mine = form.replace(b"alice", b"mallory")
    yield replace(knock, body=words, kind=JSON)
    yield replace(knock, body=words, kind=FORM)
    yield replace(knock, body=form, kind="text/plain")
    yield replace(knock, body=b'{"a": "&' + form + b'&"}', kind=JSON)
    yield replace(knock, body=_part("a", f"&{form.decode()}&") + b"--B--\r\n", kind=MULTIPART)
    yield replace(knock, body=parts + b"--B--\r\n", kind=MULTIPART)
    yield replace(knock, body=mine + b"&" + form, kind=FORM)
    yield replace(knock, body=form.replace(b"&", b";"), kind=FORM)
    yield replace(knock, body=form + b"&x=" + b"x" * 1_050_000, kind=FORM)
    yield replace(knock, body=form, kind=FORM, method="GET")
    yield replace(knock, body=form, kind=FORM, path=_with(knock.path, mine.decode()))
    yield replace(knock, body=form.replace(knock.password.encode() + b"=", b"+" + knock.password.encode() + b"="))


def _part(name: str, value: str) -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())


def _seldom(knock: Knock, fields: dict[str, str]) -> Iterator[Knock]:
    words, form = json.dumps(fields).encode(), urlencode(fields).encode()
    word = knock.password.encode() + b"="
    for name in (word.upper(), knock.password.encode() + b"[]=", knock.password.encode() + b"%00x=", b"%20" + word):
        yield replace(knock, body=form.replace(word, name), kind=FORM)
    yield replace(knock, body=words, kind="application/vnd.api+json")
    yield replace(knock, body=b"\xef\xbb\xbf " + words, kind=FORM)
    yield replace(knock, body=words, kind=JSON + "; charset=utf-7")
    yield replace(knock, body=b'{"username": "mallory", ' + words[1:], kind=JSON)
    yield replace(knock, body=form, kind="APPLICATION/X-WWW-Form-URLencoded ; charset=utf-8")
    yield replace(knock, body=form, kind="")
    yield replace(knock, body=form, kind=FORM, headers={**knock.headers, "HTTP_TRANSFER_ENCODING": "chunked"})
    yield replace(knock, body=form, kind=FORM, headers={**knock.headers, "HTTP_CONTENT_ENCODING": "identity"})
    yield replace(knock, body=gzip.compress(form), headers={**knock.headers, "HTTP_CONTENT_ENCODING": "gzip"})
    yield replace(knock, body=form, headers={**knock.headers, "HTTP_X_HTTP_METHOD_OVERRIDE": "GET"})
    yield replace(knock, body=b"", path=_with(knock.path, form.decode()))
    yield replace(knock, body=b"_=1", path=_with(knock.path, form.decode()), kind=FORM)


def _with(path: str, query: str) -> str:
    return path + ("&" if "?" in path else "?") + query


def _paths(path: str) -> Iterator[str]:
    stem, mark, query = path.partition("?")
    tail = mark + query
    yield from (one + tail for one in (stem + "/", stem.upper(), "/" + stem, "/." + stem, stem + ";x=1", stem + "/.."))
    yield from (one + tail for one in (f"/x/..{stem}", stem + "\x00", stem + "%00", quote(stem, safe=""), stem + "."))
