"""The zoo: each animal with the settings of its realm, its honest way in, and the doors that an attacker knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from attacks.apps import by_form as reads_form
from attacks.apps import by_json as reads_json
from attacks.apps import by_query as reads_query
from attacks.stage import WHOAMI
from support.browser import Browser

from zoo.beast import IN_PLACE, NEW, SILENT, Beast, lax
from zoo.habits import (
    Alike,
    Anywhere,
    Basic,
    Folding,
    Forgery,
    Guarded,
    Recalling,
    Registering,
    Remembering,
    Resetting,
    Scripted,
    Seated,
    Signed,
    Ticketed,
    Tokened,
)
from zoo.knocks import Door, by_basic, by_form, by_json, by_query
from zoo.manners import (
    Endless,
    Fickle,
    Generous,
    LateStart,
    Paging,
    Pathed,
    Picky,
    Rotating,
    SecondThoughts,
    Writing,
)

FORM = by_form("/login")
BOTH = (by_basic("/private"), FORM, by_basic("/login"))


def fill_in(browser: Browser, user: str) -> None:
    """Open the login page, fill in its form with all its hidden fields."""
    text = browser.get("/login").text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text))
    browser.post("/login", {**hidden, "username": user, "password": "right"})


def by_script(browser: Browser, user: str) -> None:
    """Let the page's script log in."""
    browser.get("/login")
    body = json.dumps({"username": user, "password": "right"})
    assert browser.fetch("/login", "POST", {"Content-Type": "application/json"}, body=body.encode()).status_int == 403


def by_header(browser: Browser, user: str) -> None:
    """Give name and password to the browser, which sends them with every request from then on."""
    browser.client.authorization = ("Basic", (user, "right"))
    browser.get("/private")


def by_address(browser: Browser, user: str) -> None:
    """Log in by a form of method GET."""
    browser.get(f"/login?username={user}&password=right")


def with_token(browser: Browser) -> None:
    """The page's script fetches the answer to its login, and goes on with the token in it."""
    answer = browser.fetch("/_tfa/user/answer")
    if answer.status_int == 200:
        browser.client.authorization = ("Bearer", answer.json["token"])
    browser.fetch("/private")


def private(browser: Browser) -> None:
    """Open a page behind the login."""
    browser.get("/private")
    browser.follow()


def with_ticket(browser: Browser) -> None:
    """The page's script takes its ticket from the login page's answer, and asks with it."""
    found = re.search(r"ticket = '(\w+)'", browser.page.text if browser.page else "")
    browser.fetch("/private", headers={"X-Ticket": found[1] if found else ""})


