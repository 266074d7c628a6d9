"""What a worker loads, and when: libraries that cost memory come with the first thing that needs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import memory

#: Where each comes at last; what is not named here comes never.
COMES_WITH = {
    "sqlite3": "construction",
    "webob": "a login with both factors",  # with the style sheet of its page
    "http.client": "a login with both factors",  # of WebOb
    "jinja2": "a login with both factors",
    "pyotp": "a login with both factors",
    "segno": "an enrolment page with its QR code",
    "tfa_middleware.pages": "import",
}


@pytest.mark.parametrize(
    ("accounts", "sealed"), [(memory.TEXT, "construction"), (memory.STORE, "a login with both factors")]
)
def test_a_library_is_loaded_with_the_first_thing_that_needs_it(tmp_path: Path, accounts: str, sealed: str) -> None:
    # Each record of the text file is opened at start, so that it refuses to start with one that cannot be (K4).
    comes = {**COMES_WITH, "cryptography": sealed}
    loaded: dict[str, str] = {}
    moments = []
    for name, moment in memory.life(tmp_path, accounts):
        moments.append(name)
        for module in set(memory.HEAVY) & set(moment["modules"]):
            loaded.setdefault(module, name)
    assert len(moments) == 7
    early = {module: name for module, name in loaded.items() if moments.index(name) < moments.index(comes[module])}
    assert not early
    assert not set(loaded) - set(comes)


def test_the_table_has_a_line_for_each_moment() -> None:
    figures = memory.measured(1)
    assert len(figures) == 6
    lines = memory.table(figures).splitlines()
    assert [line.count("|") for line in lines] == [5] * 8
    assert lines[-1].startswith("| an enrolment page with its QR code | ")
    assert lines[-1].endswith("| segno |")
    # Less than nothing by a little is noise of the machine.
    assert all(-5 < size < 100 for one in figures.values() for size in (one.own, one.whole))
