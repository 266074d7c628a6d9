"""What the pages are made of: markup, forms, accessibility, escaping. Every template, in every language."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
from page_samples import COMMON, SAMPLES, Page

from tfa_middleware.i18n import languages
from tfa_middleware.pages import Pages
from tfa_middleware.rendering import Templates
from tfa_middleware.settings import TfaSettings
from tfa_middleware.verifiers.base import Prompt

STATIC = Path(__file__).parent.parent / "tfa_middleware" / "static"
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>%(user)s{{ 7*7 }}&amp;"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return Pages(TfaSettings(issuer="Backup Console"), tmp_path_factory.mktemp("site"))


def read(pages: Pages, name: str, language: str = "en") -> Page:
    template, facts = SAMPLES[name]
    return Page(pages.page(template, language=language, **{**COMMON, **facts}).body.decode())


@pytest.fixture(params=languages())
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


every_page = pytest.mark.parametrize("name", sorted(SAMPLES))


@every_page
def test_markup_is_whole(pages: Pages, name: str, language: str) -> None:
    page = read(pages, name, language)
    assert page.faults == []
    assert len(page.ids()) == len(set(page.ids()))
    assert page.all("html")[0]["lang"] == language


@every_page
def test_nothing_is_inline(pages: Pages, name: str) -> None:
    # G5: the policy would block it, and a page that needs it would be broken.
    page = read(pages, name)
    assert page.all("script", "style", "iframe", "object") == []
    assert [key for one in page.elements for key in one if key == "style" or key.startswith("on")] == []


@every_page
def test_assistive_technology_finds_its_way(pages: Pages, name: str, language: str) -> None:
    # J3, J5
    page = read(pages, name, language)
    assert page.unnamed_fields() == []
    assert list(page.broken_references()) == []
    assert [image for image in page.all("img") if not image.get("alt")] == []
    assert [one for one in page.all("button", "a", "summary") if not one["text"].strip()] == []
    assert page.all("title")[0]["text"].strip().endswith("Backup Console")
    levels = [int(heading["tag"][1]) for heading in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@every_page
def test_every_form_posts_the_token_and_one_action(pages: Pages, name: str) -> None:
    # G1, G3
    page = read(pages, name)
    for form in page.all("form"):
        inside = page.inside(form)
        tokens = [one["value"] for one in inside if one.get("name") == "csrf_token"]
        actions = [one["value"] for one in inside if one["tag"] == "button" and one.get("name") == "action"]
        assert (form["method"], tokens, len(actions)) == ("post", ["TOKEN"], 1)
        assert form["action"].startswith("/_tfa/admin/")


def actions(page: Page) -> set[tuple[str, str]]:
    """(address, action) of every form."""
    return {
        (form["action"].removeprefix("/_tfa/admin/"), one["value"])
        for form in page.all("form")
        for one in page.inside(form)
        if one.get("name") == "action"
    }


def test_actions_of_the_challenge(pages: Pages) -> None:
    # J4
    assert actions(read(pages, "challenge-mail")) == {
        ("challenge", a) for a in ("verify", "resend", "method", "cancel")
    }


def test_actions_of_enrolment(pages: Pages) -> None:
    assert actions(read(pages, "choose")) == {("enrol", "start")}
    assert actions(read(pages, "choose-invite")) == {("enrol", "start"), ("challenge", "cancel")}
    assert actions(read(pages, "enrol-address")) == {("enrol/email", a) for a in ("confirm", "resend", "cancel")}


def test_actions_of_management(pages: Pages) -> None:
    # A15
    own = {"enabled", "rename", "remove", "recovery", "end_session", "sign_out", "sign_out_everywhere"}
    assert actions(read(pages, "manage")) == {("", action) for action in own} | {("enrol", "start")}
    assert ("", "enabled") not in actions(read(pages, "manage-empty"))


def test_input_of_a_numeric_code(pages: Pages) -> None:
    # J1
    page = read(pages, "challenge")
    field = next(one for one in page.all("input") if one["name"] == "code")
    wanted = {"type": "text", "inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": ""}
    assert wanted.items() <= field.items()
    assert "maxlength" not in field
    assert "pattern" not in field


def test_inputs_of_words_and_addresses(pages: Pages) -> None:
    words = next(one for one in read(pages, "challenge-words").all("input") if one["name"] == "code")
    assert {"autocapitalize": "off", "spellcheck": "false"}.items() <= words.items()
    assert "inputmode" not in words
    address = next(one for one in read(pages, "enrol-address").all("input") if one["name"] == "address")
    assert {"type": "email", "autocomplete": "email"}.items() <= address.items()


def test_a_prompt_without_a_field_only_asks_to_go_on(pages: Pages) -> None:
    page = read(pages, "enrol-nothing")
    assert "Go on?" in page.all("main")[0]["text"]
    assert [one["name"] for one in page.all("input") if one["type"] != "hidden"] == []


@pytest.mark.parametrize("name", ["challenge-mail", "choose-invite", "enrol-totp-wrong"])
def test_an_error_is_told_and_tied_to_its_field(pages: Pages, name: str) -> None:
    # J3
    page = read(pages, name)
    alert = next(one for one in page.elements if one.get("role") == "alert")
    field = next(one for one in page.all("input") if one.get("aria-invalid") == "true")
    assert alert["text"].strip().startswith("Wrong")
    assert alert["id"] in field["aria-describedby"].split()
    assert page.all("title")[0]["text"].startswith("Error: ")


def test_a_notice_is_a_status(pages: Pages) -> None:
    page = read(pages, "challenge-mail")
    assert [one["text"].strip() for one in page.elements if one.get("role") == "status"] == ["Sent"]


def test_the_setup_picture_has_its_key_as_text(pages: Pages) -> None:
    # J2, B14
    page = read(pages, "enrol-totp")
    assert page.all("img")[0]["src"].startswith("data:image/svg+xml")
    assert "JBSW Y3DP" in page.all("main")[0]["text"]
    assert any(link["href"].startswith("otpauth://") for link in page.all("a"))


def test_the_setup_page_does_not_jump_past_its_picture(pages: Pages) -> None:
    assert [one for one in read(pages, "enrol-totp").all("input") if "autofocus" in one] == []


def test_removing_asks_first(pages: Pages) -> None:
    page = read(pages, "manage")
    for button in page.all("button"):
        if button["value"] == "remove":
            assert any(outer["tag"] == "details" and "open" not in outer for outer in button["around"])


def hostile(value: Any) -> Any:
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, Prompt):
        return replace(value, text=HOSTILE, field_name=HOSTILE, facts=hostile(dict(value.facts)))
    if isinstance(value, dict):
        return {key: hostile(one) for key, one in value.items()}
    return [hostile(one) for one in value] if isinstance(value, list) else value


@every_page
def test_no_fact_becomes_markup(pages: Pages, name: str, language: str) -> None:
    template, facts = SAMPLES[name]
    evil = {**hostile({**COMMON, **facts}), "kind": facts.get("kind", "")}
    page = Page(pages.page(template, language=language, **evil).body.decode())
    assert page.faults == []
    assert page.all("script") == []
    assert [key for one in page.elements for key in one if key.startswith("on")] == []
    assert "49" not in page.all("body")[0]["text"]


def test_a_page_without_its_token_is_an_error(pages: Pages) -> None:
    # G1, K6
    template, facts = SAMPLES["challenge"]
    bare = {key: value for key, value in COMMON.items() if key != "csrf"}
    with pytest.raises(jinja2.UndefinedError):
        pages.page(template, language="en", **{**bare, **facts})


def test_verifiers_may_bring_a_template_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "prompt-grid.html").write_text("<p>{{ prompt.facts.cell }}</p>")
    own = Pages(TfaSettings(template_dir="own"), tmp_path)
    template, facts = SAMPLES["challenge"]
    facts = {**facts, "kind": "grid", "prompt": Prompt("Enter the cell", {"cell": "B7"})}
    assert "<p>B7</p>" in own.page(template, language="en", **{**COMMON, **facts}).body.decode()


def palette(css: str) -> list[dict[str, str]]:
    """Custom properties of the light and of the dark part of a style sheet."""
    light, dark = re.findall(r":root\s*\{([^}]*)\}", css)
    base = dict(re.findall(r"--([\w-]+):\s*(#\w+)", light))
    return [base, {**base, **dict(re.findall(r"--([\w-]+):\s*(#\w+)", dark))}]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("ink", "ground", 4.5), ("ink", "paper", 4.5), ("ink", "raised", 4.5), ("soft", "paper", 4.5),
        ("soft", "ground", 4.5), ("soft", "raised", 4.5), ("bad", "bad-ground", 4.5), ("good", "good-ground", 4.5),
        ("warn", "warn-ground", 4.5), ("bad", "paper", 4.5), ("accent-ink", "accent", 4.5), ("accent", "paper", 4.5),
        ("accent", "ground", 4.5), ("edge", "paper", 3),
    ],
)  # fmt: skip
def test_contrast_of_the_style_sheet(scheme: int, ink: str, ground: str, least: float) -> None:
    # J5
    from tfa_middleware.theme import contrast

    colours = palette((STATIC / "style.css").read_text(encoding="utf-8"))[scheme]

    def parsed(name: str) -> tuple[int, int, int]:
        digits = colours[name][1:]
        digits = "".join(2 * one for one in digits) if len(digits) == 3 else digits
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)

    assert contrast(parsed(ink), parsed(ground)) >= least


def test_a_template_is_compiled_once_and_speaks_every_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str | None] = []
    compile_ = jinja2.Environment.compile

    def counted(self: jinja2.Environment, source: str, name: str | None = None, *more: Any) -> Any:
        compiled.append(name)
        return compile_(self, source, name, *more)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "page.html").write_text('{{ gettext("Continue") }}{% trans %}Signed out{% endtrans %}')
    templates = Templates("own", tmp_path)
    said = {templates.render("page.html", language, {}) for language in (*languages(), *languages())}
    assert len(said) == len(languages())
    assert compiled == ["page.html"]
