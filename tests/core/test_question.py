"""What of a front server's question is remembered, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from tfa_middleware.question import BODY, facts, plain

ASKED: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/_tfa/auth",
    "HTTP_HOST": "gate",
    "HTTP_X_FORWARDED_METHOD": "GET",
    "HTTP_X_FORWARDED_URI": "/page",
    "HTTP_X_FORWARDED_HOST": "console.example",
    "HTTP_COOKIE": "sid=1",
    "HTTP_ACCEPT": "*/*",
}


@pytest.mark.parametrize(
    ("more", "simple"),
    [
        ({}, True),
        ({BODY: "0"}, True),
        ({BODY: "17"}, False),
        ({"HTTP_X_FORWARDED_URI": "/page?sid=1"}, False),
        ({"HTTP_AUTHORIZATION": ""}, False),
        ({"HTTP_UPGRADE": "websocket"}, False),
        ({"CONTENT_LENGTH": "1"}, False),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, False),
        ({"HTTP_X_FORWARDED_URI": "/" + "a" * 1100}, False),
        ({"HTTP_X_FORWARDED_HOST": "a" * 1100}, False),
        ({f"HTTP_X_{number:03}": "1" for number in range(101)}, False),
        ({f"HTTP_X_{'a' * 1100}_{number}": "1" for number in range(4)}, False),
    ],
    ids=str,
)
def test_what_is_remembered_is_short_and_says_it_all(more: dict[str, str], simple: bool) -> None:
    assert plain({**ASKED, **more}) is simple


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "HTTP_HOST", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_URI"])
def test_a_question_that_lacks_a_part_of_its_address_is_not_remembered(name: str) -> None:
    assert not plain({key: value for key, value in ASKED.items() if key != name})


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_X_FORWARDED_METHOD",
        "SCRIPT_NAME",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_HOST",
        "HTTP_X_FORWARDED_URI",
        BODY,
        "CONTENT_LENGTH",
        "HTTP_UPGRADE",
        "HTTP_X_NEW",
    ],
)
def test_another_value_that_matters_is_another_question(name: str) -> None:
    assert facts({**ASKED, name: "other"}) != facts(ASKED)
    assert facts({**ASKED, "HTTP_ACCEPT": "text/html", "HTTP_COOKIE": "sid=2"}) == facts(ASKED)
