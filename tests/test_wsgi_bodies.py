"""Bodies of requests on their way to the application (REQUIREMENTS H11)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pytest
from support import odd_apps
from support.bench import Bench
from support.odd_apps import Odd
from support.raw_wsgi import Environ, Start, served
from support.stands import Stands, settings
from support.validated import NAVIGATION, Client, Console

FORM = b"username=alice&password=right"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stands:
    return Stands(tmp_path_factory.mktemp("gate"))


class Stream(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        self.taken += len(part)
        return part


BODIES = {"empty": b"", "small": b"a=1&b=2", "10 MB": bytes(range(256)) * 40960}
POSTED = ["outside", "public", "exempt", "passed", "passed, with a look ahead"]


@pytest.mark.parametrize("way", POSTED)
@pytest.mark.parametrize("size", BODIES)
def test_a_body_reaches_the_application_whole(size: str, way: str, stand: Stands) -> None:  # H11
    odd, body = Odd(odd_apps.echo), BODIES[size]
    here = stand(odd, way)
    seen = here.served(here.environ("POST", body, CONTENT_LENGTH=str(len(body))))
    assert seen.error is None
    assert odd.bodies == [body]


@pytest.mark.parametrize("way", [*POSTED, "visitor"])
def test_a_chunked_body_reaches_the_application_whole(way: str, stand: Stands) -> None:  # H11
    odd, stream = Odd(odd_apps.echo), io.BytesIO(b"a=1&b=2")
    here = stand(odd, way)
    chunked = {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    here.served(here.environ("POST", CONTENT_TYPE="application/x-www-form-urlencoded", **chunked))
    assert odd.bodies == [b"a=1&b=2"]


@pytest.mark.parametrize("way", [*POSTED, "visitor"])
def test_nothing_is_read_past_the_length_of_a_body(way: str, stand: Stands) -> None:  # H11
    odd, stream = Odd(odd_apps.echo), Stream(b"a=1&b=2" + b"NEXT REQUEST")
    here = stand(odd, way)
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": "7", "wsgi.input": stream}
    here.served(here.environ("POST", **form))
    assert (odd.bodies, stream.taken) == ([b"a=1&b=2"], 7)


def greedy(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    odd.bodies.append(environ["wsgi.input"].read(-1))
    start("200 OK", [odd_apps.PLAIN])
    return [b""]


@pytest.mark.parametrize("way", ["visitor", "passed"])
def test_a_body_without_length_is_no_body_for_anybody(way: str, stand: Stands) -> None:  # H11
    odd = Odd(greedy)
    here = stand(odd, way)
    here.served(here.environ("POST", **{"wsgi.input": io.BytesIO(FORM)}))
    assert odd.bodies == [b""]  # what the gate did not judge, the application does not get


@pytest.mark.parametrize("length", ["30", "-1", "1e3", "+5"])
@pytest.mark.parametrize("way", ["visitor", "passed"])
def test_a_body_of_another_length_than_it_says_is_refused(way: str, length: str, stand: Stands) -> None:  # H11
    odd = Odd(odd_apps.echo)
    here = stand(odd, way)
    seen = here.served(here.environ("POST", b"a=1&b=2", CONTENT_LENGTH=length))
    assert (seen.status[:3], odd.calls) == ("400", 0)


def test_a_body_that_is_too_large_for_a_login_is_refused(stand: Stands) -> None:  # H11
    odd = Odd(odd_apps.echo)
    here = stand(odd, "visitor")
    assert here.served(here.environ("POST", BODIES["10 MB"])).status[:3] == "400"
    assert odd.calls == 0


MULTIPART = b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nright\r\n--b--\r\n'
LOGINS = {
    "form": ("application/x-www-form-urlencoded", b"username=alice&password=right&next=%2F&empty="),
    "JSON": ("application/json", b'{ "username":"alice",\n "password" : "right" }'),
    "multipart": ('multipart/form-data; boundary="b"', MULTIPART.replace(b"right", b"right", 1)),
}


@pytest.mark.parametrize("kind", LOGINS)
def test_a_login_reaches_the_application_byte_for_byte(kind: str, tmp_path: Path) -> None:  # H11
    console = Console(Odd(odd_apps.echo))
    client = Client(Bench(console, tmp_path, **settings()).app)
    content_type, body = LOGINS[kind]
    served(client._app, client.environ("/site/login", "POST", body, CONTENT_TYPE=content_type, **NAVIGATION))
    assert console.login_body == body
