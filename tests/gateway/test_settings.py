"""The sections [gateway]: what refuses to start, what is advised, what ``tfa check`` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tfa_middleware
from tfa_middleware.advice import advise
from tfa_middleware.errors import ConfigError
from tfa_middleware.upstream_url import UpstreamUrl

REALM = "[realm:user]\npaths = /\nlogin = /login\n"


def read(folder: Path, text: str) -> tfa_middleware.settings.Settings:
    """The settings of one realm and ``text``."""
    (folder / "tfa.ini").write_text(REALM + text)
    return tfa_middleware.read(folder / "tfa.ini")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gateway]\nupstream = ftp://x\n", "upstream: expected http://HOST:PORT"),
        ("[gateway]\nupstream = http://bob:secret@x\n", "no user, no password"),
        ("[gateway]\nupstream = http://x/?a=b\n", "upstream: expected"),
        ("[gateway]\nupstream = http://x:99999\n", "upstream: expected"),
        ("[gateway]\nupstream = http://x/../y\n", "upstream: expected"),
        ("[gateway]\nupstream = http://x y\n", "upstream: expected"),
        ("[gateway]\nupstream = unix:relative.sock\n", "upstream: expected"),
        ("[gateway]\nhost = pass\npool = 1\n", "upstream: expected"),
        ("[gateway:one]\n", "[gateway:one] upstream: expected"),
        ("[gateway:One]\nupstream = http://x\n", "a console has a name of at most"),
        ("[gateway]\nupstream = http://x\nca_file = a.pem\n", "ca_file: only https has certificates"),
        ("[gateway]\nupstream = http://x\nread_timeout = 0\n", "read_timeout: expected a time of at least 1s"),
        ("[gateway]\nupstream = http://x\npaths = /a/../b\n", "is no plain path prefix"),
        ("[gateway]\nupstream = http://x\nmatch_host = A.test:80\n", "match_host: expected a host name"),
        ("[gateway]\nupstream = http://x\n[gateway:b]\nupstream = http://y\n", "[gateway] takes the same requests"),
        ("[gateway]\nupstream = http://x\n[serve]\napp = a:b\n", "two different things"),
        ("[gateway]\nupstream = http://x\nlisten = 127.0.0.1:1\n[serve]\nlisten = 127.0.0.1:2\n", "[serve] says where"),
        ("[gateway:a]\nupstream = http://x\nlisten = 127.0.0.1:1\n", "all consoles are served at one address"),
        ("[gateway]\nupstream = http://x\nverify = no\n", "verify: unknown key"),
    ],
)
def test_what_is_no_good_refuses_to_start(text: str, words: str, tmp_path: Path) -> None:  # case 109, K7
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)  # K1


def test_certificates_that_cannot_be_read_refuse_to_start(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    for name in ("bad.pem", "missing.pem"):
        read(tmp_path, f"[tfa]\nntp_server =\n[gateway]\nupstream = https://x\nca_file = {name}\n")
        with pytest.raises(ConfigError, match="holds no certificates"):
            tfa_middleware.gateway(tmp_path / "tfa.ini")


def test_without_a_console_there_is_no_gateway(tmp_path: Path) -> None:
    read(tmp_path, "[gateway]\n")
    with pytest.raises(ConfigError, match="it names the console"):
        tfa_middleware.gateway(tmp_path / "tfa.ini")


@pytest.mark.parametrize(
    ("text", "shown", "near"),
    [
        ("http://127.0.0.1:5800", "http://127.0.0.1:5800", True),
        ("http://localhost/", "http://localhost", True),
        ("http://[::1]:8080/app/", "http://[::1]:8080/app", True),
        ("https://console.example.com:443", "https://console.example.com", False),
        ("http://10.0.0.7", "http://10.0.0.7", False),
        ("unix:/run/console.sock", "unix:/run/console.sock", True),
        ("http+unix://%2Frun%2Fconsole.sock/app", "unix:/run/console.sock/app", True),
    ],
)
def test_addresses(text: str, shown: str, near: bool, tmp_path: Path) -> None:  # A20, case 102
    url = UpstreamUrl.parse(text)
    assert (url.shown, url.near) == (shown, near)
    warned = "in the clear" in " ".join(advise(read(tmp_path, f"[gateway]\nupstream = {text}\n")))
    assert warned is (url.scheme == "http" and not near)


def test_check_says_what_goes_where(tmp_path: Path) -> None:
    text = "[gateway]\nlisten = 127.0.0.1:9\nupstream = http://127.0.0.1:1\n"
    settings = read(tmp_path, text + "[gateway:b]\nupstream = unix:/run/b\npaths = /b\n")
    assert settings.serve.listen == "127.0.0.1:9"
    line = [sys.executable, "-m", "tfa_middleware.cli", "check", str(tmp_path / "tfa.ini")]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "/ goes to http://127.0.0.1:1\n" in said
    assert "/b goes to unix:/run/b\n" in said


def test_a_gateway_in_front_of_itself_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[gateway\] upstream: http://127\.0\.0\.1:8080 is where tfa serve itself"):
        read(tmp_path, "[gateway]\nupstream = http://127.0.0.1:8080\n")


@pytest.mark.parametrize("section", ["gateway", "serve"])
def test_a_wrong_address_to_listen_at_names_its_own_section(tmp_path: Path, section: str) -> None:
    text = {"gateway": "upstream = http://127.0.0.1:1\n", "serve": ""}
    text[section] += "listen = 8000\n"
    with pytest.raises(ConfigError, match=rf"\[{section}\] listen: expected HOST:PORT"):
        read(tmp_path, "".join(f"[{name}]\n{keys}" for name, keys in text.items()))
