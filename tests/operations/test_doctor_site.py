"""The doctor looks at a running site by its public address, through front servers good and bad."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import trustme
from support.front import Edit, Headers, front, same, well_behaved
from support.servers import WAITRESS, Site, free_port, serving

from tfa_middleware.cli import main

INI = """\
[tfa]
issuer = Looked at
ntp_server =
{more}
[realm:user]
paths = /
login = /login
[realm:admin]
paths = /admin
login = /admin/login
[mail]
smtp = file:mails
"""
Found = dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def believing(folder: Path, proxies: str) -> AbstractContextManager[Site]:
    """A site that believes these proxies."""
    return serving(
        WAITRESS, INI.format(more=f"trusted_proxies = {proxies}"), folder, "operations.slow_site:application"
    )


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that believes the proxies of this machine."""
    with believing(tmp_path_factory.mktemp("behind"), "127.0.0.1") as site:
        yield site


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that believes nobody."""
    with believing(tmp_path_factory.mktemp("alone"), "10.9.8.7") as site:
        yield site


class Doctor:
    """Calls the doctor beside a running site, with the address that people are told."""

    def __init__(self, ca: trustme.CA, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._ca, self._capsys = ca, capsys
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))

    def __call__(self, site: Site, base: str) -> tuple[int, Found]:
        ini = site.folder / "doctor.ini"
        shown = site.folder / "tfa.ini"
        ini.write_text(shown.read_text().replace("ntp_server =\n", f"ntp_server =\nbase_url = {base}\n"))
        self._capsys.readouterr()
        code = main(["doctor", str(ini), "--json"])
        found: Found = {}
        for one in json.loads(self._capsys.readouterr().out)["checks"]:
            found.setdefault(one["check"], []).append((one["level"], one["found"]))
        return code, found

    def through(self, site: Site, ask: Edit = well_behaved, answer: Edit = same, path: str = "") -> tuple[int, Found]:
        with front(self._ca, site.port, ask, answer, path) as base:
            return self(site, base)


@pytest.fixture
def doctor(
    ca: trustme.CA, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Doctor:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return Doctor(ca, capsys, tmp_path)


def levels(found: Found, check: str) -> set[str]:
    return {level for level, _ in found.get(check, [])}


def test_a_good_front_server_is_well(doctor: Doctor, behind: Site) -> None:
    code, found = doctor.through(behind)
    assert code == 0, found
    assert [levels(found, check) for check in ("site", "proxy", "cookies")] == [{"ok"}] * 3
    assert "this request came from 198.51.100.4" in found["proxy"][0][1]
    assert len(found["cookies"]) == 2


def without(name: str) -> Edit:
    """The headers of that name dropped."""
    return lambda headers: [one for one in headers if one[0].lower() != name]


def cut(flag: str, by: str = "") -> Edit:
    """``flag`` of every Set-Cookie replaced."""

    def edit(headers: Headers) -> Headers:
        return [(n, value.replace(flag, by) if n.lower() == "set-cookie" else value) for n, value in headers]

    return edit


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (cut("; Secure"), "without secure"),
        (cut("; HttpOnly"), "without httponly"),
        (cut("; SameSite=Lax"), "without SameSite"),
        (cut("; SameSite=Lax", "; SameSite=None"), "without SameSite"),
        (cut("Path=/", "Path=/console"), "without path=/"),
        (cut("; Secure", "; Secure; Domain=example.com"), "with a Domain"),
        (cut("__Host-", ""), "no cookie __Host-tfa-"),
        (without("set-cookie"), "no cookie __Host-tfa-"),
    ],
)
def test_a_front_server_that_changes_our_cookie_fails(doctor: Doctor, behind: Site, answer: Edit, says: str) -> None:
    # F1
    code, found = doctor.through(behind, answer=answer)
    assert (code, levels(found, "cookies")) == (1, {"failed"})
    assert says in found["cookies"][0][1]


def test_a_cookie_that_does_not_come_back_fails(doctor: Doctor, behind: Site) -> None:
    code, found = doctor.through(behind, ask=lambda headers: without("cookie")(well_behaved(headers)))
    assert (code, levels(found, "cookies")) == (1, {"failed"})
    assert "does not come back" in found["cookies"][0][1]


def test_a_host_that_is_not_passed_on_fails(doctor: Doctor, behind: Site) -> None:
    def localhost(headers: Headers) -> Headers:
        return [("Host", "127.0.0.1:8080"), *without("host")(well_behaved(headers))]

    code, found = doctor.through(behind, ask=localhost)
    assert (code, levels(found, "proxy")) == (1, {"failed"})
    assert "proxy_set_header Host" in found["proxy"][0][1]


def test_an_address_that_anybody_chooses_fails(doctor: Doctor, behind: Site) -> None:
    # case 61
    code, found = doctor.through(behind, ask=same)
    assert (code, levels(found, "proxy")) == (1, {"failed"})
    assert "anybody chooses his address" in found["proxy"][0][1]


def test_a_doctor_beside_a_trusted_proxy_is_no_forger(doctor: Doctor, behind: Site) -> None:
    def beside(headers: Headers) -> Headers:
        return [(name, value.replace("198.51.100.4", "127.0.0.1")) for name, value in well_behaved(headers)]

    code, found = doctor.through(behind, ask=beside)
    assert (code, levels(found, "proxy"), "192.0.2" in found["proxy"][0][1]) == (0, {"ok"}, False)


def test_a_proxy_that_names_nobody_is_a_warning(doctor: Doctor, behind: Site) -> None:
    code, found = doctor.through(behind, ask=without("x-forwarded-for"))
    assert (code, levels(found, "proxy")) == (0, {"warning"})
    assert "sends no X-Forwarded-For" in found["proxy"][0][1]


def test_a_proxy_that_is_not_listed_is_a_warning(doctor: Doctor, alone: Site) -> None:
    code, found = doctor.through(alone)
    assert (code, levels(found, "proxy")) == (0, {"warning"})
    assert "add 127.0.0.1 to trusted_proxies" in found["proxy"][0][1]


def test_a_scheme_of_the_clients_choice_is_a_warning(doctor: Doctor, behind: Site) -> None:
    def plain(headers: Headers) -> Headers:
        return [*without("x-forwarded-proto")(well_behaved(headers)), ("X-Forwarded-Proto", "http")]

    assert "let the proxy say https" in doctor.through(behind, ask=plain)[1]["proxy"][0][1]


def test_a_certificate_that_is_not_trusted_fails(
    doctor: Doctor, behind: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    code, found = doctor.through(behind)
    assert (code, levels(found, "site")) == (1, {"failed"})
    assert "certificate" in found["site"][0][1]


def test_where_nobody_answers_is_a_warning(doctor: Doctor, behind: Site) -> None:
    code, found = doctor(behind, f"https://localhost:{free_port()}")
    assert (code, levels(found, "site"), "proxy" in found) == (0, {"warning"}, False)


@pytest.mark.parametrize(
    ("path", "says"), [("/login", "does its proxy lead here?"), ("/home", "leads away, to /login")]
)
def test_an_address_that_leads_elsewhere_fails(doctor: Doctor, behind: Site, path: str, says: str) -> None:
    code, found = doctor.through(behind, path=path)
    assert (code, levels(found, "site")) == (1, {"failed"})
    assert says in found["site"][0][1]


def test_it_is_looked_at_without_tls_too(doctor: Doctor, behind: Site) -> None:
    assert levels(doctor(behind, f"http://127.0.0.1:{behind.port}")[1], "site") == {"ok"}


def test_a_service_with_another_store_is_noted(doctor: Doctor, behind: Site, alone: Site, ca: trustme.CA) -> None:
    with front(ca, behind.port) as base:
        code, found = doctor(alone, base)
    assert (code, levels(found, "proxy")) == (0, {"note"})
