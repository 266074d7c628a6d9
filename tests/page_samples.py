"""Sample facts for every template, and a reader of pages that tells what is wrong with their markup."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from tfa_middleware.verifiers.base import Prompt

COMMON = {"base": "/_tfa/admin/", "static_base": "/_tfa/static/", "realm": "admin", "csrf": "TOKEN", "user": "joe"}
KINDS = [
    {"kind": "totp", "title": "Authenticator app", "hint": "Codes on your phone"},
    {"kind": "email", "title": "Email", "hint": "A code by mail"},
]
METHODS = [
    {"kind": kind["kind"], "icon": kind["kind"], "title": kind["title"], "current": kind["kind"] == "totp"}
    for kind in KINDS
]
SETUP = {"qr": "data:image/svg+xml,%3Csvg/%3E", "secret": "JBSW Y3DP", "uri": "otpauth://totp/A:joe?secret=JBSWY3DP"}
CHALLENGE = {
    "kind": "totp",
    "title": "Authenticator app",
    "prompt": Prompt("Enter the code"),
    "methods": METHODS,
    "can_resend": False,
    "sent": True,
    "resend_in": 0,
    "minutes_left": 9,
    "confirms": False,
}
ENROL = {
    "kind": "totp",
    "title": "Authenticator app",
    "prompt": Prompt("Enter the code", SETUP),
    "can_resend": False,
    "sent": True,
    "resend_in": 0,
    "clock_hint": False,
}
MANAGE = {
    "enabled": True,
    "required": False,
    "authenticators": [
        {
            "id": "1",
            "kind": "totp",
            "title": "Authenticator app",
            "label": "Phone",
            "created": "May",
            "last_used": "June",
        },
        {"id": "2", "kind": "email", "title": "Email", "label": "", "created": "May", "last_used": ""},
    ],
    "addable": KINDS,
    "recovery_left": 2,
    "can_recovery": True,
    "sessions": [
        {"id": "a", "since": "May", "seen": "June", "client": "Firefox", "current": True},
        {"id": "b", "since": "May", "seen": "June", "client": "", "current": False},
    ],
    "next": "/admin/",
    "locked_note": "Email rests.",
}
ADDRESS = Prompt("Your address", field_name="address", numeric=False)
EMPTY = {"enabled": False, "required": True, "authenticators": [], "addable": [], "recovery_left": None, "sessions": []}

#: Name of the case -> (template, facts beside the common ones).
SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "challenge": ("challenge.html", CHALLENGE),
    "challenge-mail": (
        "challenge.html",
        {
            **CHALLENGE,
            "kind": "email",
            "can_resend": True,
            "sent": True,
            "resend_in": 9,
            "error": "Wrong",
            "notice": "Sent",
        },
    ),
    "challenge-mail-unsent": ("challenge.html", {**CHALLENGE, "kind": "email", "can_resend": True}),
    "challenge-step-up": ("challenge.html", {**CHALLENGE, "confirms": True}),
    "challenge-words": (
        "challenge.html",
        {**CHALLENGE, "kind": "recovery", "methods": [], "prompt": Prompt("Enter a code", numeric=False)},
    ),
    "choose": ("choose.html", {"kinds": KINDS, "required": False, "invite": False, "next": "/admin/"}),
    "choose-invite": (
        "choose.html",
        {"kinds": KINDS, "required": True, "invite": True, "next": "", "error": "Wrong code"},
    ),
    "enrol-totp": ("enrol.html", ENROL),
    "enrol-totp-wrong": ("enrol.html", {**ENROL, "clock_hint": True, "error": "Wrong"}),
    "enrol-address": (
        "enrol.html",
        {**ENROL, "kind": "email", "prompt": ADDRESS, "can_resend": True, "sent": True, "notice": "Sent"},
    ),
    "enrol-nothing": ("enrol.html", {**ENROL, "kind": "recovery", "prompt": Prompt("Go on?", field_name="")}),
    "codes": (
        "codes.html",
        {"kind": "recovery", "title": "Recovery codes", "codes": ["AAAA-BBBB", "CCCC-DDDD"], "next": "/_tfa/admin/"},
    ),
    "manage": ("manage.html", {**MANAGE, "notice": "Saved"}),
    "manage-empty": ("manage.html", {**MANAGE, **EMPTY, "next": "", "locked_note": ""}),
    "manage-off": ("manage.html", {**MANAGE, "enabled": False, "recovery_left": 8, "error": "Wrong"}),
    "message": ("message.html", {"heading": "Signed out", "text": "Bye.", "link": "/", "link_text": "Sign in"}),
    "message-plain": ("message.html", {"heading": "Error", "text": "Sorry.", "user": ""}),
}

VOID = {"meta", "link", "input", "img", "br", "path", "rect", "circle"}
Element = dict[str, Any]


class Page(HTMLParser):
    """One page, read: ``elements`` in order, each with tag, attributes, text and the elements around it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.faults: list[str] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{left['tag']}> is never closed" for left in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        element = {"tag": tag, "around": list(self._open), "text": "", **{k: v or "" for k, v in attrs}}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1]["tag"] != tag:
            self.faults.append(f"</{tag}> closes nothing")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def all(self, *tags: str) -> list[Element]:
        """The elements of these tags, in order."""
        return [element for element in self.elements if element["tag"] in tags]

    def inside(self, outer: Element) -> list[Element]:
        """The elements within another one."""
        return [element for element in self.elements if any(one is outer for one in element["around"])]

    def ids(self) -> list[str]:
        """All ids, in order."""
        return [element["id"] for element in self.elements if "id" in element]

    def broken_references(self) -> Iterator[str]:
        """Ids that some element names but no element has."""
        for element in self.elements:
            for name in ("for", "aria-describedby", "aria-labelledby"):
                yield from (one for one in element.get(name, "").split() if one not in self.ids())

    def unnamed_fields(self) -> list[str]:
        """Inputs that no label names."""
        labelled = {label.get("for") for label in self.all("label")}
        return [
            field["name"]
            for field in self.all("input", "select", "textarea")
            if field.get("type") != "hidden"
            and field.get("id") not in labelled
            and not any(outer["tag"] == "label" for outer in field["around"])
        ]
