"""The same races through gunicorn: three processes of four threads each, accounts in TFARecs.dat, store SQLite."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from attacks.wire import Client
from support.remote import Remote
from support.servers import GUNICORN, Site, serving
from support.together import at_once

from races.crowd import CHALLENGE, LONG, MANAGE, REFUSED, passed, send, token
from races.signed import ASKED, SERVED, lines
from tfa_middleware import read
from tfa_middleware.wiring import services

INI = """
[tfa]
insecure_dev = yes
ntp_server =
store = sqlite:tfa.sqlite3
[realm:user]
paths = /
login = /login
[verifier:totp]
use = races.signed:CountedTotp
[verifier:email]
use = races.signed:CountedEmail
[verifier:recovery]
use = races.signed:CountedRecovery
[mail]
smtp = file:mail
[limits]
mails_source_hour = 1000
"""
ROUNDS = 5 if LONG else 1


class Workers:
    """The server, and an operator's look at its folder."""

    def __init__(self, site: Site) -> None:
        self.site, self.remote = site, Remote(site.port)
        self.parts = services(read(site.folder / "tfa.ini"))
        self.accounts: Any = self.parts.map.realms["user"].accounts

    def client(self) -> Client:
        return Client(self.remote)

    def enrol(self, user: str) -> str:
        """All three kinds; the app's key."""
        secret = pyotp.random_base32()
        data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1"}
        self.accounts.add(user, self.accounts.new("totp", "Phone", data, ""))
        self.accounts.add(user, self.accounts.new("email", "mail", {"address": f"{user}@example.com"}, ""))
        return secret

    def recovery(self, user: str) -> str:
        made = self.accounts.verifiers["recovery"].finish_enrolment(self.accounts.get(user), {}, {}, None)
        self.accounts.add(user, self.accounts.new("recovery", made.label, made.data, ""))
        return str(made.show[0])

    def pending(self, user: str, kind: str) -> Client:
        client = self.client()
        assert client.login(user).location == CHALLENGE
        if kind != "totp":
            assert client.press("method", kind=kind).code in (200, 429)
        return client

    def mails(self, user: str) -> list[str]:
        texts = [path.read_text() for path in sorted((self.site.folder / "mail").glob("*.eml"))]
        return [text for text in texts if f"To: {user}@example.com" in text and re.search(r"#\d{6}\s*$", text)]

    def asked(self, kind: str) -> int:
        return Counter(lines(self.site.folder, ASKED))[kind]

    def served(self, user: str) -> int:
        return Counter(lines(self.site.folder, SERVED))[user]

    def passes(self, user: str) -> int:
        return len(list(self.parts.passes.list("user", user)))


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with serving(GUNICORN, INI, tmp_path_factory.mktemp("workers"), "races.signed:application", workers=3) as site:
        yield Workers(site)


def app_code(key: str) -> str:
    """Of this step or of the next one: good for 30 seconds and more."""
    return pyotp.TOTP(key).at(int(time.time()) + 15)


@pytest.mark.parametrize("kind", ["totp", "email", "recovery"])
def test_one_code_sent_50_times_at_once(kind: str, workers: Workers) -> None:  # cases 42 and 113, B1, C5, E6
    for number in range(ROUNDS):
        user = f"fifty-{kind}-{number}"
        key, paper = workers.enrol(user), workers.recovery(user)
        client = workers.pending(user, kind)
        code = {"totp": app_code(key), "email": (workers.mails(user) or [""])[-1].rstrip()[-6:], "recovery": paper}[
            kind
        ]
        fields = {"csrf_token": token(client), "action": "verify", "code": code}
        tabs = [client.copy() for _ in range(50)]
        assert passed(send(tabs, fields)) == 1
        assert workers.passes(user) == 1
        assert len([tab for tab in tabs if f"SECRET of {user}".encode() in tab.get("/private").body]) == 1
        assert workers.served(user) == 1


def test_200_wrong_codes_at_once(workers: Workers) -> None:  # cases 57, 60 and 113, D1
    for number in range(ROUNDS):
        user = f"guessed-{number}"
        workers.enrol(user)
        waiting = [workers.pending(user, "totp") for _ in range(10)]
        fields = [{"csrf_token": token(one), "action": "verify", "code": "000000"} for one in waiting]
        before = workers.asked("totp")
        replies = send([one.copy() for one in waiting for _ in range(20)], [one for one in fields for _ in range(20)])
        assert {reply.code for reply in replies} <= REFUSED
        # Ten are counted; where more than five of them fell on one login, that was over before they were looked at.
        assert 5 <= workers.asked("totp") - before <= 10
        assert workers.passes(user) == workers.served(user) == 0


def test_50_logins_at_once_mail_as_many_codes_as_the_limit_says(workers: Workers) -> None:  # C8, case 63
    user = "mailed"
    workers.accounts.add(user, workers.accounts.new("email", "mail", {"address": f"{user}@example.com"}, ""))
    replies = at_once([lambda: workers.client().login(user)] * 50)
    assert Counter(reply.code for reply in replies) == {303: 40, 429: 10}  # 40 wait at most
    assert len(workers.mails(user)) == 5


def test_20_requests_for_a_mail_at_once_send_one(workers: Workers) -> None:  # C8
    user = "resent"
    workers.enrol(user)
    client = workers.pending(user, "totp")
    fields = {"csrf_token": token(client), "action": "method", "kind": "email"}
    replies = send([client.copy() for _ in range(20)], fields)
    assert {reply.code for reply in replies} <= {200, 429}
    assert len(workers.mails(user)) == 1
    replies = send([client.copy() for _ in range(20)], {**fields, "action": "resend"})
    assert {reply.code for reply in replies} == {429}
    assert len(workers.mails(user)) == 1


def test_signing_out_everywhere_while_requests_fly(workers: Workers) -> None:  # A14
    user = "leaving"
    key = workers.enrol(user)
    client = workers.pending(user, "totp")
    assert client.press("verify", code=app_code(key)).code == 303
    out = {"csrf_token": token(client, MANAGE), "action": "sign_out_everywhere"}
    tabs = [client.copy() for _ in range(8)]

    def leave() -> None:
        time.sleep(0.1)
        assert client.post(MANAGE, out).code == 200

    def browse(tab: Client) -> None:
        for _ in range(15):
            assert tab.get("/private").code in (200, 303)

    at_once([leave, *(lambda tab=tab: browse(tab) for tab in tabs)])
    time.sleep(1.2)  # every worker looks within a second
    served = workers.served(user)
    for tab in tabs:
        assert [tab.get("/private").code for _ in range(6)] == [303] * 6
    assert (workers.passes(user), workers.served(user)) == (0, served)
