"""The gateway before a console: a few lines of INI with its preset, served by ``tfa serve``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.person import HOST
from support.servers import WAITRESS, Site, serving

from consoles.table import Console

INI = """\
[tfa]
issuer = Real Console
base_url = https://{host}
ntp_server =

[realm:user]
{realm}

[mail]
smtp = file:mails

[gateway]
upstream = http://127.0.0.1:{port}
"""


def ini(console: Console, port: int) -> str:
    """The settings before a console on this port."""
    keys = {**({"preset": console.preset} if console.preset else {}), **console.keys}
    return INI.format(host=HOST, port=port, realm="\n".join(f"{key} = {value}" for key, value in keys.items()))


@contextmanager
def fronted(console: Console, port: int, folder: Path) -> Iterator[Site]:
    """A running gateway before the console on this port."""
    with serving(WAITRESS, ini(console, port), folder, "") as site:
        yield site
