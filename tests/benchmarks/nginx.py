"""nginx as the console of the proxies, and as the front server before it: alone, or asking the gate by the example.

Console and front server are processes of their own, with one worker each.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from benchmarks.sites import SESSION

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "nginx" / "tfa.conf"
SECRET = "front-server-secret-0123456789abcdef"
#: A console whose login everybody passes, and which says who it is to whoever has its session.
_CONSOLE = """
map $cookie_sid $me { default ""; "%(value)s" alice; }
server {
    listen 127.0.0.1:%(port)d;
    default_type text/html;
    location = /login {
        if ($request_method = POST) {
            add_header Set-Cookie "sid=%(value)s; Path=/; HttpOnly";
            return 303 /private;
        }
        return 200 "<form method=post><input name=username><input name=password type=password></form>";
    }
    location = /me { return 200 '<b id="me">$me</b>'; }
    location / { default_type text/plain; return 200 ok; }
}
"""
_ALONE = """
upstream tfa_console { server 127.0.0.1:5800; keepalive 16; }
server {
    listen 443 ssl;
    location / {
        proxy_pass http://tfa_console;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
    }
}
"""


def console(folder: Path, port: int) -> list[str]:
    """The command of a console; its settings are in the folder then."""
    return _prepared(folder, "console", _CONSOLE % {"port": port, "value": SESSION.partition("=")[2]})


def alone(folder: Path, port: int, console: int) -> list[str]:
    """The command of a front server that asks nobody."""
    return _prepared(folder, "alone", _placed(_ALONE, port, console))


def asking(folder: Path, port: int, console: int, gate: int, asked: int) -> list[str]:
    """The command of a front server that asks one process about each request, and sends what does not go straight to
    another, the ``gate``."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("127.0.0.1:8080;", f"127.0.0.1:{gate};")
    question = re.compile(r"(location = /_tfa/auth \{.*?proxy_pass) http://tfa_serve;", re.DOTALL)
    text = question.sub(r"\1 http://tfa_ask;", re.sub(r"ssl_certificate.*\n", "", text))
    text += f"upstream tfa_ask {{ server 127.0.0.1:{asked}; keepalive 16; }}\n"
    (folder / "tfa-secret.conf").write_text(f'proxy_set_header X-Tfa-Secret "{SECRET}";\n', encoding="utf-8")
    return _prepared(folder, "asking", _placed(text, port, console))


def _placed(text: str, port: int, console: int) -> str:
    return text.replace("127.0.0.1:5800;", f"127.0.0.1:{console};").replace("443 ssl;", f"127.0.0.1:{port};")


def _prepared(folder: Path, name: str, text: str) -> list[str]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{one}_temp_path {folder}/{one};\n" for one in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    path, log = folder / f"{name}.conf", folder / f"{name}.log"
    path.write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/{name}.pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\nkeepalive_requests 10000000;\n{temporary}{text}}}\n",
        encoding="utf-8",
    )
    return [shutil.which("nginx") or "nginx", "-p", str(folder), "-c", str(path), "-e", str(log)]
