"""WSGI conduct of held answers (REQUIREMENTS H, PEP 3333), and of answers that meet an error of the gate."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from support import odd_apps
from support.bench import Bench
from support.odd_apps import Odd
from support.raw_wsgi import Environ, Start, served
from support.stands import Way, ids, settings, visitor
from support.validated import NAVIGATION, SCRIPT, Client, Console

from tfa_middleware.errors import StoreError
from tfa_middleware.stores.base import Entry
from tfa_middleware.stores.memory import MemoryStore

FORM = b"username=alice&password=right"


def written(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("303 See Other", [odd_apps.PLAIN, ("Location", "/site/page"), ("Set-Cookie", "sid=raw; Path=/")])
    write(b"SECRET")
    return odd_apps.Closing(odd, [b"SECRET"])


def generated(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterable[bytes]:
        start("303 See Other", [odd_apps.PLAIN, ("Location", "/site/page"), ("Set-Cookie", "sid=raw; Path=/")])
        yield b"SECRET"

    return odd_apps.Closing(odd, blocks())


def replaced(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    """Announces one answer, then another: both with a cookie (case 19)."""
    start("200 OK", [odd_apps.PLAIN, ("Set-Cookie", "sid=raw-first; Path=/")])
    try:
        raise ValueError("early")
    except ValueError:
        info = sys.exc_info()
        start("303 See Other", [odd_apps.PLAIN, ("Location", "/x"), ("Set-Cookie", "sid=raw; Path=/")], info)
    return odd_apps.Closing(odd, [b"SECRET"])


HELD = [written, generated, replaced]


@pytest.mark.parametrize("app", HELD, ids=ids(HELD))
def test_of_a_held_answer_nothing_goes_out_and_it_is_closed_once(app: Way, tmp_path: Path) -> None:
    odd = Odd(app)  # H1, H3, H4, H5; cases 19, 20
    here = visitor(odd, tmp_path)
    secret = here.bench.enrol_totp("alice")
    seen = here.served(here.environ("POST", FORM))
    assert seen.all("Location") == ["/_tfa/user/challenge"]
    assert "raw" not in str(seen.headers)
    assert b"SECRET" not in seen.body
    assert (seen.written, odd.calls, odd.closed) == ([], 1, 1)
    here.client.keep(seen)
    page = here.client.follow(seen)
    after = here.client.press("/_tfa/user/challenge", page, action="verify", code=here.bench.code(secret))
    assert "sid=raw; Path=/" in after.all("Set-Cookie")


def test_a_login_that_fails_in_its_middle_opens_nothing(tmp_path: Path) -> None:  # H3
    def fails(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        def blocks() -> Iterable[bytes]:
            start("303 See Other", [odd_apps.PLAIN, ("Location", "/x"), ("Set-Cookie", "sid=raw; Path=/")])
            yield b"one"
            try:
                raise ValueError("late")
            except ValueError:
                start("200 OK", [odd_apps.PLAIN, ("Set-Cookie", "sid=raw; Path=/")], sys.exc_info())
            yield b"never"

        return odd_apps.Closing(odd, blocks())

    odd = Odd(fails)
    here = visitor(odd, tmp_path)
    here.bench.enrol_totp("alice")
    seen = here.served(here.environ("POST", FORM))
    assert type(seen.error) is ValueError  # the application's own goes on to the server
    assert (seen.headers, seen.body, odd.closed) == ([], b"", 1)


class Broken(MemoryStore):
    """Fails from a moment on."""

    broken = False

    def get(self, key: str) -> Entry | None:
        if self.broken:
            raise StoreError("the store is down")
        return super().get(key)


@pytest.mark.parametrize("headers", [SCRIPT, NAVIGATION], ids=["on their way", "with a look ahead"])
@pytest.mark.parametrize("body", [b"", b"password=x"], ids=["GET", "a form with a password"])
def test_a_store_that_fails_while_an_answer_is_on_its_way_is_our_error(
    body: bytes, headers: dict[str, str], tmp_path: Path
) -> None:  # H5, K3
    def sets(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        store.broken = True
        start("200 OK", [odd_apps.PLAIN, ("Set-Cookie", "other=new; Path=/")])
        return odd_apps.Closing(odd, [b"SECRET"])

    odd, store = Odd(sets), Broken()
    bench = Bench(Console(odd), tmp_path, store=store, **settings())
    client = Client(bench.app)
    client.sign_in()
    seen = served(bench.app, client.environ("/site/x", "POST" if body else "GET", body, **headers))
    assert (seen.status[:3], seen.all("Retry-After"), seen.all("Set-Cookie")) == ("503", ["5"], [])
    assert b"SECRET" not in seen.body
    assert odd.closed <= 1
    if headers is NAVIGATION or body:  # else the application never came to give its iterable
        assert odd.closed == 1
