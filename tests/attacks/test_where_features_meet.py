"""Attacks on places where two features meet, each as the exploit that worked once."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import HTML, NEW, SILENT, Console, Environ, by_form
from attacks.stage import WHOAMI, Stage

LINK = "/reset/TOKEN-OF-ALICE"


class Resolving(Console):
    """Resolves dots before it looks at a path, as web servers do, and logs Alice in by a link."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path = posixpath.normpath(environ["PATH_INFO"].replace("..;", ".."))
        if path == LINK:
            return self._logged_in(environ, start, self._session(environ), "alice")
        return super().__call__({**environ, "PATH_INFO": path}, start)


@pytest.mark.parametrize("habit", [NEW, SILENT])
@pytest.mark.parametrize("again", ["change", "unsafe", "query"])
@pytest.mark.parametrize("path", [LINK, f"/x/..{LINK}", f"/x/..;{LINK}"])
def test_a_link_that_logs_in_is_one_behind_dots_too(tmp_path: Path, habit: str, again: str, path: str) -> None:
    # A2, A7; cases 7, 88
    stage = Stage(tmp_path, Resolving(habit), login="/login /reset/*", whoami_again=again, **WHOAMI)
    client = stage.passed("mallory")
    client.get(path)
    client.get("/private")
    assert stage.console.served["alice"] == 0


@pytest.mark.parametrize("habit", [NEW, SILENT])
@pytest.mark.parametrize("path", ["/users/../login", "/users/..;/login"])
def test_a_form_of_its_own_is_none_behind_dots(tmp_path: Path, habit: str, path: str) -> None:  # A2, A7; case 88
    stage = Stage(tmp_path, Resolving(habit), not_login="/users/*", **WHOAMI)
    client = stage.passed("mallory")
    client.post(path, {"username": "alice", "password": "right"})
    client.get("/private")
    assert stage.console.served["alice"] == 0


class OneName(Console):
    """Shows a first name, which two people share."""

    def shown(self, environ: Environ, start: Callable[..., Any], session: str, who: str, path: str) -> Iterable[bytes]:
        if path == "/me" and who:
            return self._answer(start, "200 OK", [HTML], "<b id=me>Alex</b>")
        return super().shown(environ, start, session, who, path)


# In silence, by fields of its own, such a door is a stated limit.
@pytest.mark.parametrize(
    ("habit", "fields"),
    [(NEW, ("username", "password")), (NEW, ("u", "p")), (SILENT, ("username", "password"))],
)
def test_a_name_that_two_people_share_is_no_proof(tmp_path: Path, habit: str, fields: tuple[str, str]) -> None:
    # A7; case 16
    console = OneName(habit, {"/hidden": by_form(*fields)})
    stage = Stage(tmp_path, console, identity="posted", **WHOAMI)
    client = stage.passed("mallory")
    client.post("/hidden", dict(zip(fields, ("alice", "right"), strict=True)))
    client.get("/private")
    assert console.served["alice"] == 0


@pytest.mark.parametrize("token", ["/token", "/jwt", "/data/key", "/ticket"])
def test_a_token_is_cut_from_queries_by_its_own_name(tmp_path: Path, token: str) -> None:  # g; case 10
    stage = Stage(tmp_path, Console(NEW), authorization="bearer", token=token, public="/static/", **WHOAMI)
    name = token.rpartition("/")[2]
    client = stage.passed("mallory")
    for path in ("/private", "/static/x", "/login"):
        client.get(f"{path}?{name}=OF-ALICE&a=1")
        seen = [one["QUERY_STRING"] for one in stage.console.environs if one["PATH_INFO"] == path]
        assert seen[-1] == "a=1"


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream"])
def test_a_login_in_a_body_of_any_kind_reaches_no_public_path(tmp_path: Path, kind: str) -> None:  # A6, case 6
    stage = Stage(tmp_path, Console(NEW, {"/static/rpc": by_form()}), public="/static/", **WHOAMI)
    body = b'{"username": "alice", "password": "right"}'
    reply = stage.client().post("/static/rpc", body, CONTENT_TYPE=kind)
    assert b"SECRET" not in reply.body
    assert not [call for call in stage.console.calls if call[1] == "/static/rpc"]


@pytest.mark.parametrize("path", ["/api/\uff0e\uff0e/private", "/api/\u2025/private"])
def test_dots_of_any_width_are_odd(tmp_path: Path, path: str) -> None:  # A2; case 88
    stage = Stage(tmp_path, Console(NEW), exempt="/api/")
    raw = path.encode().decode("latin-1")
    stage.client().get("/private", PATH_INFO=raw)
    assert not [call for call in stage.console.calls if call[1] == raw]


SIGN_ON = """
SM_USER IV_USER X_VOUCH_USER X_CONSUMER_USERNAME X_POMERIUM_CLAIM_EMAIL EPPN IMPERSONATE_USER X_AUTH_ID X_AUTH_SUBJECT
X_GRAFANA_USER X_JWT X_VAULT_TOKEN X_AUTH_KEY SHIB_IDENTITY
"""


@pytest.mark.parametrize("name", SIGN_ON.split())
def test_headers_of_sign_on_products_stay_here(tmp_path: Path, name: str) -> None:  # A18, A19; case 94
    stage = Stage(tmp_path, Console(NEW))
    client = stage.passed("mallory")
    for _ in range(2):  # the second time by the verdict that is known
        client.get("/private", **{f"HTTP_{name}": "alice", "HTTP_ACCEPT": "*/*"})
        assert f"HTTP_{name}" not in stage.console.environs[-1]
    client.get("/private", HTTP_X_CSRF_TOKEN="x", HTTP_REQUESTVERIFICATIONTOKEN="y")
    assert {"HTTP_X_CSRF_TOKEN", "HTTP_REQUESTVERIFICATIONTOKEN"} <= stage.console.environs[-1].keys()
