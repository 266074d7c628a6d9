"""rdiffweb, a web console for backups, as a WSGI application in this process.

CherryPy's engine, tree and configuration belong to the whole process, so there is one console a process. Its threads
are daemons; its database goes with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path

from apps.console import FIRST, PASSWORD, SECOND, Console
from tfa_middleware.hold import App

#: By which `SECOND` may log in too.
EMAIL = "alice@example.com"
_FOLDER = Path(tempfile.mkdtemp(prefix="rdiffweb-console-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def build(folder: Path) -> App:
    """The console's WSGI application, the same for everybody who asks in this process."""
    return _console()


@cache
def _console() -> App:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its libraries use names that their own libraries call old
        import cherrypy
        from rdiffweb.core.model import UserObject
        from rdiffweb.rdw_app import RdiffwebApp

    _install_stub()
    where = ["--database-uri", f"{_FOLDER}/rdw.db", "--disable-ssh-keys", "--latest-version-url", ""]
    console = RdiffwebApp(RdiffwebApp.parse_args([*where, "--rate-limit", "100000", "--login-with-email"]))
    cherrypy.config.update({"environment": "embedded", "log.screen": False})
    cherrypy.server.unsubscribe()
    cherrypy.tree.mount(console, "")
    cherrypy.engine.start()
    atexit.register(cherrypy.engine.exit)
    UserObject.add_user(SECOND, PASSWORD, email=EMAIL).commit()
    application: App = console
    return application


def _install_stub() -> None:
    """It wants an ``rdiff-backup`` on the path; nothing here runs it."""
    stub = _FOLDER / "rdiff-backup"
    stub.write_text("#!/bin/sh\necho 'rdiff-backup 2.2.6'\n")
    stub.chmod(0o755)
    os.environ["PATH"] = f"{_FOLDER}:{os.environ['PATH']}"


RDIFFWEB = Console(
    name="rdiffweb",
    realm="user",
    sections={
        "realm:user": {
            "paths": "/",
            "login": "/login/",
            "public": "/static/",
            "username": "login",
            "whoami": "/prefs/general",
            "whoami_pattern": '/home/([^"/]+)',
        }
    },
    build=build,
    entry="/login/",
    page="/prefs/general",
    others=("/", "/home/admin", "/admin/users", "/api/", "/api/currentuser", "/browse/admin/data?sort=name"),
    inside="<span>{user}</span>",
    error="Invalid username or password.",
    keeps_login=True,
    passwords={FIRST: "admin123", SECOND: PASSWORD},
)
