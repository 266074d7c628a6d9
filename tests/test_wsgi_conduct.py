"""WSGI conduct (REQUIREMENTS H, PEP 3333): odd applications come through the gate unharmed, on every way."""

from __future__ import annotations

from itertools import pairwise
from wsgiref.util import FileWrapper

import pytest
from support import odd_apps
from support.odd_apps import BROKEN, RAISING, WHOLE, Odd
from support.raw_wsgi import Exchange, request, served
from support.stands import PATHS, Stands, Way, ids

from tfa_middleware.streaming import Watched

COOKIELESS = ("public", "exempt")
UNTOUCHED = [name for name in PATHS if not name.endswith("ahead")]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stands:
    return Stands(tmp_path_factory.mktemp("gate"))


def applications_own(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    ours = ("tfa-user=", "__Host-tfa-user=")
    added = (("Vary", "Cookie"), ("Cache-Control", "private"))  # the latter where a visitor's session is given (G8)
    return [(k, v) for k, v in headers if (k, v) not in added and not v.startswith(ours)]


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("app", WHOLE, ids=ids(WHOLE))
def test_an_odd_answer_comes_through_as_it_is_and_is_closed_once(app: Way, way: str, stand: Stands) -> None:
    # H1 late_start, H2 error_before_the_first_block, H4 write, H5, H7
    odd, alone = Odd(app), Odd(app)
    here = stand(odd, way)
    expected, seen = served(alone, request("/")), here.served()
    assert seen.error is None
    assert seen.status == expected.status
    assert b"".join(seen.sent) == b"".join(expected.sent)
    kept = [one for one in expected.headers if way not in COOKIELESS or one[0] != "Set-Cookie"]
    if app is odd_apps.not_modified and way.endswith("ahead"):
        kept = [("ETag", 'W/"1"')]  # the page that it stands for may have got the link (H9)
    assert applications_own(seen.headers) == kept
    assert (odd.calls, odd.closed) == (1, alone.closed)


@pytest.mark.parametrize("way", PATHS)
def test_the_answer_to_head_keeps_its_length_and_has_no_body(way: str, stand: Stands) -> None:  # H9
    odd = Odd(odd_apps.head)
    here = stand(odd, way)
    seen = here.served(here.environ("HEAD"))
    assert (seen.body, seen.all("Content-Length"), odd.closed) == (b"", ["1234"], 1)


@pytest.mark.parametrize("way", UNTOUCHED)
@pytest.mark.parametrize("app", WHOLE, ids=ids(WHOLE))
def test_what_is_not_looked_at_is_the_very_object_of_the_application(app: Way, way: str, stand: Stands) -> None:
    odd = Odd(app)
    seen = stand(odd, way).served()
    # H7: a server knows its own file wrapper; what may take long is watched while its pass lives
    if way.startswith(("passed", "visitor")) and not hasattr(odd.given, "__len__") and app is not odd_apps.file_wrapper:
        assert isinstance(seen.iterable, Watched)
    else:
        assert seen.iterable is odd.given
    if app is odd_apps.file_wrapper:
        assert type(seen.iterable) is FileWrapper


@pytest.mark.parametrize("way", PATHS)
def test_an_endless_stream_is_neither_gathered_nor_drained(way: str, stand: Stands) -> None:  # H6
    odd = Odd(odd_apps.endless)
    seen = stand(odd, way).served(take=5)
    assert seen.blocks == [b"tick"] * 5
    assert seen.written == []
    assert odd.made <= 6
    assert odd.closed == 1  # H5: an early stop


@pytest.mark.parametrize("way", PATHS)
def test_every_block_is_out_before_the_next_is_made(way: str, stand: Stands) -> None:  # H6
    odd = Odd(odd_apps.endless)
    here = stand(odd, way)
    iterator = iter(here.bench.app(here.environ(), Exchange().start))
    made = []
    for _ in range(4):
        next(iterator)
        made.append(odd.made)
    assert [after - before for before, after in pairwise(made)] == [1, 1, 1]
    iterator.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", PATHS)
def test_a_client_that_goes_before_the_first_block_closes_too(way: str, stand: Stands) -> None:  # H5
    odd = Odd(odd_apps.no_reason)
    stand(odd, way).served(take=0)
    assert odd.closed == 1


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("app", BROKEN, ids=ids(BROKEN))
def test_an_error_after_the_first_block_reaches_the_server(app: Way, way: str, stand: Stands) -> None:  # H2, H5
    odd = Odd(app)
    seen = stand(odd, way).served()
    assert type(seen.error) is (LookupError if app is odd_apps.raises_while_iterated else ValueError)
    assert (seen.body, seen.status, odd.closed) == (b"one", "200 OK", 1)


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("app", RAISING, ids=ids(RAISING))
def test_an_exception_of_the_application_goes_on_as_its_own(app: Way, way: str, stand: Stands) -> None:  # H2
    odd = Odd(app)
    seen = stand(odd, way).served()
    assert type(seen.error) is LookupError
    assert seen.body == b""
    assert odd.closed == (app is odd_apps.raises_at_the_first_block)
