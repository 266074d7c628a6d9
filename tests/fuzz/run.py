"""Coverage-guided fuzzing of the targets: ``python tests/fuzz/run.py [TARGET ...] --seconds N [--corpus FOLDER]``.

It needs atheris, which has wheels for Linux on x86-64 with CPython 3.11 to 3.13: ``pip install -e .[test,fuzz]``.

Each target runs in a process of its own. A finding does not stop it: of every place that fails, the shortest input is
kept in ``tests/fuzz/found/TARGET/``, from where the tests replay it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
INSTALL = "atheris is not installed: pip install -e .[test,fuzz], with CPython 3.11 to 3.13 on Linux"
LONGEST = 4096  # octets of an input
MOST = 20  # places that fail, of one target


class Findings:
    """The shortest input of every place that failed."""

    def __init__(self, target: Callable[[bytes], None], folder: Path) -> None:
        self._target = target
        self._folder = folder
        self.known: dict[str, bytes] = {}

    def __call__(self, data: bytes) -> None:
        """Run the target once."""
        place = self.place(data)
        if place and (len(data) < len(self.known[place]) if place in self.known else len(self.known) < MOST):
            self._keep(place, data)

    def place(self, data: bytes) -> str:
        """Where the target fails and how; empty where it does not."""
        try:
            self._target(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            words = re.sub(r"'[^']*'|\"[^\"]*\"|x[0-9a-f]{2}|\d+", "", str(error).partition("\n")[0])[:60]
            return f"{type(error).__name__} {Path(last.filename).name}:{last.lineno} {words}"
        return ""

    def _keep(self, place: str, data: bytes) -> None:
        smaller = self.smallest(place, data)
        self.known[place] = smaller
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(place.encode()).hexdigest()[:10]
        (self._folder / name).write_bytes(smaller)
        print(f"FOUND {place}: {smaller!r}", flush=True)

    def smallest(self, place: str, data: bytes) -> bytes:
        """``data`` less all that does not matter for the failure at ``place``."""
        size = len(data) // 2
        while size:
            at = 0
            while at < len(data):
                shorter = data[:at] + data[at + size :]
                data, at = (shorter, at) if self.place(shorter) == place else (data, at + size)
            size //= 2
        return data


def fuzz(name: str, seconds: int, corpus: Path, found: Path) -> None:
    """Fuzz one target in this process; does not return."""
    import atheris

    sys.path.insert(0, str(HERE.parent))
    with atheris.instrument_imports(include=["tfa_middleware", "fuzz"]):
        from fuzz.targets import TARGETS
    seeds, words = HERE / "corpus" / name, HERE / "words.txt"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=1500"]
    folders = [str(corpus), *([str(seeds)] if seeds.is_dir() else [])]
    atheris.Setup([sys.argv[0], *options, f"-dict={words}", *folders], Findings(TARGETS[name], found))
    atheris.Fuzz()


def one_after_another(names: list[str], seconds: int, corpus: Path, found: Path) -> int:
    """Fuzz each target in a process of its own and print a line about it; the number of places that failed."""
    total = 0
    for name in names:
        command = [sys.executable, __file__, name, "--alone", "--seconds", str(seconds)]
        command += ["--corpus", str(corpus / name), "--found", str(found / name)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        lines = done.stdout.splitlines() + done.stderr.splitlines()
        places = {line.partition(": b")[0] for line in lines if line.startswith("FOUND")}
        last = [line for line in lines if "cov:" in line][-1:] or lines[-3:]
        print(f"{time.strftime('%Y-%m-%d %H:%M')} {name}: {' '.join(last)}; found {len(places)}", flush=True)
        for line in sorted(line for line in lines if line.startswith("FOUND")):
            print("   ", line[:400], flush=True)
        total += len(places)
    return total


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of them, if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--corpus", type=Path, help="where what covers more is kept (default: a new folder)")
    parser.add_argument("--found", type=Path, default=HERE / "found", help="where findings are kept")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    try:
        import atheris  # noqa: F401 - whether it is there
    except ImportError:
        print(INSTALL, file=sys.stderr)
        return 2
    corpus = given.corpus or Path(tempfile.mkdtemp(prefix="corpus-"))
    if given.alone:
        fuzz(given.targets[0], given.seconds, corpus, given.found)
    sys.path.insert(0, str(HERE.parent))
    from fuzz.targets import TARGETS

    unknown = sorted(set(given.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    return 1 if one_after_another(given.targets or list(TARGETS), given.seconds, corpus, given.found) else 0


if __name__ == "__main__":
    sys.exit(main())
