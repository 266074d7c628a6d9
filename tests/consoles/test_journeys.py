"""The whole way before every real console that was tried: what opens, what does not, and what is worth nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.phone import Phone
from support.servers import Site

from consoles.front import fronted
from consoles.person import PAGES, Visitor
from consoles.running import running
from consoles.table import CONSOLES, Console

METHODS = ("GET", "POST", "PUT", "PATCH", "OPTIONS")
CHALLENGE = f"{PAGES}challenge"


@pytest.fixture(params=CONSOLES, ids=str)
def console(request: pytest.FixtureRequest) -> Console:
    chosen: Console = request.param
    return chosen


@pytest.fixture
def journey(console: Console, tmp_path: Path) -> Iterator[Journey]:
    folder = tmp_path / "console"
    with running(console.script, folder, core=console.core, **console.environ) as port:
        gate = tmp_path / "gate"
        gate.mkdir()
        with fronted(console, port, gate) as site:
            yield Journey(console, port, site)


def test_the_whole_way(journey: Journey) -> None:
    journey.shows_the_consoles_own_error()
    phone = journey.enrols()
    early = journey.logs_in_at_the_console()
    person = journey.opens_nothing_before_the_code(phone)
    journey.takes_no_session_from_before(early, person)
    journey.serves_its_programs()
    journey.opens_by_no_other_door()
    journey.becomes_nobody_else(early)
    journey.ends_with_the_pass(person, phone)
    journey.logs_out_and_in_again(person, phone)


class Journey:
    """The steps, in their order: each begins where the one before it ended."""

    def __init__(self, console: Console, port: int, site: Site) -> None:
        self.console = console
        self.port = port
        self.site = site
        self.first = console.people[0]

    def person(self) -> Visitor:
        """Somebody with a new browser, at the gate."""
        return Visitor(self.console, self.site.port)

    def shows_the_consoles_own_error(self) -> None:
        person = self.person()
        person.sign_in(password="wrong")
        said = person.follow()
        assert self.console.error in said.text + said.headers.get("WWW-Authenticate", "")
        assert not person.is_inside(self.first)

    def enrols(self) -> Phone:
        """A person who has no factor yet logs in as always, and enrols one."""
        person = self.person()
        person.sign_in()
        person.follow()
        assert person.is_inside(self.first)
        phone = person.enrol()
        assert person.is_inside(self.first)
        person.sign_out()
        assert not person.is_inside(self.first)
        return phone

    def logs_in_at_the_console(self) -> Visitor:
        """A session that somebody made before there was a gate, or past it (case 7)."""
        early = Visitor(self.console, self.port)
        early.sign_in()
        assert early.is_inside(self.first)
        return early

    def opens_nothing_before_the_code(self, phone: Phone) -> Visitor:
        # A1, A9, cases 1 to 6
        person, thief, bare = self.person(), self.person(), self.person()
        person.sign_in()
        thief.take_cookies_of(person)
        bare.take_cookies_of(person, but="__Host-")
        assert person.waits()
        assert [one.split("=")[0] for one in person.shown.headers.getall("Set-Cookie")] == ["__Host-tfa-user"]
        for one in (person, thief, bare):
            self._finds_every_door_shut(one)
        person.get(CHALLENGE)
        person.press("verify", code=phone.wrong_code())
        assert person.shown.status_int == 403
        person.verify(phone.code())
        assert person.is_inside(self.first)
        for one in (thief, bare):
            assert not one.is_inside(self.first)
        return person

    def _finds_every_door_shut(self, one: Visitor) -> None:
        page = self.console.page
        odd = [f"/{page}", f"{page};x=1", f"/.{page}", f"/x/..{page}", page.replace("/", "/%2e/", 1), f"{page}%00"]
        stranger = self.person()
        for path in (page, *self.console.others, *odd):
            assert [method for method in METHODS if one.opens(path, method, self.first)] == []
            one.get(path)
            assert not one.sees(self.first)
            assert one.shown.status_int != 200 or stranger.get(path).status_int == 200, path

    def takes_no_session_from_before(self, early: Visitor, passed: Visitor) -> None:
        # law: a credential is forwarded only if the gate knows where it came from
        late = self.person()
        late.take_cookies_of(early)
        assert not late.is_inside(self.first)
        self._finds_every_door_shut(late)
        assert early.is_inside(self.first)
        assert passed.is_inside(self.first)

    def serves_its_programs(self) -> None:
        client = self.console.client
        if client is None:
            return
        program = self.person()
        more = {"body": client.body.encode(), "content_type": "text/xml"} if client.body else {}
        answer = program.fetch(client.path, "POST" if client.body else "GET", dict(client.headers), **more)
        assert client.told in answer.text
        assert program.cookies == {}
        assert not program.is_inside(self.first)

    def opens_by_no_other_door(self) -> None:
        """The right password, by every way that is known: nothing that opens comes back (A18, case 11)."""
        for door in self.console.doors:
            person = self.person()
            person.get(self.console.entry)
            path, body = door.filled(self.first)
            more = {"body": body.encode(), "content_type": door.kind} if body else {}
            answer = person.fetch(path, "POST" if body else "GET", **more)
            assert "authentication_token" not in answer.text, door
            assert self.console.mark(self.first) not in answer.text, door
            self._finds_every_door_shut(person)

    def becomes_nobody_else(self, early: Visitor) -> None:
        """Somebody with a pass of his own, and the password or a session of another account (case 13)."""
        if len(self.console.people) == 1:
            return
        second = self.console.people[1]
        person = self.person()
        person.sign_in(second)
        person.follow()
        assert person.is_inside(second)
        phone = person.enrol()
        person.post_login(self.first)
        assert not person.is_inside(self.first)
        self._finds_every_door_shut(person)
        person.get(CHALLENGE)
        if person.shown.status_int == 200:  # the other one's, or his own, where the console keeps who is logged in
            person.press("verify", code=phone.code())
            assert not person.is_inside(self.first)
        person = self.person()
        person.sign_in(second)
        person.get(CHALLENGE)
        person.verify(phone.code())
        assert person.is_inside(second)
        person.take_cookies_of(early)
        assert not person.is_inside(self.first)

    def ends_with_the_pass(self, person: Visitor, phone: Phone) -> None:
        """An operator ends the pass. The console knows the session still; it is worth nothing (A7)."""
        self.site.tfa("sessions", "user", self.first, "--end-all")
        past = Visitor(self.console, self.port)
        past.take_cookies_of(person, but="__Host-")
        assert past.is_inside(self.first)
        time.sleep(1.1)  # a worker looks once a second at most whether anything was revoked
        assert not person.is_inside(self.first)
        person.sign_in()
        assert person.waits()
        person.get(CHALLENGE)
        person.verify(phone.code())
        assert person.is_inside(self.first)

    def logs_out_and_in_again(self, person: Visitor, phone: Phone) -> None:
        person.sign_out()
        assert not person.is_inside(self.first)
        person.sign_in()
        person.get(CHALLENGE)
        person.press("method", kind="recovery")
        person.follow()
        person.verify(phone.recovery[0])
        assert person.is_inside(self.first)
