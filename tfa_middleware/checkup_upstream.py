"""The doctor's look behind the gateway: whether the console answers, and to whom else."""

from __future__ import annotations

import re
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tfa_middleware.cli_output import FAIL, NOTE, OK, WARN, Finding
from tfa_middleware.settings import Settings
from tfa_middleware.upstream_url import UpstreamUrl

_CHECK = "upstream"
_PATIENCE = 2.0


def look_behind(found: Settings) -> Iterator[Finding]:
    """Every console of the gateway, by the sockets of this machine. What a firewall keeps out is not seen from here."""
    for one in found.gateways:
        url = UpstreamUrl.parse(one.upstream)
        if url.socket:
            yield from _by_file(Path(url.socket))
        elif not url.near and not _is_ours(url.host):
            yield from _elsewhere(url)
        else:
            yield from _by_network(url, found.serve.listen)


def _by_file(path: Path) -> Iterator[Finding]:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    except OSError as error:
        yield FAIL, _CHECK, f"the console does not answer at {path} ({error.strerror}); start it"
        return
    if path.stat().st_mode & stat.S_IWOTH:
        yield WARN, _CHECK, f"everybody on this machine can go past the gateway by {path}; run: chmod o-w {path}"
    else:
        yield OK, _CHECK, f"the console answers at {path}, which is closed to others"


def _elsewhere(url: UpstreamUrl) -> Iterator[Finding]:
    if not _answers(url.host, url.port):
        yield FAIL, _CHECK, f"the console does not answer at {url.netloc}"
    text = f"the console is on another machine ({url.netloc}): whoever reaches it there goes past the gateway; let its"
    yield WARN, _CHECK, f"{text} firewall take connections from this machine alone"


def _by_network(url: UpstreamUrl, listen: str) -> Iterator[Finding]:
    if not _answers(url.host, url.port):
        yield FAIL, _CHECK, f"the console does not answer at {url.netloc}; start it"
        return
    if listen.rpartition(":")[2] == str(url.port):
        yield NOTE, _CHECK, f"gateway and console both use port {url.port}: who answers elsewhere was not looked at"
        return
    reached = [address for address in own_addresses() if _answers(address, url.port)]
    if reached:
        text = f"the console answers past the gateway, at port {url.port} of {' '.join(reached)}; let it listen at"
        yield WARN, _CHECK, f"{text} 127.0.0.1 alone, or close the port in the firewall"
    else:
        yield OK, _CHECK, f"the console answers at {url.netloc}, and at no other address of this machine"


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), _PATIENCE):
            return True
    except OSError:
        return False


def _is_ours(host: str) -> bool:
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found & own_addresses())


def own_addresses() -> set[str]:
    """The addresses of this machine that others on its networks can reach; from the kernel's tables where it is Linux,
    else what its own name resolves to."""
    found: set[str] = set()
    with suppress(OSError):
        table = Path("/proc/net/fib_trie").read_text(encoding="ascii")
        found.update(re.findall(r"\|-- ([\d.]+)\n +/32 host LOCAL", table))
    with suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines():
            found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])))
    if not found:
        with suppress(OSError):
            found.update(str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None))
    return {one for one in found if not one.startswith(("127.", "fe80:")) and one != "::1"}
