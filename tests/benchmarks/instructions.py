"""Instructions of a request, counted by valgrind: ``python tests/benchmarks/instructions.py``.

The same whatever else the machine does. Each subject runs twice, with so many requests and with twice as many; their
difference has no start of Python in it. What making an environ takes is counted too, and taken off.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.memory import TEXT, prepared

#: subject -> how many requests more, and what it is called.
SUBJECTS = {
    "environ": (400, ""),
    "bare": (400, "bare application"),
    "noop": (400, "no-op middleware"),
    "least": (400, "a copy, names, headers: the least of any gate"),
    "hot": (400, "ours, a passed request"),
    "other": (40, "ours, another Cookie header"),
    "cold": (40, "ours, after a revocation elsewhere"),
}
_COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")


def counted(subject: str, requests: int, folder: Path) -> int:
    """Instructions of a whole process, all threads. Raises `RuntimeError` where valgrind says no count."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, str(Path(__file__).with_name("counted.py")), subject, str(requests), str(folder)]
    fixed = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=fixed, capture_output=True, text=True, check=False)
    found = _COUNT.search(done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"{subject} was not counted:\n{done.stderr}")
    return int(found[1].replace(",", ""))


def measured(scale: float = 1.0, subjects: Iterable[str] = SUBJECTS) -> dict[str, float]:
    """subject -> instructions of one request without its environ, which is one of the ``subjects``; two processes at a
    time."""
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as beside:
        folder = Path(name)
        (folder / "cookie").write_text(prepared(folder, TEXT).cookie, "ascii")
        more = {subject: max(1, int(SUBJECTS[subject][0] * scale)) for subject in subjects}
        jobs = {
            (subject, times): beside.submit(counted, subject, times * requests, folder)
            for subject, requests in more.items()
            for times in (1, 2)
        }
        found = {key: job.result() for key, job in jobs.items()}
    each = {subject: (found[subject, 2] - found[subject, 1]) / more[subject] for subject in more}
    environ = each.pop("environ")
    return {subject: count - environ for subject, count in each.items()}


def table(figures: Mapping[str, float]) -> str:
    """The figures as a table of Markdown: in all, over the bare application, and in all as parts of a no-op's."""
    lines = ["| Instructions a request | total | over the bare one | total, in no-ops |", "| --- | --: | --: | --: |"]
    for subject, count in figures.items():
        over, ratio = count - figures["bare"], count / figures["noop"]
        lines.append(f"| {SUBJECTS[subject][1]} | {count:,.0f} | {over:,.0f} | {ratio:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Count and print; where there is no valgrind, say so."""
    argparse.ArgumentParser(description="Counts the instructions of a request.").parse_args()
    if shutil.which("valgrind") is None:
        print("left out: instructions (valgrind is not installed)", file=sys.stderr)
        return
    print(table(measured()))


if __name__ == "__main__":
    main()
