"""Presets: each is the body of a realm, checks clean in a short INI, says what it was tried with, and gives way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from consoles.table import CONSOLES

from tfa_middleware import config, preset
from tfa_middleware.cli import main
from tfa_middleware.config_values import keys_of
from tfa_middleware.errors import ConfigError
from tfa_middleware.realm_settings import RealmSettings

ROOT = Path(__file__).parent.parent
#: What a newcomer writes.
INI = """\
[tfa]
issuer = Console
base_url = https://console.example.com

[realm:user]
preset = {name}

[mail]
smtp = smtps://mail.example.com:465
{more}"""
EACH = pytest.mark.parametrize("name", preset.names())
#: What a preset must not decide: who is asked for what, and what goes past the second factor.
POLICY = {"preset", "policy", "verifiers", "enrolment", "strict", "exempt", "exempt_networks", "exempt_cookies", "link"}


def read(name: str, **keys: str) -> RealmSettings:
    """The realm of a preset and some keys of its own."""
    return config.from_dict({"realm:user": {"preset": name, **keys}}).realms[0]


def test_the_issues_consoles_have_one() -> None:
    wanted = "cacti calibre-web django-admin dokuwiki flask-login pgadmin rdiffweb tomcat-form trac"
    assert set(wanted.split()) <= set(preset.names())


@EACH
def test_a_short_ini_with_it_checks_clean(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "tfa.ini"
    file.write_text(INI.format(name=name, more="[gateway]\nupstream = http://127.0.0.1:5800\n"), encoding="utf-8")
    assert len([line for line in file.read_text().splitlines() if line]) <= 10
    assert main(["check", str(file)]) == 0
    assert "ok: " in capsys.readouterr().out


@EACH
def test_its_file_is_the_body_of_a_realm(name: str) -> None:
    text = preset.text(name)
    assert re.findall(r"^\[(.+)\]$", text, re.MULTILINE) == ["realm"]
    keys = re.findall(r"^(\w+) =", text, re.MULTILINE)
    assert {"paths", "login"} <= set(keys) <= set(keys_of(RealmSettings)) - POLICY
    assert not text.endswith("\n\n")
    assert [line for line in text.splitlines() if len(line) > 120] == []


@EACH
def test_its_head_says_what_it_is_for_and_what_it_was_tried_with(name: str) -> None:
    about, empty, *more = preset.notes(name)
    assert 10 <= len(about) <= 72
    assert not about.endswith(".")
    assert empty == ""
    assert re.match(r"Tried with .*\d", more[0])


@EACH
def test_it_was_tried_by_a_journey(name: str) -> None:
    assert name in {console.preset for console in CONSOLES}


def test_the_realms_own_keys_win_and_lists_replace() -> None:
    realm = read("pgadmin", login="/login /other", username="name", policy="required")
    assert realm.login == ("/login", "/other")
    assert (realm.username, realm.policy, realm.preset) == ("name", "required", "pgadmin")
    assert realm.whoami == "/browser/js/utils.js"


def test_an_empty_key_takes_one_away() -> None:
    realm = read("rdiffweb", whoami_pattern="", whoami_pointer="/user", public="")
    assert (realm.whoami_pattern, realm.whoami_pointer, realm.public) == (None, "/user", ())


@pytest.mark.parametrize("name", ["dokuwki", "../settings", "dokuwiki.ini", "Dokuwiki", "/etc/passwd"])
def test_an_unknown_one_refuses_to_start(name: str) -> None:  # K7
    with pytest.raises(ConfigError, match="no preset is called") as caught:
        read(name, paths="/", login="/login")
    assert (caught.value.section, caught.value.key) == ("realm:user", "preset")
    assert caught.value.nearest == ("" if "etc" in name or "settings" in name else "dokuwiki")


def test_a_wrong_key_beside_it_is_told_of_the_realm() -> None:
    with pytest.raises(ConfigError, match="unknown key") as caught:
        read("trac", looout="/logout")
    assert (caught.value.section, caught.value.key, caught.value.nearest) == ("realm:user", "looout", "logout")


def test_each_has_its_section_of_the_documentation() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "import declared; print('\\n'.join(declared.presets()))"],
        cwd=ROOT / "docs" / "ext",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r"^(\S+)\n-+$", shown, re.MULTILINE) == list(preset.names())
    assert ".. tfa-presets::" in (ROOT / "docs" / "presets.rst").read_text(encoding="utf-8")


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(preset.names())
    assert [line.split(maxsplit=1)[1] for line in lines] == [preset.notes(name)[0] for name in preset.names()]


def test_the_command_prints_one_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "trac"]) == 0
    assert capsys.readouterr().out == preset.text("trac")


def test_the_command_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found] == list(preset.names())
    assert all(set(one) == {"name", "about", "text"} for one in found)


def test_the_command_knows_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "tomcat"]) == 2
    assert "Did you mean 'tomcat-form'?" in capsys.readouterr().err
