"""Programs beside the browser: the backup client is never asked for a code, and nobody rides on its exemption."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from support.servers import Site

from browser.chrome import Chrome
from browser.conftest import Serve
from browser.journeys import enrol_app
from browser.sites import COOKIES_SEEN

BASIC = {"Authorization": "Basic " + base64.b64encode(b"alice:correct horse").decode()}


class Answer(NamedTuple):
    status: int
    body: bytes
    cookies_seen: str
    location: str


def ask(site: Site, path: str, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        seen, location = response.getheader(COOKIES_SEEN) or "", response.getheader("Location") or ""
        return Answer(response.status, response.read(), seen, location)
    finally:
        connection.close()


def test_the_backup_client_is_never_challenged(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    site = serve(user="policy = optional")
    browser = chrome.start(site.url)
    browser.login("alice", "correct horse")
    enrol_app(browser, tmp_path)
    stolen = browser.take_cookies()
    jar = "; ".join(f"{one['name']}={one['value']}" for one in stolen)
    assert "console_session=" in jar

    assert json.loads(ask(site, "/api/v1/jobs", BASIC).body)["user"] == "alice"
    upload = ask(site, "/api/v1/upload?job=documents", BASIC, "POST", b"x" * 300_000)
    assert (upload.status, json.loads(upload.body)["stored"]) == (201, 300_000)
    assert ask(site, "/api/v1/jobs", {}).status == 401

    # A browser's cookies do not get through where no code is asked, not even beside a right password.
    for headers in ({"Cookie": jar}, {"Cookie": jar, **BASIC}):
        answer = ask(site, "/api/v1/jobs", headers)
        assert (answer.status, answer.cookies_seen) == (200 if BASIC.items() <= headers.items() else 401, "")
    # The password of the client opens nothing else, and the console's own session id alone neither.
    raw = next(f"{one['name']}={one['value']}" for one in stolen if one["name"] == "console_session")
    for headers in (BASIC, {"Cookie": raw}, {"Cookie": raw, **BASIC}):
        for path in ("/backups", "/profile", "/api/../backups", "/api/%2e%2e/backups", "//backups"):
            answer = ask(site, path, headers)
            assert (answer.status in (303, 400, 403), b"LAPTOP" in answer.body) == (True, False), path
    assert ask(site, "/backups", {"Cookie": jar}).status == 200  # the whole jar is the browser
