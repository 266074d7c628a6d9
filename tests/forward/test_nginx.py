"""The configuration in examples/nginx, in Debian's nginx: the whole journey, and what nobody may reach."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from support.programs import need

from forward.front import EXAMPLES, SECRET, Person, Places, standing
from forward.journeys import Journeys

QUESTION = re.compile(r"(location = /_tfa/auth \{.*?proxy_pass) http://tfa_serve;", re.DOTALL)


def nginx(places: Places, asked: int = 0) -> list[str]:
    """The example with the ports of this test, without its certificate; another process is ``asked`` where there is
    one, as the docs tell."""
    text = (EXAMPLES / "nginx" / "tfa.conf").read_text(encoding="utf-8")
    if asked:
        upstream = f"upstream tfa_ask {{ server 127.0.0.1:{asked}; keepalive 16; }}\n"
        text = upstream + QUESTION.sub(r"\1 http://tfa_ask;", text)
    for before, after in (("8080", places.gate), ("5800", places.console)):
        text = text.replace(f"127.0.0.1:{before};", f"127.0.0.1:{after};")
    text = re.sub(r"ssl_certificate.*\n", "", text).replace("listen 443 ssl;", f"listen 127.0.0.1:{places.front};")
    folder = places.folder
    (folder / "tfa.conf").write_text(text)
    (folder / "tfa-secret.conf").write_text(f'proxy_set_header X-Tfa-Secret "{SECRET}";\n')
    temporary = "".join(
        f"{one}_temp_path {folder}/{one};\n" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\n{temporary}include tfa.conf;\naccess_log {folder}/access.log tfa;\n}}\n"
    )
    return [need("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    need("nginx")
    with standing(tmp_path_factory.mktemp("nginx"), nginx) as running:
        yield running


class TestNginx(Journeys):
    """Debian's nginx."""

    def test_the_body_of_a_get_reaches_no_public_path(self, places: Places) -> None:  # A6, case 97
        login = b"username=alice&password=right"
        kind = b"Content-Type: application/x-www-form-urlencoded"
        Person(places).get(b"/static/with-a-body", kind, body=login)
        assert [one["body"] for one in places.seen() if one["target"] == "/static/with-a-body"] in ([], [0])

    def test_the_log_says_who_it_was_and_no_cache_keeps_the_page(self, places: Places) -> None:  # K2, G8
        _, answer = Person(places).passes("hugo").get(b"/private")
        assert b"Cache-Control: private, max-age=60" in answer
        assert b"Vary: Cookie" in answer
        log = (places.folder / "access.log").read_text()
        assert '"hugo"' in log
        assert "sid=" not in log
