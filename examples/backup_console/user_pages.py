"""The user's web pages: login, backups, the file browser, the profile."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from .catalogue import Catalogue, File, Job, moment, readable
from .http import Request, Response, page, redirect
from .markup import Html, badge, field, frame, link, login_form, notice, table, text
from .sessions import Passwords, Sessions


class UserPages:
    """What a user sees. Each method answers one address."""

    def __init__(self, catalogue: Catalogue, users: Passwords) -> None:
        self.catalogue = catalogue
        self.users = users
        self.sessions = Sessions("console_session")

    def login(self, request: Request) -> Response:
        """GET shows the form; a right password opens a session, a wrong one shows the form again."""
        name = request.form.get("username", "").strip()
        if request.method == "POST" and self.users.right(name, request.form.get("password", "")):
            return redirect(request, "/backups", cookies=(self.sessions.open(name),))
        error = "The user name or the password is wrong." if request.method == "POST" else ""
        return page(login_form(request, admin=False, error=error, name=name))

    def logout(self, request: Request) -> Response:
        """End the session."""
        return redirect(request, "/login", cookies=(self.sessions.close(request.cookies),))

    def backups(self, request: Request, name: str) -> Response:
        """The table of all backups."""
        jobs = self.catalogue.jobs(name)
        rows = [self._row(request, job) for job in jobs]
        total = readable(sum(job.size for job in jobs))
        body = table(
            ("Backup", "Computer", "Folder", "Size", "Files", "Last run", "Result"), rows, caption="Your backups"
        )
        intro = f"<p>{len(jobs)} backups, {total} on the server. Snapshots are kept for 90 days.</p>"
        return page(frame(request, "Backups", intro + body, name=name))

    def browse(self, request: Request, name: str) -> Response:
        """The files of one backup, one folder at a time."""
        job = self.catalogue.job(name, request.query.get("job", ""))
        folder = request.query.get("folder", "").strip("/")
        if job is None:
            return page(frame(request, "No such backup", "<p>Choose one from the list.</p>", name=name), status=404)
        folders, files = self.catalogue.files(folder)
        rows = [self._folder_row(request, job, folder, sub) for sub in folders]
        rows += [self._file_row(request, job, file) for file in files]
        place = f"{job.folder} / {folder}" if folder else job.folder
        body = table(("Name", "Size", "Changed"), rows, caption=place)
        return page(frame(request, f"{job.name}: files", self._trail(request, job, folder) + body, name=name))

    def download(self, request: Request, name: str) -> Response:
        """One file out of a backup; the content is made up."""
        job = self.catalogue.job(name, request.query.get("job", ""))
        file = self.catalogue.file(request.query.get("file", ""))
        if job is None or file is None:
            return page(frame(request, "No such file", "<p>Choose one from the list.</p>", name=name), status=404)
        last = file.path.split("/")[-1]
        header = ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(last)}")
        return Response(f"Restored from {job.name}: {file.path}\n".encode(), 200, "application/octet-stream", (header,))

    def profile(self, request: Request, name: str) -> Response:
        """The user's own data; a POST changes the password."""
        message, kind = self._change(request, name) if request.method == "POST" else ("", "done")
        form = (
            f'<form method="post" action="{text(request.url("/profile"))}"><h2>Change password</h2>'
            f"{field('Current password', 'current', kind='password', autocomplete='current-password', required=True)}"
            f"{field('New password', 'new', kind='password', autocomplete='new-password', required=True)}"
            '<button type="submit">Change</button></form>'
        )
        facts = (
            f"<dl><dt>User name</dt><dd>{text(name)}</dd><dt>Role</dt><dd>Backup user</dd>"
            "<dt>Quota</dt><dd>500 GB</dd></dl>"
        )
        return page(frame(request, "Profile", notice(message, kind) + facts + form, name=name))

    def _change(self, request: Request, name: str) -> tuple[str, str]:
        if not self.users.right(name, request.form.get("current", "")):
            return "The current password is wrong.", "error"
        if len(request.form.get("new", "")) < 8:
            return "The new password needs at least 8 characters.", "error"
        self.users.set(name, request.form["new"])
        return "Your password was changed.", "done"

    def _row(self, request: Request, job: Job) -> tuple[object, ...]:
        name = link(request, f"/backups/files?{urlencode({'job': job.id})}", job.name)
        size, last = readable(job.size), moment(job.last)
        return (
            name,
            job.computer,
            Html(f"<code>{text(job.folder)}</code>"),
            size,
            f"{job.files:,}",
            last,
            badge(job.result),
        )

    def _folder_row(self, request: Request, job: Job, folder: str, sub: str) -> tuple[object, ...]:
        inside = f"{folder}/{sub}" if folder else sub
        query = urlencode({"job": job.id, "folder": inside})
        return link(request, f"/backups/files?{query}", f"{sub}/"), "", ""

    def _file_row(self, request: Request, job: Job, file: File) -> tuple[object, ...]:
        query = urlencode({"job": job.id, "file": file.path})
        name = link(request, f"/backups/download?{query}", file.path.split("/")[-1])
        return name, readable(file.size), moment(file.changed)

    def _trail(self, request: Request, job: Job, folder: str) -> str:
        steps = [
            link(request, "/backups", "Backups"),
            link(request, f"/backups/files?{urlencode({'job': job.id})}", job.name),
        ]
        parts = folder.split("/") if folder else []
        for end in range(1, len(parts) + 1):
            query = urlencode({"job": job.id, "folder": "/".join(parts[:end])})
            steps.append(link(request, f"/backups/files?{query}", parts[end - 1]))
        items = "".join(f"<li>{step}</li>" for step in steps)
        return f'<nav aria-label="Folder"><ol class="trail">{items}</ol></nav>'
