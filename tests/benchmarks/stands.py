"""What is built up to be asked: servers with an application, proxies before a console, somebody who passed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
from support.browser import Browser
from support.remote import Remote
from support.servers import free_port

from benchmarks import nginx
from benchmarks.load import Target
from benchmarks.processes import Memory, memory, started
from benchmarks.sites import CONSOLE, SITE
from benchmarks.wsgi_servers import OTHER, Server, installed, missing, servers

INI = """\
[tfa]
insecure_dev = yes
ntp_server =
{tfa}
[realm:user]
paths = /
login = /login
policy = required
{realm}
"""
WHOAMI = 'whoami = /me\nwhoami_pattern = id="me">([^<]+)<'
ALONE = "nginx, proxy_pass"
TFA_SERVE = [sys.executable, "-m", "tfa_middleware.cli", "serve", "tfa.ini"]
#: As it is, and kept on one processor, as ``CPUAffinity=`` of systemd does.
_OURS: dict[str, Callable[[int], list[str]]] = {
    "the gateway, tfa serve": lambda _: TFA_SERVE,
    "the gateway, tfa serve, on one processor": lambda _: ["taskset", "--cpu-list", "0", *TFA_SERVE],
}
VISITOR = "theme=dark"
UNSEEN = "saying yes unseen"
NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class Site:
    """A folder with settings, in which one person has an authenticator app."""

    folder: Path
    secret: str

    def entered(self, port: int) -> str:
        """The Cookie header of the person after a login with both factors."""
        browser = Browser(Remote(port))
        browser.login("alice")
        browser.answer(pyotp.TOTP(self.secret).now())
        page = browser.follow()
        assert (page.status_int, page.body) == (200, b"ok"), page
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


@dataclass
class Pair:
    """One server twice, bare and wrapped, and what the workers held."""

    targets: list[Target]
    memory: dict[str, Memory] = field(default_factory=dict)


def site(folder: Path, name: str, *, tfa: str = "", realm: str = "", more: str = "") -> Site:
    """A site in a folder of its own."""
    from tfa_middleware import read
    from tfa_middleware.wiring import services

    own = folder / "".join(letter if letter.isalnum() else "-" for letter in name)
    own.mkdir()
    (own / "gunicorn.conf.py").write_text("control_socket_disable = True\n", encoding="utf-8")
    (own / "forward.secret").write_text(nginx.SECRET, encoding="utf-8")
    (own / "forward.secret").chmod(0o600)
    (own / "tfa.ini").write_text(INI.format(tfa=tfa, realm=realm) + more, encoding="utf-8")
    accounts = services(read(own / "tfa.ini")).map.realms["user"].accounts
    secret = pyotp.random_base32()
    data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1"}
    accounts.add("alice", accounts.new("totp", "Phone", data, ""))
    return Site(own, secret)


def run(
    server: Server, where: Site, kind: str, running: ExitStack, environ: Mapping[str, str] = NONE
) -> tuple[int, int]:
    """Port and process of a server with a site of this kind."""
    port = free_port()
    return port, running.enter_context(started(server.command(port), port, where.folder, **{SITE: kind, **environ}))


def pair(folder: Path, server: Server, running: ExitStack) -> Pair:
    """A server with the application, and with the application behind the middleware; memory as it grew."""
    where = site(folder, server.name)
    with ExitStack() as before:  # what is compiled once for all starts, is not held by later ones
        run(server, where, "wrapped", before)
    (bare, first), (wrapped, second) = (run(server, where, kind, running) for kind in ("bare", "wrapped"))
    held = {"bare": memory(first)}
    visited(wrapped)
    held["before the first login"] = memory(second)
    cookie = where.entered(wrapped)
    targets = [Target(server.name, bare, cookie), Target(f"{server.name}, wrapped", wrapped, cookie, server.name)]
    held["after a login by TOTP"] = memory(second)
    return Pair(targets, held)


def visited(port: int) -> None:
    """Somebody without a session asks for a page, and is sent to the login."""
    page = Browser(Remote(port)).get("/private")
    assert (page.status_int, page.headers["Location"]) == (303, "/login"), page


def proxies(folder: Path, running: ExitStack) -> list[Target]:
    """Proxies before one console: nginx, WSGIProxy2 where it is installed, and our gateway."""
    under = ALONE if OTHER in missing() else OTHER
    console, targets = _console(folder, running, under)
    if under == OTHER:
        port, _ = run(servers()[0], site(folder, OTHER), "wsgiproxy", running, {CONSOLE: f"http://127.0.0.1:{console}"})
        targets.append(Target(OTHER, port, VISITOR))
    others = {f"the gateway on {one.name}": one.command for one in installed() if one.name != "waitress"}
    for name, command in (_OURS | others).items():
        port = free_port()
        where = site(folder, name, more=f"[gateway]\nlisten = 127.0.0.1:{port}\n{_upstream(console)}")
        running.enter_context(started(command(port), port, where.folder, **{SITE: "gateway"}))
        targets.append(Target(name, port, where.entered(port), under))
    return targets


def fronts(folder: Path, running: ExitStack) -> list[Target]:
    """nginx before one console, and nginx that asks an endpoint about each request, on every server: ours, and one that
    only says yes. ``tfa serve`` has what does not go straight."""
    console, targets = _console(folder, running)
    cookie = ""
    for server in installed():
        for name, kind in ((server.name, "gateway"), (f"{server.name}, {UNSEEN}", "yes")):
            port, gate, asked = free_port(), free_port(), free_port()
            forward = "[forward_auth]\nsecret_file = forward.secret\n"
            more = f"{forward}[gateway]\nlisten = 127.0.0.1:{gate}\n{_upstream(console)}"
            where = site(folder, name, tfa="trusted_proxies = 127.0.0.1", realm=WHOAMI, more=more)
            running.enter_context(started(TFA_SERVE, gate, where.folder))
            running.enter_context(started(server.command(asked), asked, where.folder, **{SITE: kind}))
            running.enter_context(started(nginx.asking(where.folder, port, console, gate, asked), port, where.folder))
            cookie = where.entered(port) if kind == "gateway" else cookie  # the other gets the same ones
            targets.append(Target(f"nginx, auth_request to {name}", port, cookie, ALONE))
    return targets


def _console(folder: Path, running: ExitStack, under: str = "") -> tuple[int, list[Target]]:
    """The port of a console, and nginx that asks nobody before it."""
    console, port = free_port(), free_port()
    running.enter_context(started(nginx.console(folder, console), console, folder))
    running.enter_context(started(nginx.alone(folder, port, console), port, folder))
    return console, [Target(ALONE, port, VISITOR, under)]


def _upstream(console: int) -> str:
    return f"upstream = http://127.0.0.1:{console}\n"
