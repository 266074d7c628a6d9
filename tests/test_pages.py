"""What every answer of ours carries: headers, redirects, refusals, static files, a site's own templates."""

from __future__ import annotations

from pathlib import Path

import pytest
import webob
from page_samples import COMMON, SAMPLES
from webtest import TestApp

from tfa_middleware.errors import ConfigError
from tfa_middleware.hold import App
from tfa_middleware.pages import Pages
from tfa_middleware.settings import TfaSettings
from tfa_middleware.theme import contrast, theme_css

MESSAGE = {**COMMON, **SAMPLES["message"][1]}
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(TfaSettings(), tmp_path)


@pytest.fixture(params=["page", "redirect", "refusal"])
def reply(pages: Pages, request: pytest.FixtureRequest) -> App:
    if request.param == "page":
        return pages.page("message.html", status=403, language="en", **MESSAGE)
    return pages.see_other("/x") if request.param == "redirect" else pages.refusal(403, "second_factor_required")


@pytest.fixture
def answer(reply: App) -> webob.Response:
    return sent(reply)


def sent(app: App | None) -> webob.Response:
    """What a browser gets."""
    assert app is not None
    return webob.Request.blank("/").send(app)


def test_every_answer_carries_the_security_headers(answer: webob.Response) -> None:
    # G5, G7, G8
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in answer.headers


def test_every_answer_varies_by_what_it_was_decided_on(answer: webob.Response) -> None:
    # G9
    assert answer.headers["Vary"] == "Cookie, Sec-Fetch-Mode, Accept, Accept-Language"


def test_every_answer_is_sound_wsgi(reply: App, answer: webob.Response) -> None:
    # H10, H12
    app = TestApp(reply)  # it checks what PEP 3333 asks of both sides
    assert app.get("/", expect_errors=True).body == answer.body
    assert app.head("/", expect_errors=True).body == b""


def test_headers_are_added_and_vary_is_joined(pages: Pages) -> None:
    # F7, G9
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Vary", "Origin"), ("Retry-After", "60")]
    got = sent(pages.page("message.html", language="en", headers=headers, **MESSAGE))
    assert got.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert got.headers.getall("Vary") == ["Cookie, Sec-Fetch-Mode, Accept, Accept-Language, Origin"]
    assert got.headers["Retry-After"] == "60"


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b=1", "a\nb", "a\0", "\u2028", "\N{EURO SIGN}"])
def test_a_header_that_cannot_be_is_refused_without_its_value(pages: Pages, value: str) -> None:
    # H10, K1
    with pytest.raises(ValueError, match="X-Thing") as raised:
        pages.see_other("/", [("X-Thing", value)])
    assert value not in str(raised.value)


def test_a_redirect_is_see_other_and_stays_relative(pages: Pages) -> None:
    # G10; behind a proxy the server's own scheme and host are not the browser's.
    got = webob.Request.blank("/a/b", base_url="http://inner:8080").send(pages.see_other("/next?x=1#y"))
    assert (got.status_int, got.headers["Location"]) == (303, "/next?x=1#y")


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ("/a%20b?c=%2F", "/a%20b?c=%2F"),
        ("/\u00fc/\u20ac", "/%C3%BC/%E2%82%AC"),
        ("/a b\r\nX: y", "/a%20b%0D%0AX:%20y"),
        ("/\\evil", "/%5Cevil"),
        ('/"<>', "/%22%3C%3E"),
    ],
)
def test_a_location_is_one_line_of_url_characters(pages: Pages, location: str, line: str) -> None:
    # G4, H10
    assert sent(pages.see_other(location)).headers["Location"] == line


def test_a_refusal_tells_a_script_where_to_go(pages: Pages) -> None:
    # G11
    got = sent(pages.refusal(403, "second_factor_required", "/_tfa/admin/challenge", [("Retry-After", "5")]))
    assert got.json == {"error": "second_factor_required", "location": "/_tfa/admin/challenge"}
    assert (got.status_int, got.content_type, got.headers["Retry-After"]) == (403, "application/json", "5")


def test_an_issuer_of_any_script_is_shown(tmp_path: Path) -> None:
    # H10
    got = Pages(TfaSettings(issuer="\u0421\u0435\u0440\u0432\u0435\u0440"), tmp_path)
    page = got.page("message.html", language="en", **MESSAGE)
    assert "\u0421\u0435\u0440\u0432\u0435\u0440" in sent(page).text
    assert TestApp(page).get("/").status_int == 200


def test_an_unknown_language_is_english(pages: Pages) -> None:
    assert '<html lang="en">' in sent(pages.page("message.html", language="../../tlh", **MESSAGE)).text


