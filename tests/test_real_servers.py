"""One journey before each real application, over sockets, by both servers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps.console import FIRST, Console
from apps.desk import everywhere
from apps.person import HOST, Person
from browser.phone import Phone
from support.remote import Remote
from support.servers import GRANIAN, GUNICORN, UWSGI, WAITRESS, Site, serving

pytestmark = everywhere
#: These keep their data in files of their own process.
ONE_WORKER = {"django-admin", "django-accounts", "rdiffweb"}


def ini(console: Console) -> str:
    """The console's settings as a file."""
    site = {"issuer": "Real Console", "ntp_server": "", "base_url": f"https://{HOST}"}
    sections = {"tfa": site, **console.sections, "mail": {"smtp": "file:mails"}}
    return "\n".join(
        f"[{section}]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())
        for section, keys in sections.items()
    )


@pytest.fixture(params=[WAITRESS, GUNICORN, GRANIAN, UWSGI])
def site(
    console: Console, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setenv("TFA_TEST_CONSOLE", console.name)
    workers = 1 if console.name in ONE_WORKER else 2
    with serving(request.param, ini(console), tmp_path, "apps.served:application", workers) as running:
        yield running


def enrolled(person: Person) -> Phone:
    """Enrol an authenticator app on the pages."""
    person.open_two_factor_page()
    person.post_start("totp", f"/_tfa/{person.console.realm}/")
    key = "".join(re.findall(r'class="secret"><code>([^<]+)', person.shown.text)[0].split())
    phone = Phone(key)
    person.press("confirm", code=phone.code())
    assert person.shown.text.count("<code>") == 10
    return phone


def test_the_whole_way(console: Console, site: Site) -> None:
    person, thief = Person(console, Remote(site.port)), Person(console, Remote(site.port))
    person.sign_in(password="wrong")
    assert console.error in person.shown.text
    person.sign_in()
    person.follow()
    phone = enrolled(person)
    person.sign_out()
    assert not person.is_inside()

    person.sign_in(password="wrong")
    assert console.error in person.follow().text
    person.get(console.entry)
    thief.take_cookies_of(person)
    person.fill_in(FIRST, console.passwords[FIRST])
    held = person.shown.headers.getall("Set-Cookie")
    assert [one.split("=")[0] for one in held] == [f"__Host-tfa-{console.realm}"]  # A9
    for path in (console.page, *console.others):
        for one in (person, thief):
            one.get(path)
            assert not one.sees()  # A1
    person.get(f"/_tfa/{console.realm}/challenge")
    person.press("verify", code=phone.wrong_code())
    assert person.shown.status_int == 403
    person.press("verify", code=phone.code())
    person.follow()
    assert person.is_inside()
    assert not thief.is_inside()

    person.sign_out()
    assert not person.is_inside()
    person.sign_in()
    assert person.shown.location == f"/_tfa/{console.realm}/challenge"  # A14
    person.answer(phone.code())
    person.follow()
    assert person.is_inside()

    lines = site.records.read_text().splitlines(keepends=True)
    site.records.write_text("".join(line for line in lines if f"\t{FIRST}\t" not in line))
    time.sleep(1.5)
    assert not person.is_inside()  # the set-up changed: every pass of the account ended
    person.sign_in()
    person.follow()
    assert person.is_inside()
