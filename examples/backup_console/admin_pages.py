"""The administration console: login, dashboard, users, configuration in tabs, log."""

from __future__ import annotations

from .catalogue import Catalogue, moment, readable
from .http import Request, Response, page, redirect
from .markup import badge, checkbox, field, frame, link, login_form, notice, table, text
from .sessions import Passwords, Sessions

TABS = (("general", "General"), ("security", "Security"), ("storage", "Storage"), ("email", "Email"))
FIELDS = {  # tab -> label, name, value
    "general": (("Server name", "server_name", "backup01.example.com"), ("Web port", "web_port", "5800")),
    "storage": (("Repository", "repository", "/srv/backups"), ("Keep snapshots (days)", "keep_days", "90")),
    "email": (("Mail server", "mail_server", "mail.example.com"), ("Report to", "report_to", "office@example.com")),
}


class AdminPages:
    """What an administrator sees. Each method answers one address."""

    def __init__(self, catalogue: Catalogue, users: Passwords, admins: Passwords) -> None:
        self.catalogue = catalogue
        self.users = users
        self.admins = admins
        self.sessions = Sessions("console_admin")

    def login(self, request: Request) -> Response:
        """GET shows the form; a right password opens a session, a wrong one shows the form again."""
        name = request.form.get("user", "").strip()
        if request.method == "POST" and self.admins.right(name, request.form.get("pass", "")):
            return redirect(request, "/admin", cookies=(self.sessions.open(name),))
        error = "The user name or the password is wrong." if request.method == "POST" else ""
        return page(login_form(request, admin=True, error=error, name=name))

    def logout(self, request: Request) -> Response:
        """End the session."""
        return redirect(request, "/admin/login", cookies=(self.sessions.close(request.cookies),))

    def dashboard(self, request: Request, name: str) -> Response:
        """How the server does, at a glance."""
        jobs = [job for user in self.users.names() for job in self.catalogue.jobs(user)]
        used = sum(job.size for job in jobs)
        facts = (
            ("Users", str(len(self.users.names()))), ("Backups", str(len(jobs))), ("Stored", readable(used)),
            ("Warnings", str(sum("warning" in job.result for job in jobs))),
        )  # fmt: skip
        tiles = "".join(f"<div><dt>{label}</dt><dd>{text(value)}</dd></div>" for label, value in facts)
        share = min(100, used * 100 // 2_000_000_000_000)
        disk = (
            f'<p><label for="disk">Repository, {share} % of 2.0 TB</label>'
            f'<meter id="disk" min="0" max="100" value="{share}">{share} %</meter></p>'
        )
        return page(frame(request, "Dashboard", f'<dl class="tiles">{tiles}</dl>{disk}', name=name, admin=True))

    def user_list(self, request: Request, name: str) -> Response:
        """All backup users; a POST adds one."""
        message, kind = self._add(request) if request.method == "POST" else ("", "done")
        rows = [self._user_row(user) for user in self.users.names()]
        body = table(("User name", "Backups", "Stored", "Last run"), rows, caption="Backup users")
        form = (
            f'<form method="post" action="{text(request.url("/admin/users"))}"><h2>Add a user</h2>'
            f"{field('User name', 'new_user', required=True)}"
            f"{field('Password', 'new_password', kind='password', autocomplete='new-password', required=True)}"
            '<button type="submit">Add</button></form>'
        )
        return page(frame(request, "Users", notice(message, kind) + body + form, name=name, admin=True))

    def configuration(self, request: Request, name: str) -> Response:
        """The settings, one tab at a time; ``?tab=security`` holds the Admin Password."""
        tab = request.query.get("tab", "general")
        if tab not in dict(TABS):
            return page(frame(request, "No such tab", self._tabs(request, ""), name=name, admin=True), status=404)
        message, kind = self._save(request, tab, name) if request.method == "POST" else ("", "done")
        fields = (
            self._security() if tab == "security" else "".join(field(*row[:2], value=row[2]) for row in FIELDS[tab])
        )
        form = (
            f'<form method="post" action="{text(request.url(f"/admin/configuration?tab={tab}"))}">{fields}'
            '<button type="submit">Save</button></form>'
        )
        body = self._tabs(request, tab) + notice(message, kind) + form
        return page(frame(request, "Configuration", body, name=name, admin=True))

    def log(self, request: Request, name: str) -> Response:
        """The latest runs of all users, newest first."""
        runs = [(job, user) for user in self.users.names() for job in self.catalogue.jobs(user)]
        runs.sort(key=lambda run: run[0].last, reverse=True)
        rows = [(moment(job.last), user, job.computer, job.name, badge(job.result)) for job, user in runs]
        body = table(("Time", "User", "Computer", "Backup", "Result"), rows, caption="Latest runs")
        return page(frame(request, "Log", body, name=name, admin=True))

    def _security(self) -> str:
        return (
            f"{field('Admin Password', 'admin_password', kind='password', autocomplete='new-password')}"
            f"{checkbox('Encrypt data on the server', 'encrypt')}{checkbox('Clients must use HTTPS', 'https_only')}"
        )

    def _save(self, request: Request, tab: str, name: str) -> tuple[str, str]:
        new = request.form.get("admin_password", "") if tab == "security" else ""
        if new and len(new) < 8:
            return "The admin password needs at least 8 characters.", "error"
        if new:
            self.admins.set(name, new)
        return ("The admin password was changed." if new else "Saved."), "done"

    def _add(self, request: Request) -> tuple[str, str]:
        user, password = request.form.get("new_user", "").strip(), request.form.get("new_password", "")
        if not user or user in self.users.names() or len(password) < 8:
            return "A user needs a new name and a password of at least 8 characters.", "error"
        self.users.set(user, password)
        return f"User {user} was added.", "done"

    def _user_row(self, user: str) -> tuple[object, ...]:
        jobs = self.catalogue.jobs(user)
        return user, len(jobs), readable(sum(job.size for job in jobs)), moment(max(job.last for job in jobs))

    def _tabs(self, request: Request, here: str) -> str:
        items = "".join(
            f"<li{' class=here' if tab == here else ''}>{link(request, f'/admin/configuration?tab={tab}', label)}</li>"
            for tab, label in TABS
        )
        return f'<nav aria-label="Tabs"><ul class="tabs">{items}</ul></nav>'