def test_a_logo_takes_the_place_of_the_mark(tmp_path: Path) -> None:
    own = Pages(TfaSettings(logo="/logo.png", issuer="A & B"), tmp_path)
    got = sent(own.page("message.html", language="en", **MESSAGE))
    assert '<img class="logo" src="/logo.png" alt="A &amp; B">' in got.text


def test_a_form_may_be_answered_from_the_hosts_that_a_realm_lists(pages: Pages) -> None:
    # G5, G6
    answer = sent(pages.page("message.html", language="en", form_hosts=("sso.example", "b.example"), **MESSAGE))
    wider = POLICY.replace("form-action 'self'", "form-action 'self' sso.example:* b.example:*")
    assert answer.headers.getall("Content-Security-Policy") == [wider]


@pytest.mark.parametrize("name", ["style.css", "link.css", "theme.css", "favicon.svg"])
def test_static_files_may_be_cached(pages: Pages, name: str) -> None:
    # G8
    app = pages.static(name)
    got = sent(app)
    assert got.headers["Cache-Control"] == "public, max-age=86400"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.content_type == ("image/svg+xml" if name.endswith(".svg") else "text/css")
    again = webob.Request.blank("/", if_none_match=f'"{got.etag}"').send(app)
    assert (again.status_int, again.body) == (304, b"")
    assert TestApp(app).head("/").content_length == len(got.body)


@pytest.mark.parametrize(
    "header",
    [
        {"Range": "bytes=" + "9" * 20_000 + "-"},
        {"Range": "bytes=0-1"},
        {"If-Modified-Since": "Mon, 01 Jan 9999999 00:00:00 GMT"},
        {"If-Range": "Mon, 01 Jan 9999999 00:00:00 GMT", "Range": "bytes=0-1"},
    ],
    ids=["a number without end", "a part", "a date that is none", "a part since then"],
)
def test_of_a_static_file_there_is_all_or_nothing(pages: Pages, header: dict[str, str]) -> None:
    # K6: none of these is an error, which would be logged
    app = pages.static("style.css")
    got = webob.Request.blank("/", headers=header).send(app)
    assert (got.status_int, got.body) == (200, sent(app).body)


@pytest.mark.parametrize(
    "name", ["", ".", "../pages.py", "..%2fpages.py", "/style.css", "STYLE.CSS", "style.css/", "x"]
)
def test_static_names_are_exact(pages: Pages, name: str) -> None:
    # A2
    assert pages.static(name) is None


def test_pages_name_their_files_by_version(tmp_path: Path) -> None:
    blue, red = (
        sent(Pages(TfaSettings(colour=c), tmp_path).page("message.html", language="en", **MESSAGE))
        for c in ("#00f", "#f00")
    )
    assert blue.text.count("/_tfa/static/theme.css?v=") == 1
    assert blue.text != red.text


def test_a_site_replaces_and_extends_templates(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "message.html").write_text(
        '{% extends "tfa/message.html" %}{% block title %}Mine{% endblock %}'
    )
    got = sent(Pages(TfaSettings(template_dir="ours"), tmp_path).page("message.html", language="en", **MESSAGE))
    assert "<title>Mine" in got.text
    assert "Bye." in got.text


def test_a_broken_template_refuses_to_start(tmp_path: Path) -> None:
    # K7
    (tmp_path / "message.html").write_text("<p>\n{% if %}")
    with pytest.raises(ConfigError, match=r"message\.html, line 2") as raised:
        Pages(TfaSettings(template_dir="."), tmp_path)
    assert raised.value.key == "template_dir"


def test_a_missing_template_folder_refuses_to_start(tmp_path: Path) -> None:
    # K7
    with pytest.raises(ConfigError, match="no folder"):
        Pages(TfaSettings(template_dir="none"), tmp_path)


@pytest.mark.parametrize("colour", ["red", "#12", "#1234", "#12345g", "#fff;}body{display:none", "url(//x)", ""])
def test_a_colour_is_only_a_colour(colour: str) -> None:
    # K7
    with pytest.raises(ConfigError, match="colour"):
        theme_css(colour)


@pytest.mark.parametrize("colour", ["#1d4ed8", "#fff", "#000", "#ffeb3b", "#0f0", "#808080", "#e11d48"])
def test_any_accent_colour_can_be_read(colour: str) -> None:
    # J5
    accents = [part.split(";")[0].split(":")[-1] for part in theme_css(colour).split("--accent:")[1:]]
    inks = [part.split("}")[0] for part in theme_css(colour).split("--accent-ink:")[1:]]
    papers = ["#f3f5f9", "#181d27"]
    for accent, ink, paper in zip(accents, inks, papers, strict=True):
        assert contrast(parsed(accent), parsed(paper)) >= 4.5
        assert contrast(parsed(accent), parsed(ink)) >= 4.5


def parsed(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
