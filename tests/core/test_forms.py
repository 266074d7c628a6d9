"""Bodies and queries as the laxest framework reads them (REQUIREMENTS A6, H11)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tfa_middleware import forms
from tfa_middleware.errors import BadRequest
from tfa_middleware.forms import Fields

URLENCODED, JSON = "application/x-www-form-urlencoded", "application/json"
MULTIPART = 'multipart/form-data; boundary="b"'


def read(body: bytes | None, kind: str = URLENCODED, query: str = "", **environ: str) -> Fields:
    return forms.read({"CONTENT_TYPE": kind, "QUERY_STRING": query, **environ}, body)


def part(name: str, value: str, more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


def multipart(*parts: str) -> bytes:
    return ("".join(parts) + "--b--\r\n").encode()


#: Spellings under which some framework finds a field called "password".
SPELLINGS = [
    "password",
    " password",
    "password ",
    "PassWord",
    "password[]",
    "password[a][b]",
    "password\x00x",
    "\tpassword",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_of_the_field_counts(name: str) -> None:  # A6, A10; law c
    assert forms.canonical(name) == forms.canonical("password")


@pytest.mark.parametrize(
    ("name", "other"), [("a.b", "a_b"), ("a b", "a_b"), ("a[b", "a_b"), ("a[b]", "a"), ("[a]", "")]
)
def test_names_fold_as_php_folds_them(name: str, other: str) -> None:
    assert forms.canonical(name) == other


READABLE = {
    "form": (b"password=x&user=a+b", URLENCODED, [("password", "x"), ("user", "a b")]),
    "form, charset": (b"password=x", URLENCODED + "; charset=UTF-8", [("password", "x")]),
    "semicolons": (b"a=1;password=x", URLENCODED, [("a", "1;password=x"), ("a", "1"), ("password", "x")]),
    "blank": (b"password=", URLENCODED, [("password", "")]),
    "bad UTF-8": (b"password=%ff", URLENCODED, [("password", "\ufffd")]),
    "JSON": (b'{"password": "x", "n": 1, "yes": true}', JSON, [("password", "x"), ("n", "1")]),
    "JSON of a kind": (b'{"password": "x"}', "application/vnd.api+json", [("password", "x")]),
    "deep JSON": (b'[{"a": {"password": "x"}}]', JSON, [("password", "x")]),
    "JSON text": (b'{"password": "x"}', "text/json", [("password", "x")]),
    "multipart": (multipart(part("password", "x")), MULTIPART, [("password", "x")]),
    "file": (multipart(part("file", "x", '; filename="f"')), MULTIPART, [("file", "x")]),
    "large part": (multipart(part("a", "x" * 99_999)), MULTIPART, [("a", "x" * 99_999)]),
    "JSON that says it is a form": (b'{"a": "x"}', URLENCODED, [('{"a": "x"}', ""), ("a", "x")]),
    "nearly JSON": (b'{"a": ', URLENCODED, [('{"a": ', "")]),
}


@pytest.mark.parametrize("name", READABLE)
def test_what_is_read(name: str) -> None:  # A6
    body, kind, fields = READABLE[name]
    assert read(body, kind) == Fields(fields, [], readable=True, empty=False)


#: Parts whose name or value frameworks read differently: Django decodes base64 and takes the last name.
TWO_WAYS = {
    "base64": multipart(part("user", "YWRtaW4=", "\r\nContent-Transfer-Encoding: base64")),
    "quoted-printable": multipart(part("user", "=61dmin", "\r\nContent-Transfer-Encoding: Quoted-Printable")),
    "charset": multipart(part("user", "+AGE-", "\r\nContent-Type: text/plain; charset=utf-7")),
    "two names": multipart(part("q", "x", '; name="user"')),
    "an encoded name": multipart(part("q", "x", "; name*=utf-8''user")),
    "two dispositions": multipart(part("q", "x", '\r\nContent-Disposition: form-data; name="user"')),
    "an escaped name": multipart(part('u\\"ser', "x")),
    "no name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    "no line end before the boundary": multipart(part("user", "x").removesuffix("\r\n")),
    "text before": b"x" + multipart(part("user", "x")),
    "text after": multipart(part("user", "x")) + b"x",
    "no end": part("user", "x").encode(),
    "bare line ends": multipart(part("user", "x")).replace(b"\r\n", b"\n"),
}
ALIKE = {
    "binary": part("user", "x", "\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset=UTF-8"),
    "a file": part("user", "x", '; filename="b;c.txt"\r\nContent-Type: image/png'),
}


@pytest.mark.parametrize("name", TWO_WAYS)
def test_a_part_that_can_be_read_in_two_ways_is_not_read(name: str) -> None:  # A6
    assert read(TWO_WAYS[name], MULTIPART) == Fields([], [], readable=False, empty=False)


@pytest.mark.parametrize("name", ALIKE)
def test_a_part_that_all_read_alike_is_read(name: str) -> None:
    assert read(multipart(ALIKE[name]), MULTIPART).body == [("user", "x")]


def test_two_boundaries_are_not_read() -> None:  # A6
    assert not read(multipart(part("user", "x")), MULTIPART + "; boundary=b").readable


UNREADABLE = {
    "no type": (b"password=x", ""),
    "unknown type": (b"password=x", "text/plain"),
    "UTF-7": (b"password=x", URLENCODED + "; charset=utf-7"),
    "two charsets": (b"password=x", URLENCODED + "; charset=utf-8; charset=utf-16"),
    "no JSON": (b"{", JSON),
    "UTF-16 JSON": ('{"password": "x"}'.encode("utf-16"), JSON),
    "too deep JSON": (b'{"a":' * 10 + b"1" + b"}" * 10, JSON),
    "far too deep JSON": (b"[" * 100_000, JSON),
    "no boundary": (b"--b--", "multipart/form-data"),
    "broken multipart": (b"--b\r\nnonsense", MULTIPART),
    "too large": (None, URLENCODED),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_with_certainty_says_so(name: str) -> None:  # A6
    body, kind = UNREADABLE[name]
    assert read(body, kind, "q=1") == Fields([], [("q", "1")], readable=False, empty=False, larger=body is None)


def test_a_coded_body_is_not_read() -> None:  # A6
    assert not read(b"password=x", HTTP_CONTENT_ENCODING="gzip").readable
    assert read(b"password=x", HTTP_CONTENT_ENCODING=" Identity ").readable


def test_no_body_is_readable_whatever_its_type() -> None:
    assert read(b"", "text/plain", "a=1;b=2") == Fields([], [("a", "1;b=2"), ("a", "1"), ("b", "2")])


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'{"a": 1, "A": 2}', b'[{"x": {"a.b": 1, "a_b": 2}}]'])
def test_a_json_key_twice_is_refused(body: bytes) -> None:  # A6
    with pytest.raises(BadRequest):
        read(body, JSON)


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(BadRequest):
        read(b"&".join([b"a=1"] * 2001))


DISGUISED = {
    JSON: b'{"a": "&password=right&"}',
    "text/json": b'["x;password=right;"]',
    MULTIPART: multipart(part("a", "&password=right&")),
}


@pytest.mark.parametrize("kind", DISGUISED)
def test_a_form_inside_another_type_counts(kind: str) -> None:  # A6: who reads every body as a form finds a password
    assert read(DISGUISED[kind], kind).values("password") == ["right"]


def test_plain_bodies_of_other_types_hold_no_more_than_they_say() -> None:
    assert read(b'{"password": "a&b=c;d"}', JSON).values("password") == ["a&b=c;d"]
    assert read(multipart(part("name", "x")), MULTIPART).body == [("name", "x")]
    assert read(b'{"a": "' + b"&b" * 10_001 + b'"}', JSON) == Fields([], [], readable=False, empty=False)


def test_an_input_that_the_server_cannot_read_is_a_bad_request() -> None:  # H11
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise RuntimeError("no chunk")

    with pytest.raises(BadRequest):
        forms.take({"CONTENT_LENGTH": "5", "wsgi.input": Broken(b"hello")}, 100)


def test_values_come_from_body_and_query() -> None:  # A6
    fields = read(b"user=a&user=b", query="USER=c")
    assert fields.values("user") == ["a", "b", "c"]
    assert fields.values("user", query=False) == ["a", "b"]
    assert fields.values("user", body=False) == ["c"]


BODY = st.binary(max_size=300) | st.sampled_from([body for body, _, _ in READABLE.values()])
KIND = st.text(max_size=40) | st.sampled_from([URLENCODED, JSON, MULTIPART, "multipart/form-data; boundary=", "+json"])


@given(BODY, KIND, st.text(st.characters(codec="latin-1"), max_size=60), st.text(max_size=10))
@example(b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", MULTIPART, "", "")
@example(b"1" * 5000, JSON, "", "")
@example(b'{"a": ' + b"9" * 5000 + b"}", JSON, "", "")
@example(b'{"a": 1e999, "b": NaN, "\\ud800": "\\ud800"}', JSON, "", "")
@example(b"--b--", 'multipart/form-data; boundary="\x00"', "", "")
@example(b"--b--", "multipart/form-data; boundary=\u0100", "", "")
def test_nothing_but_bad_request_is_ever_raised(body: bytes, kind: str, query: str, coding: str) -> None:  # K6
    try:
        fields = read(body, kind, query, HTTP_CONTENT_ENCODING=coding)
    except BadRequest:
        return
    fields.values("password")


# -- taking the body


def environ(body: bytes, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(body), **more}


@pytest.mark.parametrize("length", ["0", "", None])
def test_no_length_is_no_body(length: str | None) -> None:  # H11
    here = environ(b"smuggled", **({} if length is None else {"CONTENT_LENGTH": length}))
    assert forms.take(here, 100) == b""
    assert here["wsgi.input"].read() == b""


def test_a_type_of_endless_parameters_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for a charset in them takes time by their square, and all requests wait meanwhile."""
    monkeypatch.setattr("tfa_middleware.forms.re", None)
    fields = forms.read(
        {"CONTENT_TYPE": "application/x-www-form-urlencoded;" + "charset" * 100}, b"username=a&password=b"
    )
    assert (fields.readable, fields.body) == (False, [])


