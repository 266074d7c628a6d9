"""Every journey of a person, each once, on one bench."""

from __future__ import annotations

from canary.console import FIELDS, WRONG
from canary.run import BASE, CHALLENGE, ENROL, Run


def by_app(run: Run) -> None:
    """A wrong password, a wrong code, the right one, the same one again."""
    run.enrolled("alice")
    browser = run.browser()
    browser.login("alice", WRONG)
    browser.login("alice")
    browser.press("verify", code=str(run.marks.add("wrong code", "90817263")))
    code = run.code("alice")
    assert browser.press("verify", code=code).code == 303
    assert b"SECRET" in browser.get("/private").body
    again = run.browser()
    again.login("alice")
    assert again.press("verify", code=code).code == 403
    assert again.press("nonsense", code=code).code == 403
    again.press("cancel")
    run.bench.next_step()


def by_mail(run: Run) -> None:
    """A code by mail, asked for again, wrong, right."""
    run.bench.enrol_email("mia", "mia@example.com", "user")
    browser = run.browser()
    browser.login("mia")
    browser.get(CHALLENGE)
    run.mailed()
    browser.press("resend")
    run.bench.clock.pass_by(5)
    browser.press("resend")
    browser.press("verify", code=str(run.marks.add("wrong mailed code", "9081726354")))
    assert browser.press("verify", code=run.mailed()).code == 303
    assert b"SECRET" in browser.get("/private").body


def enrolling(run: Run) -> None:
    """Everything that the pages offer to somebody with a pass."""
    browser = run.browser()
    browser.login("bob")
    assert b"SECRET" in browser.get("/private").body
    browser.get(BASE)
    browser.get(ENROL)
    run.seeds["bob"] = browser.start("totp")
    browser.press("verify", f"{ENROL}/totp", code=str(run.marks.add("wrong enrolment code", "81726354")))
    assert browser.press("verify", f"{ENROL}/totp", code=run.code("bob")).code == 200
    codes = browser.codes()
    assert len(codes) == 10
    browser.press("start", ENROL, kind="email")
    browser.press("verify", f"{ENROL}/email", address="nonsense")
    browser.press("verify", f"{ENROL}/email", address="bob@example.com")
    run.mailed()
    run.bench.clock.pass_by(5)
    browser.press("resend", f"{ENROL}/email")
    browser.press("verify", f"{ENROL}/email", code="1231231231")
    browser.press("verify", f"{ENROL}/email", code=run.mailed())
    assert len(run.bench.services.map.realms["user"].accounts.get("bob").authenticators) == 3
    run.bench.next_step()
    paper = run.browser()
    paper.login("bob")
    paper.press("method", kind="recovery")
    paper.press("verify", code=str(run.marks.add("wrong recovery code", "ABCD-EFGH-IJKL-MNOP")))
    assert paper.press("verify", code=codes[0]).code == 303
    assert paper.press("recovery", BASE).code == 200
    assert len(paper.codes()) == 10


def managing(run: Run) -> None:
    """The buttons of the management page."""
    browser, other = run.passed("bob"), run.passed("bob")
    kept = run.bench.services.map.realms["user"].accounts.get("bob").authenticators
    other.press("rename", BASE, id=kept[0].id, label="My phone")
    other.press("enabled", BASE, enabled="")
    other.press("enabled", BASE, enabled="yes")
    other.press("end_session", BASE, id="0123456789abcdef")
    other.press("remove", BASE, id=kept[-1].id)
    other.press("nonsense", BASE)
    browser.get("/private")
    run.bench.clock.pass_by(400)
    assert other.press("recovery", BASE).location == CHALLENGE  # a step-up
    assert other.press("verify", code=run.code("bob")).code == 303
    run.bench.next_step()
    other.press("sign_out", BASE)
    last = run.passed("bob")
    assert last.press("sign_out_everywhere", BASE).code == 200
    last.get("/private")


