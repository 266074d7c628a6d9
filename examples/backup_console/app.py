"""The console as a WSGI application: which address is answered by which page, and who may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files

from .admin_pages import AdminPages
from .api import ClientApi
from .catalogue import Catalogue
from .http import Environ, Request, Response, StartResponse, redirect
from .sessions import Passwords, Sessions
from .user_pages import UserPages

USERS = {"alice": "correct horse", "bob": "battery staple"}
ADMIN_PASSWORD = "open sesame"  # noqa: S105  a password for a model that listens on loopback only

Page = Callable[[Request], Response]
STYLES = (files(__package__) / "static" / "console.css").read_bytes()


def make_application(
    users: Mapping[str, str] | None = None, admin_password: str = ADMIN_PASSWORD
) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    """A console of its own, with nobody logged in. ``users`` maps a name to a password; the admin is ``admin``."""
    catalogue, known = Catalogue(), Passwords(dict(USERS if users is None else users))
    user, admin = UserPages(catalogue, known), AdminPages(catalogue, known, Passwords({"admin": admin_password}))
    routes = _routes(user, admin, ClientApi(catalogue, known))

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = Request.read(environ)
        return _answer(request, routes)(environ, start_response)

    return application


def _routes(user: UserPages, admin: AdminPages, api: ClientApi) -> dict[str, tuple[tuple[str, ...], Page]]:
    get, post, both = ("GET", "HEAD"), ("POST",), ("GET", "HEAD", "POST")
    return {
        "/": (get, lambda request: redirect(request, "/backups")),
        "/login": (both, user.login),
        "/logout": (get, user.logout),
        "/backups": (get, _members(user.sessions, "/login", user.backups)),
        "/backups/files": (get, _members(user.sessions, "/login", user.browse)),
        "/backups/download": (get, _members(user.sessions, "/login", user.download)),
        "/profile": (both, _members(user.sessions, "/login", user.profile)),
        "/admin": (get, _members(admin.sessions, "/admin/login", admin.dashboard)),
        "/admin/login": (both, admin.login),
        "/admin/logout": (get, admin.logout),
        "/admin/users": (both, _members(admin.sessions, "/admin/login", admin.user_list)),
        "/admin/configuration": (both, _members(admin.sessions, "/admin/login", admin.configuration)),
        "/admin/log": (get, _members(admin.sessions, "/admin/login", admin.log)),
        "/api/v1/jobs": (get, api.jobs),
        "/api/v1/upload": (post, api.upload),
        "/static/console.css": (get, _styles),
    }


def _members(sessions: Sessions, login: str, show: Callable[[Request, str], Response]) -> Page:
    def members_only(request: Request) -> Response:
        name = sessions.name(request.cookies)
        return redirect(request, login) if name is None else show(request, name)

    return members_only


def _answer(request: Request, routes: Mapping[str, tuple[tuple[str, ...], Page]]) -> Response:
    methods, show = routes.get(request.path.rstrip("/") or "/", ((), None))
    if show is None:
        return Response(b"Not found\n", 404, "text/plain; charset=utf-8")
    if request.method not in methods:
        return Response(b"Method not allowed\n", 405, "text/plain; charset=utf-8", (("Allow", ", ".join(methods)),))
    return show(request)


def _styles(_request: Request) -> Response:
    return Response(STYLES, 200, "text/css; charset=utf-8", (("Cache-Control", "public, max-age=3600"),))


application = make_application()