@pytest.mark.parametrize("marks", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"wsgi.input_terminated": True}])
def test_a_terminated_body_gets_its_length(marks: dict[str, Any]) -> None:  # H11
    here = environ(b"body", **marks)
    assert forms.take(here, 100) == b"body"
    assert (here["CONTENT_LENGTH"], here["wsgi.input"].read()) == ("4", b"body")
    assert "HTTP_TRANSFER_ENCODING" not in here


class Dribble(io.BytesIO):
    """Gives one octet at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 1))


@pytest.mark.parametrize("size", [99, 100, 101, 5000])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("stream", [io.BytesIO, Dribble])
def test_a_body_comes_back_whole_and_ends_where_it_ended(size: int, chunked: bool, stream: type[io.BytesIO]) -> None:
    body = bytes(range(256)) * 20
    body = body[:size]  # H11
    after = b"" if chunked else b"NEXT REQUEST"
    here = {"wsgi.input": stream(body + after)}
    here |= {"wsgi.input_terminated": True} if chunked else {"CONTENT_LENGTH": str(size)}  # type: ignore[dict-item]
    assert forms.take(here, 100) == (body if size <= 100 else None)
    assert here["wsgi.input"].read() == body


@pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", "1_0", " 1", "1" * 16, "\u0661"])
def test_a_length_that_is_a_riddle_is_refused(length: str) -> None:  # H11
    with pytest.raises(BadRequest):
        forms.take(environ(b"x", CONTENT_LENGTH=length), 100)


def test_a_body_that_stops_early_is_refused() -> None:  # H11
    with pytest.raises(BadRequest):
        forms.take(environ(b"half", CONTENT_LENGTH="8"), 100)
