"""PasteDeploy: the middleware as a filter before an application, set up in the same file or in one of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apps.beaker_site import BEAKER
from apps.person import Person
from paste.deploy import loadapp
from support.programs import oathtool

from tfa_middleware import TwoFactorMiddleware
from tfa_middleware.errors import ConfigError

PIPELINE = """\
[DEFAULT]
debug = false

[pipeline:main]
pipeline = tfa sessions console

[app:console]
paste.app_factory = apps.beaker_site:make

[filter:sessions]
use = egg:Beaker#beaker_session
beaker.session.type = file
beaker.session.data_dir = %(here)s/sessions

[filter:tfa]
use = egg:tfa_middleware#main
"""
OURS = """
[tfa]
issuer = 100 % Console
ntp_server =

[realm:user]
paths = /
login = /login          ; the entry page
policy = required
verifiers = totp recovery
"""
LOGGING = """
[loggers]
keys = root

[logger_root]
level = %(level)s
handlers =
"""


def together(folder: Path, text: str = OURS, more: str = "") -> Path:
    """One file with Paste's sections and ours."""
    path = folder / "site.ini"
    path.write_text(PIPELINE + more + text + LOGGING)
    return path


def apart(folder: Path, text: str = OURS) -> Path:
    """Paste's file, which names ours."""
    (folder / "tfa.ini").write_text(text)
    return together(folder, "", "config = %(here)s/tfa.ini\n")


def apart_by_a_relative_name(folder: Path, text: str = OURS) -> Path:
    """The same by a name that starts at the folder of Paste's file."""
    (folder / "tfa.ini").write_text(text)
    return together(folder, "", "config = tfa.ini\n")


def load(path: Path) -> Any:
    """What PasteDeploy makes of the file."""
    return loadapp(f"config:{path}")


Way = Callable[..., Path]
WAYS = pytest.mark.parametrize("way", [together, apart, apart_by_a_relative_name])


@WAYS
def test_a_login_through_the_pipeline(way: Way, tmp_path: Path) -> None:
    app = load(way(tmp_path))
    assert isinstance(app, TwoFactorMiddleware)
    person = Person(BEAKER, app)
    person.get(BEAKER.page)
    assert person.shown.location == "/login"
    person.sign_in(password="wrong")
    assert BEAKER.error in person.shown
    person.sign_in()
    person.follow()
    assert "100 % Console" in person.shown
    assert not person.is_inside()
    person.get("/_tfa/user/enrol")
    person.press("start", kind="totp")
    person.follow()
    key = person.shown.html.select_one(".secret code").get_text()
    person.press("confirm", code="000000")
    assert person.shown.status_int == 403
    assert not person.is_inside()
    person.get("/_tfa/user/enrol/totp")
    person.press("confirm", code=oathtool(key, time.time()))
    recovery = person.shown.html.select_one("ol.codes code").get_text()
    assert person.is_inside()
    person.sign_out()
    person.sign_in()
    person.follow()
    person.press("method", kind="recovery")
    person.press("verify", code=recovery)
    person.follow()
    assert person.is_inside()


@WAYS
def test_files_of_ours_start_at_the_folder_of_the_file(way: Way, tmp_path: Path) -> None:
    load(way(tmp_path))
    assert (tmp_path / "tfa.key").stat().st_mode & 0o777 == 0o600  # F6
    assert (tmp_path / "tfa.sqlite3").exists()


def test_a_name_that_is_relative_to_a_folder_is_found(tmp_path: Path) -> None:
    together(tmp_path)
    assert isinstance(loadapp("config:site.ini", relative_to=str(tmp_path)), TwoFactorMiddleware)


def test_here_stands_for_the_folder_in_our_sections_too(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    load(together(tmp_path, OURS.replace("[realm", "key_file = %(here)s/secret/one.key\n[realm", 1)))
    assert (tmp_path / "secret" / "one.key").exists()


class TestWhatRefusesToStart:  # K7, case 109
    def test_a_wrong_key_of_the_filter(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="the only key here is 'config'") as caught:
            load(together(tmp_path, more="confg = tfa.ini\n"))
        assert caught.value.key == "confg"
        assert caught.value.where == str(tmp_path / "site.ini")

    @WAYS
    def test_a_wrong_key_of_ours(self, way: Way, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(way(tmp_path, OURS.replace("policy =", "polcy =")))
        error = caught.value
        assert (error.section, error.key, error.nearest) == ("realm:user", "polcy", "policy")
        assert Path(error.where).parent == tmp_path
        assert not (tmp_path / "tfa.key").exists()

    @WAYS
    def test_a_section_that_nobody_knows(self, way: Way, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(way(tmp_path, OURS.replace("[realm:", "[relm:")))
        assert caught.value.nearest == "realm:user"

    @WAYS
    def test_no_realm(self, way: Way, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="nothing would be protected"):
            load(way(tmp_path, OURS.partition("[realm")[0]))

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            load(together(tmp_path, "", "config = other.ini\n"))
