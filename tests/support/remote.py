"""A server process as a WSGI application, so that the same browser walks the same journeys over a socket."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Remote:
    """``Remote(port)``: every call is one HTTP request to that port of this machine, as a TLS proxy would send it."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        target = quote(environ["PATH_INFO"].encode("latin-1"), safe="/;:@!$&'()*+,=~-._")
        target += f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(environ["REQUEST_METHOD"], target, body or None, _headers(environ))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason or 'No Reason'}", headers)  # Tomcat gives no reason
        return [content]


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    names = {key: key[5:].replace("_", "-").title() for key in environ if key.startswith("HTTP_")}
    headers = {name: environ[key] for key, name in names.items()}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return {**headers, "X-Forwarded-Proto": environ["wsgi.url_scheme"], "Connection": "close"}
