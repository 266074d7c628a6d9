"""No browser is ever remembered in place of the factor: it is asked at every login (cases 75, 76, 77 and 79)."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.apps import IN_PLACE, NEW, Console
from attacks.stage import Stage
from tfa_middleware import read
from tfa_middleware.errors import ConfigError

CHALLENGE = "/_tfa/user/challenge"


@pytest.mark.parametrize("habit", [NEW, IN_PLACE])
def test_the_factor_is_asked_at_every_login(habit: str, tmp_path: Path) -> None:  # A17, cases 75, 76, 77 and 79
    stage = Stage(tmp_path, Console(habit))
    client = stage.client()
    kept: dict[str, str] = {}
    for way in ("sign_out", "application", "idle", "login again"):
        assert client.login("alice").location == CHALLENGE, way
        wishes = {"trust": "on", "trusted": "1", "remember": "yes", "remember_device": "true", "days": "30"}
        assert client.press("verify", code=stage.code("alice"), **wishes).code == 303
        assert {line.partition("=")[0] for line in client.last.all("set-cookie")} <= {"sid", "tfa-user"}
        kept |= client.jar
        if way == "sign_out":
            client.press("sign_out", "/_tfa/user/")
        elif way == "application":
            client.get("/logout")
        elif way == "idle":
            stage.bench.clock.pass_by(86_401)
        stage.bench.next_step()
        client.jar |= {**kept, **client.jar}  # a browser that keeps every cookie it ever had
    served = stage.console.served["alice"]
    assert client.login("alice").location == CHALLENGE
    assert client.get("/private").code == 303
    assert stage.console.served["alice"] == served


@pytest.mark.parametrize(
    "name", ["trust", "trusted", "trusted_device", "remember", "remember_2fa", "tfa-trust", "mfa_ok"]
)
def test_no_cookie_or_field_stands_for_the_factor(name: str, tmp_path: Path) -> None:  # A17, cases 75 and 77
    stage = Stage(tmp_path)
    passed = stage.passed("mallory")
    for value in ("1", "alice", passed.jar["tfa-user"], f"alice.{passed.jar['tfa-user']}"):
        client = stage.client(**{name: value})
        assert client.login("alice").location == CHALLENGE
        assert client.get(f"/private?{name}={value}").code == 303
    stage.safe()


@pytest.mark.parametrize("key", ["remember", "trusted_browser", "trust_days", "remember_days", "skip"])
def test_no_setting_switches_it_on(key: str, tmp_path: Path) -> None:  # A17, cases 77 and 79
    path = tmp_path / "tfa.ini"
    path.write_text(f"[realm:user]\npaths = /\nlogin = /login\n{key} = 30\n")
    with pytest.raises(ConfigError, match=key):
        read(path)
