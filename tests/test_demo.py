"""The demo: three minutes of a newcomer, from the first page to Ctrl-C."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener
from wsgiref.validate import validator

import pytest
from webtest import TestApp

from tfa_middleware.demo_mailbox import Mailbox
from tfa_middleware.mail import open_mailer
from tfa_middleware.model import Message
from tfa_middleware.settings import MailSettings

NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
BOB = {"username": "bob", "password": "battery staple"}


class Stay(HTTPRedirectHandler):
    """Redirects are looked at, not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Browser:
    """Cookies, forms and the address of the page that was seen last."""

    def __init__(self, site: str) -> None:
        self.url = site
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies), Stay())

    def open(self, address: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, Location and body."""
        self.url = urljoin(self.url, address)
        try:
            data = urlencode(form).encode() if form else None
            answer = self.opener.open(Request(self.url, data=data, headers=NAVIGATION), timeout=20)
        except HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers.get("Location", ""), answer.read().decode()

    def follow(self, address: str, form: dict[str, str] | None = None) -> str:
        """The page at the end of the redirects."""
        status, location, text = self.open(address, form)
        for _ in range(5):
            if not location:
                break
            status, location, text = self.open(location)
        assert status == 200
        return text

    def fill(self, page: str, **fields: str) -> str:
        """Send the first form of a page, with its hidden fields and its first button."""
        form = re.search(r"<form\b.*?</form>", page, re.DOTALL)
        assert form
        found = dict(re.findall(r'<input[^>]*?type="hidden"[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', form[0]))
        found |= dict(re.findall(r'<button[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', form[0])[:1])
        own = {name: unescape(value) for name, value in found.items()}
        action = re.search(r'action="([^"]*)"', form[0].split(">")[0])
        return self.follow(unescape(action[1]) if action else self.url, {**own, **fields})


class Demo:
    """A running ``tfa demo`` and what it printed."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-W", "error", "-W", "ignore:'cgi'", "-m", "tfa_middleware.cli", "demo", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # A demo that hangs must not hang the tests.
        self.alarm = threading.Timer(60, self.process.kill)
        self.alarm.start()
        assert self.process.stdout
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail(self.process.communicate()[1])
        self.site, self.mail = re.findall(r"http://127\.0\.0\.1:\d+(?=/(?:mailbox)?$)", self.printed, re.MULTILINE)
        self.folder = Path(str(re.search(r"Working folder +(.+)", self.printed)[1]))  # type: ignore[index]

    def stop(self, how: signal.Signals) -> tuple[int, str]:
        """Send a signal; the exit code and what was said on standard error."""
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=30)
        self.alarm.cancel()
        return self.process.returncode, errors


@pytest.fixture
def demo() -> Iterator[Demo]:
    running = Demo("--port", "0")
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGINT)
    running.alarm.cancel()


def app_code(demo: Demo) -> str:
    page = Browser(demo.mail).follow("/mailbox")
    code = re.search(r'class="code">([0-9 ]+)<', page)
    assert code
    return code[1]


def test_a_newcomer_sees_the_refusal_and_the_way_in(demo: Demo) -> None:
    browser = Browser(demo.site)
    challenge = browser.follow("/login", BOB)
    assert 'id="me"' not in challenge
    assert [cookie.name for cookie in browser.cookies if cookie.name == "console_session"] == []
    assert browser.open("/backups")[0] == 303
    assert '<b id="me">bob</b>' in browser.fill(challenge, code=app_code(demo))
    assert '<b id="me">bob</b>' in browser.follow("/profile")


def test_the_links_stand_where_the_guide_says(demo: Demo) -> None:
    user, admin = Browser(demo.site), Browser(demo.site)
    assert "Two-Factor Authentication" in user.follow("/login", {"username": "alice", "password": "correct horse"})
    admin.follow("/admin/login", {"user": "admin", "pass": "open sesame"})
    page = admin.follow("/admin/configuration?tab=security")
    assert page.index('name="admin_password"') < page.index("Two-Factor Authentication") < page.index('name="encrypt"')
    assert 'class="tfa-inline"' in page  # in its place, not in the corner


def test_deleting_the_line_lets_a_locked_out_user_in(demo: Demo) -> None:
    command = re.search(r"sed -i .+", demo.printed)
    assert command
    subprocess.run(command[0], shell=True, check=True)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if 'id="me">bob<' in Browser(demo.site).follow("/login", BOB):
            return
        time.sleep(0.3)
    pytest.fail("the line is gone, and bob is still asked")


def test_the_backup_client_is_not_challenged(demo: Demo) -> None:
    credentials, address = re.findall(r"curl -u '(.+)' (\S+)", demo.printed)[0]
    request = Request(address, headers={"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()})
    with build_opener().open(request, timeout=20) as answer:
        assert json.load(answer)["user"] == "alice"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_behind(demo: Demo, how: signal.Signals) -> None:
    assert demo.folder.stat().st_mode & 0o777 == 0o700
    assert (demo.folder / "TFARecs.dat").exists()
    code, _ = demo.stop(how)
    assert code == 0
    assert not demo.folder.exists()


def test_a_taken_port_is_replaced_and_a_kept_folder_stays(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = Demo("--port", str(port), "--keep", str(tmp_path / "kept"))
        code, errors = first.stop(signal.SIGINT)
    again = Demo("--port", "0", "--keep", str(tmp_path / "kept"))
    page = Browser(again.site).follow("/login", BOB)
    again.stop(signal.SIGINT)
    assert (code, first.folder) == (0, tmp_path / "kept")
    assert f"Port {port} is taken" in errors
    assert not first.site.endswith(f":{port}")
    assert 'id="me"' not in page  # bob's factor was kept


def test_the_mail_box_shows_the_newest_mail_first_and_no_markup_of_a_stranger(tmp_path: Path) -> None:
    mailer = open_mailer(MailSettings(smtp="file:."), tmp_path, "localhost")
    for subject in ("First", "Second <script>"):
        mailer.send(Message("alice@example.com", subject, "Code 123456 <b>\n"))
    box = Mailbox(tmp_path, {"b<ob": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}, clock=lambda: 59.0)
    page = TestApp(validator(box)).get("/mailbox").text
    assert page.index("Second &lt;script&gt;") < page.index("First")
    assert "Code 123456 &lt;b&gt;" in page
    assert "287 082" in page  # RFC 6238, appendix B: 94287082 at second 59
    assert "b&lt;ob" in page
    assert "GEZDGN" not in repr(box) + page


def test_the_mail_box_is_one_page(tmp_path: Path) -> None:
    box = TestApp(validator(Mailbox(tmp_path)))
    assert "No mail yet" in box.get("/")
    box.get("/favicon.ico", status=404)
    assert box.get("/style.css").content_type == "text/css"