def invited(run: Run) -> None:
    """An operator's invitation, wrong and right."""
    parts = run.bench.services
    code = parts.invites.make("admin", "root")
    run.marks.add("invite", code)
    run.marks.add("invite", code.replace("-", ""))
    browser = run.browser()
    run.console.doors["/admin/login"] = run.console.doors["/login"]
    browser.login("root", path="/admin/login")
    page = "/_tfa/admin/enrol"
    browser.press("start", page, kind="totp", invite=str(run.marks.add("wrong invite", "ABCDABCDABCDABCX")))
    browser.press("start", page, kind="totp", invite=code)
    browser.get(f"{page}/totp")
    found = browser.last.body.partition(b"secret=")[2][:32].decode()
    run.learn("root", found)
    browser.press("verify", f"{page}/totp", code=run.code("root"))
    browser.codes()
    assert browser.get("/admin").code == 200
    run.bench.next_step()


def pivots(run: Run) -> None:
    """Another account inside a pass, a form with a password inside a pass, sign-out, a pass that ran out."""
    browser = run.passed("alice")
    browser.post("/other", {"username": "bob", **FIELDS})
    browser.get("/private")
    browser = run.passed("alice")
    browser.post("/add-user", {"username": "new", **FIELDS})
    browser.post("/login", {"username": "bob", **FIELDS})
    browser.get("/private")
    browser = run.passed("alice")
    browser.get("/logout")
    browser = run.passed("alice")
    run.bench.clock.pass_by(2 * 86400)
    browser.get("/private")


def refusals(run: Run) -> None:
    """What is no good request, each with a secret in it."""
    browser = run.browser()
    browser.get("/login")
    browser.post("/login", {"username": "alice", **FIELDS}, CONTENT_TYPE="text/odd")
    browser.post("/login", b"username=a&username=b&password=" + FIELDS["password"].encode())
    browser.post("/login", b"{" + FIELDS["password"].encode(), CONTENT_TYPE="application/json")
    browser.post("/login", b"password=" + FIELDS["password"].encode() + b"&x=" + b"x" * 1_200_000)
    browser.post("/login", {"username": "alice", **FIELDS}, HTTP_CONTENT_ENCODING="gzip")
    browser.post("/login", {"username": "alice", **FIELDS}, CONTENT_LENGTH="99999")
    browser.post("/login", {"username": "alice", **FIELDS}, HTTP_SEC_FETCH_SITE="cross-site")
    browser.post("/login", {"username": "alice\u200b", **FIELDS})
    waiting = run.browser()
    waiting.login("alice")
    code = {"action": "verify", "code": run.code("alice")}
    waiting.post(CHALLENGE, {"csrf_token": str(run.marks.add("csrf of nobody", "cnryTokenOfNobody")), **code})
    waiting.post(CHALLENGE, code, HTTP_SEC_FETCH_SITE="cross-site")
    waiting.post(CHALLENGE, code, CONTENT_TYPE="text/odd")
    waiting.post(CHALLENGE, b"code=" + code["code"].encode() + b"&x=" + b"x" * 70_000)
    waiting.get("/private", HTTP_SEC_FETCH_MODE="cors")
    waiting.get(CHALLENGE, method="DELETE")
    waiting.get("/_tfa/nowhere/")
    for value in ("x", "a.b.c", '"quoted', waiting.jar["tfa-user"][:-4] + "AAAA", "x" * 5000):
        run.browser(**{**waiting.jar, "tfa-user": value}).get("/private")
    run.browser(**waiting.jar).get("/private", HTTP_COOKIE=f"{waiting.cookie}; {waiting.cookie}")
    run.browser().get("/private", HTTP_COOKIE=f"{waiting.cookie}; " + "y=z; " * 20_000)
    run.browser().get("/private", HTTP_AUTHORIZATION="Basic " + str(run.marks.add("basic", "Y25yeUJhc2ljOnB3")))
    for _ in range(2):  # until the factor rests
        again = run.browser()
        again.login("alice")
        for _ in range(6):
            again.press("verify", code="90817263")
    run.bench.services.limiter.reset("user", "alice")


ALL = (by_app, by_mail, enrolling, managing, invited, pivots, refusals)
