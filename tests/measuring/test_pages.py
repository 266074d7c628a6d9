"""The benchmark of the pages: the whole journey is gone, and each step of it has its line."""

from __future__ import annotations

from pathlib import Path

from benchmarks import pages


def test_every_step_has_its_line(tmp_path: Path) -> None:
    with pages.mail_server() as port:
        figures = pages.measured(1, tmp_path, port)
    names = [one.name for one in figures]
    assert len(names) == len(set(names)) > 35
    assert {"enrolment page with QR code", "new recovery codes", "address given: mail sent", "right code"} <= set(names)
    lines = pages.table(figures).splitlines()
    assert len(lines) == len(figures) + 4
    assert lines[-1].startswith("worst: ")


def test_the_table_names_what_is_over() -> None:
    figures = [pages.Figure("quick", 1.0, 2.0, 90.0), pages.Figure("slow", 26.0, 27.0, 28.0)]
    assert pages.table(figures).splitlines()[2:] == [
        "| quick | 1.0 | 2.0 | 90.0 |",
        "| slow | 26.0 | 27.0 | 28.0 |",
        "",
        "worst: slow, 26.0 ms; over 25 ms: slow",
    ]