@dataclass(frozen=True)
class Animal:
    """``realm`` are its settings; ``enter`` brings an honest browser to the challenge, ``opens`` to a private page;
    ``doors`` are what an attacker knocks at, ``pages`` where he looks around; ``opening`` the cookies each of which is
    a session, and ``aliases`` further spellings of the victim's name."""

    name: str
    make: Callable[[], Beast]
    realm: Mapping[str, str] = field(default_factory=dict)
    doors: tuple[Door, ...] = (FORM,)
    enter: Callable[[Browser, str], None] = fill_in
    opens: Callable[[Browser], None] = private
    pages: tuple[str, ...] = ()
    opening: tuple[str, ...] = ("sid",)
    aliases: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether its realm has whoami."""
        return "whoami" in self.realm


def _json(tokens: bool) -> Callable[[], Beast]:
    return partial(Scripted, IN_PLACE, {"/login": reads_json()}, tokens=tokens)


def _tokened(make: Callable[[], Beast], **realm: str) -> dict[str, Any]:
    rules = {"success": "json:/ok=true", "authorization": "bearer", "token": "/token"}
    doors = (by_json("/login"),)
    return {"make": make, "realm": {**rules, **realm}, "doors": doors, "enter": by_script, "opens": with_token}


def _second(habit: str, user: str = "username", password: str = "password") -> dict[str, Any]:
    """A second door that no rule lists."""
    door = lax if (user, password) == ("username", "password") else reads_form(user, password)
    doors: tuple[Door, ...] = (FORM, by_form("/old/login", user, password))
    return {"make": partial(Beast, habit, {"/old/login": door}), "doors": doors}


def _reset(name: str, word: str) -> Any:
    return by_form("/reset", "link", "new")(name, word)


def _guarded(make: Callable[[], Beast], **realm: str) -> dict[str, Any]:
    doors = (by_basic("/private"), by_basic("/login"))
    return {"make": make, "realm": {"authorization": "basic", **realm}, "doors": doors, "enter": by_header}


FOLDED = ("ALICE", " alice ", "\uff41lice", "al\u0131ce", "Alice\u00a0", "alice\u2003", "\u24d0lice", "ali\u0441e")
ACCENTS = (*FOLDED, "alic\u00e9", "\u00e0lice", "ALI\u00c7E", "alice\u0301")
BARE: list[Animal] = [
    Animal("new session id", partial(Beast, NEW)),
    Animal("same id, set again", partial(Beast, IN_PLACE)),
    Animal("same id, in silence", partial(Beast, SILENT)),
    Animal("session signed on the client", Signed),
    Animal("remember-me opens alone", partial(Remembering, IN_PLACE), opening=("sid", "remember_token")),
    Animal("JSON login, cookie", _json(False), {"success": "json:/ok=true"}, (by_json("/login"),), by_script),
    Animal("JSON login, token beside", _json(True), {"success": "json:/ok=true"}, (by_json("/login"),), by_script),
    Animal("JSON login, token alone", **_tokened(Tokened), opening=()),
    Animal("JSON login, token alone; whoami", **_tokened(Tokened, **WHOAMI), opening=()),
    Animal("JSON login, token beside, let in", **_tokened(_json(True))),
    Animal("ticket in the page, own header", Ticketed, {"success": "body:ticket"}, opens=with_ticket, opening=()),
    Animal("Basic beside the form", partial(Basic, IN_PLACE), doors=(FORM, by_basic("/private"), by_basic("/login"))),
    Animal("Basic beside the form, let in", **{**_guarded(partial(Basic, IN_PLACE), **WHOAMI), "doors": BOTH}),
    Animal("Basic on every page", **_guarded(Guarded), opening=()),
    Animal("Basic on every page; whoami", **_guarded(Guarded, **WHOAMI), opening=()),
    Animal("Basic on every page, then a session", **_guarded(Seated)),
    Animal("unlisted door, same fields, new id", **_second(NEW)),
    Animal("unlisted door, same fields, in silence", **_second(SILENT)),
    Animal("unlisted door, other fields, new id", **_second(NEW, "u", "p")),
    Animal("unlisted door, other fields, in silence", **_second(SILENT, "u", "p")),
    Animal(
        "login by GET",
        partial(Beast, IN_PLACE, {"/login": reads_query()}),
        doors=(by_query("/login"), by_query("/login", method="POST"), by_query("/login", method="HEAD")),
        enter=by_address,
    ),
    Animal(
        "login at any path", partial(Anywhere, IN_PLACE), {"success": "redirect body:SECRET"},
        (FORM, by_form("/private"), by_form("/x.css")),
    ),
    Animal("logged in by reset, listed", Resetting, {"login": "/login /reset"}, (FORM, _reset)),
    Animal(
        "logged in and remembered by a link, listed", Recalling, {"login": "/login /reset"},
        (FORM, by_query("/reset", "link", "new")), opening=("sid", "remember_token"),
    ),
    Animal("logged in by reset, in silence, unlisted", partial(Resetting, SILENT), doors=(FORM, _reset)),
    Animal(
        "logged in by registration", partial(Registering, IN_PLACE), {"login": "/login /register"},
        (FORM, by_form("/register")),
    ),
    Animal("greets any login of the logged-in", partial(Beast, IN_PLACE, greets=True)),
    Animal("id rotated with every answer", partial(Rotating, IN_PLACE)),
    Animal(";jsessionid in the path", partial(Beast, IN_PLACE, path_ids=True)),
    Animal("?sid= in the query", partial(Beast, IN_PLACE, query_ids=True)),
    Animal("reads the first of two", partial(Picky, IN_PLACE, first=True)),
    Animal("reads the last of two", partial(Picky, IN_PLACE, first=False)),
    Animal("names folded", Folding, aliases=FOLDED),
    Animal("names folded with accents", partial(Folding, accents=True), aliases=ACCENTS),
    Animal("200 with the page", Paging, {"success": "body:SECRET"}),
    Animal("cookie deleted, then set", partial(Fickle, IN_PLACE)),
    Animal("cookies with paths", Pathed),
    Animal("two cookies of one session", Generous, opening=("sid", "twin")),
    Animal("late start_response", partial(LateStart, IN_PLACE)),
    Animal("write()", Writing),
    Animal("exc_info after the cookie", SecondThoughts),
    Animal("endless bodies", partial(Endless, IN_PLACE), pages=("/stream",)),
    Animal("token of a session before the login", partial(Forgery, IN_PLACE)),
]  # fmt: skip
#: Once more with whoami, asked as the realm's default has it.
ASKED = """
same id, in silence/session signed on the client/remember-me opens alone/Basic beside the form/names folded with accents
unlisted door, other fields, new id/logged in by reset, listed/logged in and remembered by a link, listed
logged in by registration
greets any login of the logged-in/id rotated with every answer
"""
#: Once more with whoami, asked after every request that may have been a login.
ASKED_AGAIN = """
unlisted door, same fields, in silence/unlisted door, other fields, in silence/logged in by reset, in silence, unlisted
login by GET/login at any path/endless bodies/session signed on the client
"""


def _again(names: str, mark: str, **more: str) -> list[Animal]:
    wanted = [name.strip() for line in names.strip().splitlines() for name in line.split("/")]
    return [
        replace(animal, name=f"{animal.name}; {mark}", realm={**animal.realm, **WHOAMI, **more})
        for animal in BARE
        if animal.name in wanted
    ]


ALIKE = Animal("right and wrong alike; whoami", partial(Alike, IN_PLACE), {**WHOAMI, "success": "whoami"})
ALWAYS = {"whoami_again": "query", "whoami_first": "yes"}
ANIMALS = [*BARE, *_again(ASKED, "whoami"), *_again(ASKED_AGAIN, "whoami always", **ALWAYS), ALIKE]
#: By name.
ZOO: dict[str, Animal] = {animal.name: animal for animal in ANIMALS}
