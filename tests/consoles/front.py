"""The gate before a console: ten lines of INI with its preset, served by ``tfa serve``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
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
"""


def ini(console: Console) -> str:
    """The settings before a console."""
    keys = {**({"preset": console.preset} if console.preset else {}), **console.keys}
    return INI.format(host=HOST, realm="\n".join(f"{key} = {value}" for key, value in keys.items()))


@contextmanager
def fronted(console: Console, port: int, folder: Path) -> Iterator[Site]:
    """A running gate before the console on this port."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFA_TEST_UPSTREAM", str(port))
        with serving(WAITRESS, ini(console), folder, "consoles.upstream:application") as site:
            yield site
