"""The units, the image and their settings agree with each other, with the source tree and with what runs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from support.programs import need
from support.servers import WAITRESS, serving

from tfa_middleware import config
from tfa_middleware.settings import ServeSettings, Settings

ROOT = Path(__file__).parent.parent.parent
SYSTEMD, DOCKER = ROOT / "examples" / "systemd", ROOT / "examples" / "docker"
STATE = "/var/lib/tfa"
REALM = "[realm:user]\npaths = /\nlogin = /login\n[tfa]\nntp_server =\n"


def lines_of(path: Path) -> list[str]:
    """A file's lines without comments, continued ones joined."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


# -- settings


@pytest.mark.parametrize("folder", [SYSTEMD, DOCKER])
def test_the_settings_keep_everything_in_the_folder_of_the_service(folder: Path) -> None:
    found = config.read(folder / "tfa.ini")
    for written in (found.tfa.key_file, found.tfa.accounts, found.tfa.store.partition(":")[2]):
        assert Path(written).parent == Path(STATE)
    assert found.serve.access_log == "-"
    assert found.gateways
    assert found.tfa.hosts
    assert found.tfa.trusted_proxies
    assert not found.tfa.insecure_dev


# -- systemd


class Unit(ConfigParser):
    """A unit file; keys that come twice are joined."""

    def __init__(self, path: Path) -> None:
        super().__init__(interpolation=None, strict=False)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read_string("\n".join(lines_of(path)))


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program in the place of ours, which is not installed where they look for it."""
    for path in SYSTEMD.glob("tfa.s*"):
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/tfa/bin/tfa", "/bin/true"))
    return tmp_path


def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    command = [need("systemd-analyze"), "verify", "--man=no", "tfa.service", "tfa.socket"]
    done = subprocess.run(command, cwd=units, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_finds_little_that_the_service_could_do_elsewhere(units: Path) -> None:
    command = [need("systemd-analyze"), "security", "--offline=yes", "--threshold=15", "tfa.service"]
    done = subprocess.run(command, cwd=units, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:]


def test_the_service_is_nobody_and_writes_its_own_folder_alone() -> None:
    service = Unit(SYSTEMD / "tfa.service")["Service"]
    assert service["User"] not in ("", "root")
    assert f"/var/lib/{service['StateDirectory']}" == STATE == service["WorkingDirectory"]
    assert (service["ProtectSystem"], service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == (
        "strict",
        "yes",
        "",
    )
    assert (service["UMask"], service["StateDirectoryMode"]) == ("0077", "0700")
    assert "ReadWritePaths" not in service


def test_the_service_gives_requests_their_time_and_says_when_it_is_ready() -> None:
    service = Unit(SYSTEMD / "tfa.service")["Service"]
    assert service["Type"] == "notify"
    assert int(service["TimeoutStopSec"]) > ServeSettings().stop_time
    assert service["ExecStart"].split()[1:] == ["serve", "/etc/tfa/tfa.ini"]
    found = config.read(SYSTEMD / "tfa.ini")
    assert Unit(SYSTEMD / "tfa.socket")["Socket"]["ListenStream"] == found.serve.listen


# -- docker


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (word, rest)."""
    split = [line.strip().partition(" ") for line in lines_of(DOCKER / "Dockerfile")]
    return [(word, rest.strip()) for word, _, rest in split]


def last_stage() -> dict[str, str]:
    """The instructions of the image itself; of one that comes twice the last."""
    found = instructions()
    start = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return dict(found[start:])


def docker_settings() -> Settings:
    return config.read(DOCKER / "tfa.ini")


def test_the_image_runs_as_nobody_of_importance() -> None:
    stage = last_stage()
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", stage["USER"])
    assert [word for word, rest in instructions() if word == "USER" and "root" in rest] == []
    assert list(stage).index("USER") < list(stage).index("CMD")
    assert json.loads(stage["VOLUME"]) == [STATE] == [stage["WORKDIR"]]
    assert stage["STOPSIGNAL"] == "SIGTERM"


def test_the_image_knows_no_secret_and_fetches_nothing_by_itself() -> None:
    # K1
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    assert {word for word, _ in instructions()} == known | {"ENTRYPOINT", "CMD"}
    text = (DOCKER / "Dockerfile").read_text()
    assert not re.search(r"(?i)password|secret|token|curl|wget|sudo|chmod 777|:latest|http://(?!127\.0\.0\.1)", text)
    bases = [rest for word, rest in instructions() if word == "ARG"]
    assert [re.fullmatch(r"PYTHON=python:3\.\d+-slim", one) is not None for one in bases] == [True]


def test_the_image_is_built_from_what_setup_needs_and_no_more() -> None:
    copied = [shlex.split(rest) for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = {one for words in copied for one in words[:-1]}
    assert all((ROOT / one).exists() for one in sources)
    assert "." not in sources
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    folders = {setup["options"]["package_dir"].partition("=")[2].strip(), "tfa_middleware"}
    assert folders | {"setup.cfg", "pyproject.toml", "README.md", setup["metadata"]["license_files"]} == sources
    let_in = {line[1:] for line in lines_of(DOCKER / "Dockerfile.dockerignore") if line.startswith("!")}
    assert let_in == sources
    assert lines_of(DOCKER / "Dockerfile.dockerignore")[0] == "*"


def test_image_settings_and_compose_agree() -> None:
    stage, compose = last_stage(), (DOCKER / "compose.yml").read_text()
    port = docker_settings().serve.listen.rpartition(":")[2]
    assert docker_settings().serve.listen.startswith("0.0.0.0:")
    assert stage["EXPOSE"] == port
    assert f'ports: ["127.0.0.1:8080:{port}"]' in compose
    assert f"127.0.0.1:{port}{docker_settings().tfa.prefix}health" in stage["HEALTHCHECK"]
    assert f"./tfa.ini:{json.loads(stage['CMD'])[1]}:ro" in compose
    assert f"state:{STATE}" in compose


def test_compose_lets_nobody_past_the_gateway() -> None:
    text = "\n".join(lines_of(DOCKER / "compose.yml"))
    gateway, console = text.partition("\n  tfa:")[2].split("\n  console:")
    console = console.partition("\nnetworks:")[0]
    assert "ports:" not in console
    assert "networks: [behind]" in console
    assert "behind:\n    internal: true" in text
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert line in gateway
    upstream = docker_settings().gateways[0].upstream
    assert upstream.startswith("http://console:")


def test_the_health_check_of_the_image_tells_good_from_bad(tmp_path: Path) -> None:
    words = json.loads(last_stage()["HEALTHCHECK"].partition("CMD ")[2])
    assert words[0] == "python"
    with serving(WAITRESS, REALM, tmp_path, "operations.slow_site:application") as site:
        command = [sys.executable, *(word.replace(":8080", f":{site.port}") for word in words[1:])]
        assert subprocess.run(command, capture_output=True).returncode == 0
    assert subprocess.run(command, capture_output=True).returncode == 1
