"""What the console shows: backup jobs, snapshots and files that look like those of a small office."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

GB, MB, KB = 1_000_000_000, 1_000_000, 1_000
UNITS = (("TB", 1_000 * GB), ("GB", GB), ("MB", MB), ("kB", KB))


@dataclass(frozen=True)
class Job:
    """One folder of one computer that is backed up regularly."""

    id: str
    name: str
    computer: str
    folder: str
    size: int
    files: int
    last: datetime
    result: str = "Completed"


@dataclass(frozen=True)
class File:
    """One file of a backup; ``path`` is below the job's folder."""

    path: str
    size: int
    changed: datetime


_JOBS = (  # id, name, computer, folder, bytes, files, hours since the last run, result
    ("documents", "Documents", "LAPTOP-7Q2", "C:\\Users\\{user}\\Documents", 48_210 * MB, 12_840, 5, "Completed"),
    ("pictures", "Pictures", "LAPTOP-7Q2", "C:\\Users\\{user}\\Pictures", 183_400 * MB, 31_077, 5, "Completed"),
    ("accounting", "Accounting", "OFFICE-PC", "D:\\Accounting", 6_730 * MB, 2_215, 17, "Completed with 2 warnings"),
    ("mail", "Mail archive", "OFFICE-PC", "D:\\Mail", 27_950 * MB, 418, 29, "Completed"),
    ("website", "Website", "web01", "/srv/www", 3_120 * MB, 9_604, 2, "Completed"),
)
_FILES = (  # path, bytes, days since the last change
    ("Contracts/Lease 2026.pdf", 412 * KB, 40),
    ("Contracts/Maintenance (signed).pdf", 1_904 * KB, 12),
    ("Contracts/Archive/Offer München.docx", 88 * KB, 380),
    ("Invoices/2026-01.xlsx", 64 * KB, 25),
    ("Invoices/2026-02.xlsx", 71 * KB, 3),
    ("Invoices/Reminder #2 & costs.txt", 2 * KB, 1),
    ("Plans/Server room.svg", 39 * KB, 90),
    ("Notes.txt", 5 * KB, 0),
    ("Passwords.kdbx", 23 * KB, 8),
)


class Catalogue:
    """The backups of every user; times are UTC and count from the console's start."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = (now or datetime.now(timezone.utc)).replace(microsecond=0)
        self._changed: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()

    def jobs(self, user: str) -> list[Job]:
        """The user's jobs, in a fixed order."""
        with self._lock:
            return [self._changed.get((user, row[0])) or self._job(user, row) for row in _JOBS]

    def job(self, user: str, job_id: str) -> Job | None:
        """One job by its id, or None."""
        return next((job for job in self.jobs(user) if job.id == job_id), None)

    def files(self, folder: str = "") -> tuple[list[str], list[File]]:
        """Sub-folders and files that lie directly in ``folder`` (of any job), each sorted."""
        start = f"{folder}/" if folder else ""
        below = [file for file in self._all_files() if file.path.startswith(start)]
        folders = {file.path[len(start) :].split("/")[0] for file in below if "/" in file.path[len(start) :]}
        return sorted(folders), [file for file in below if "/" not in file.path[len(start) :]]

    def file(self, path: str) -> File | None:
        """One file by its path, or None."""
        return next((file for file in self._all_files() if file.path == path), None)

    def received(self, user: str, job: Job, size: int) -> Job:
        """Count an upload of the backup client: one more file, the job ran now."""
        ran = replace(job, size=job.size + size, files=job.files + 1, last=datetime.now(timezone.utc))
        with self._lock:
            self._changed[user, job.id] = ran
        return ran

    def _job(self, user: str, row: tuple[str, str, str, str, int, int, int, str]) -> Job:
        job_id, name, computer, folder, size, files, hours, result = row
        last = self._now - timedelta(hours=hours, minutes=7 * len(name))
        return Job(job_id, name, computer, folder.replace("{user}", user), size, files, last, result)

    def _all_files(self) -> list[File]:
        return [File(path, size, self._now - timedelta(days=days, hours=3)) for path, size, days in _FILES]


def readable(size: int) -> str:
    """A size in bytes as a person reads it: ``48.2 GB``."""
    unit, factor = next(((unit, factor) for unit, factor in UNITS if size >= factor), ("bytes", 1))
    return f"{size / factor:.1f} {unit}" if factor > 1 else f"{size} {unit}"


def moment(time: datetime) -> str:
    """A time to the minute: ``2026-03-01 02:14 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M UTC")
