"""The model console behaves like a product that knows nothing of a second factor."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from wsgiref.validate import validator

import pytest
from tfa_middleware_demo.app import make_application
from webtest import TestApp, TestResponse

VOID = {"meta", "link", "input", "br", "hr", "img"}
USER_PAGES = [
    "/backups",
    "/backups/files?job=documents",
    "/backups/files?job=mail&folder=Contracts/Archive",
    "/profile",
]
ADMIN_PAGES = [
    "/admin", "/admin/users", "/admin/log", "/admin/configuration", "/admin/configuration?tab=security",
    "/admin/configuration?tab=storage", "/admin/configuration?tab=email",
]  # fmt: skip


class Balance(HTMLParser):
    """Elements that were opened and not closed in order; ids that stand twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [str(value) for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")


@pytest.fixture
def app() -> TestApp:
    console = make_application(
        users={"alice": "alice-password", "bob": "bob-password"}, admin_password="admin-password"
    )
    return TestApp(validator(console))


@pytest.fixture
def user(app: TestApp) -> TestApp:
    answer = app.post("/login", {"username": "alice", "password": "alice-password"})
    assert (answer.status_int, answer.location) == (303, "/backups")
    return app


@pytest.fixture
def admin(app: TestApp) -> TestApp:
    answer = app.post("/admin/login", {"user": "admin", "pass": "admin-password"})
    assert (answer.status_int, answer.location) == (303, "/admin")
    return app


def sound(answer: TestResponse) -> bool:
    balance = Balance()
    balance.feed(answer.text)
    return not balance.open and not balance.faults and len(set(balance.ids)) == len(balance.ids)


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize("address", USER_PAGES)
def test_a_user_sees_his_pages(user: TestApp, address: str) -> None:
    page = user.get(address)
    assert '<b id="me">alice</b>' in page
    assert sound(page)


@pytest.mark.parametrize("address", ADMIN_PAGES)
def test_an_administrator_sees_his_pages(admin: TestApp, address: str) -> None:
    page = admin.get(address)
    assert '<b id="me">admin</b>' in page
    assert sound(page)


@pytest.mark.parametrize("address", [*USER_PAGES, "/backups/download?job=mail&file=Notes.txt"])
def test_a_stranger_is_sent_to_the_login(app: TestApp, address: str) -> None:
    assert app.get(address).location == "/login"


@pytest.mark.parametrize("address", ADMIN_PAGES)
def test_a_user_is_no_administrator(user: TestApp, address: str) -> None:
    assert user.get(address).location == "/admin/login"


@pytest.mark.parametrize(
    ("address", "form"),
    [("/login", {"username": '<i a="', "password": "x"}), ("/admin/login", {"user": '<i a="', "pass": "x"})],
    ids=["user", "admin"],
)
def test_a_wrong_password_shows_the_form_again(app: TestApp, address: str, form: dict[str, str]) -> None:
    page = app.post(address, form, status=200)
    assert 'role="alert"' in page
    assert "<i a=" not in page.text
    assert sound(page)
    assert "Set-Cookie" not in page.headers


def test_each_login_gets_a_session_of_its_own_that_scripts_cannot_read(app: TestApp) -> None:
    form = {"username": "alice", "password": "alice-password"}
    cookies = [app.post("/login", form).headers["Set-Cookie"] for _ in range(2)]
    assert cookies[0] != cookies[1]
    assert all("; HttpOnly" in cookie and len(cookie.split(";")[0]) > 40 for cookie in cookies)


@pytest.mark.parametrize(
    ("pages", "logout", "cookie"), [("user", "/logout", "console_session"), ("admin", "/admin/logout", "console_admin")]
)
def test_logging_out_ends_the_session_on_the_server(
    request: pytest.FixtureRequest, pages: str, logout: str, cookie: str
) -> None:
    browser: TestApp = request.getfixturevalue(pages)
    kept = browser.cookies[cookie]
    browser.get(logout, status=303)
    assert cookie not in browser.cookies
    browser.set_cookie(cookie, kept)
    assert "login" in browser.get("/backups" if pages == "user" else "/admin").location


def test_the_security_tab_changes_the_admin_password(admin: TestApp) -> None:
    page = admin.get("/admin/configuration?tab=security")
    assert '<input type="password" name="admin_password"' in page
    page.forms[0]["admin_password"] = "another-password"
    assert "was changed" in page.forms[0].submit()
    admin.get("/admin/logout")
    assert admin.post("/admin/login", {"user": "admin", "pass": "admin-password"}).status_int == 200
    assert admin.post("/admin/login", {"user": "admin", "pass": "another-password"}).status_int == 303


def test_a_user_changes_his_password_only_with_the_old_one(user: TestApp) -> None:
    assert "is wrong" in user.post("/profile", {"current": "guess", "new": "new-password"})
    assert "was changed" in user.post("/profile", {"current": "alice-password", "new": "new-password"})
    assert user.post("/login", {"username": "alice", "password": "new-password"}).status_int == 303


def test_an_administrator_adds_a_user(admin: TestApp) -> None:
    assert "was added" in admin.post("/admin/users", {"new_user": "<carol>", "new_password": "carol-password"})
    assert "&lt;carol&gt;" in admin.get("/admin/users")
    assert "needs a new name" in admin.post("/admin/users", {"new_user": "bob", "new_password": "carol-password"})
    assert admin.post("/login", {"username": "<carol>", "password": "carol-password"}).status_int == 303


def test_files_are_found_and_come_down(user: TestApp) -> None:
    page = user.get("/backups").click("Documents").click("Contracts/").click("Archive/")
    answer = page.click("Offer München.docx")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''Offer%20M%C3%BCnchen.docx"
    user.get("/backups/files?job=nothing", status=404)
    user.get("/backups/download?job=mail&file=../../etc/passwd", status=404)


def test_the_client_lists_jobs_and_uploads_with_basic_alone(app: TestApp) -> None:
    headers = basic("alice", "alice-password")
    jobs = app.get("/api/v1/jobs", headers=headers).json["jobs"]
    answer = app.post("/api/v1/upload?job=mail", b"x" * 200_000, headers=headers, status=201)
    after = app.get("/api/v1/jobs", headers=headers).json["jobs"]
    assert answer.json["sha256"] == hashlib.sha256(b"x" * 200_000).hexdigest()
    assert after[3]["bytes"] - jobs[3]["bytes"] == 200_000
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("alice", "bob-password"),
        basic("nobody", ""),
        {"Authorization": "Basic %"},
        {"Authorization": "Bearer x"},
    ],
    ids=["none", "wrong", "empty", "broken", "bearer"],
)
def test_the_client_needs_the_password(user: TestApp, headers: dict[str, str]) -> None:
    assert "Basic" in user.get("/api/v1/jobs", headers=headers, status=401).headers["WWW-Authenticate"]
    user.post("/api/v1/upload", b"x", headers=headers, status=401)


def test_the_console_works_below_another_address() -> None:
    app = TestApp(make_application(users={"a": "password"}), extra_environ={"SCRIPT_NAME": "/console"})
    assert 'action="/console/login"' in app.get("/login")
    assert app.get("/backups").location == "/console/login"


def test_odd_requests_are_answered(app: TestApp) -> None:
    app.get("/nowhere", status=404)
    app.delete("/login", status=405)
    app.get("/login", headers={"Cookie": "a=\x01; console_session=x"}, status=200)
    assert app.head("/login").body == b""
    assert app.get("/static/console.css").content_type == "text/css"
