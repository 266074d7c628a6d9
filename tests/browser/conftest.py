"""Browsers, servers and mail for the journeys: all of them real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from smtp_servers import Certificates
from support.servers import GUNICORN, WAITRESS, Site, serving

from browser.chrome import Chrome
from browser.sites import CONSOLE, ini

Serve = Callable[..., Site]
#: For journeys that only look at pages: one server is enough.
on_waitress = pytest.mark.parametrize("server", [WAITRESS])
on_gunicorn = pytest.mark.parametrize("server", [GUNICORN])


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser = Chrome(tmp_path_factory.mktemp("chrome"))
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def other_chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A second person, or the same one at another desk."""
    browser = Chrome(tmp_path_factory.mktemp("other"))
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def plain_chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser without JavaScript."""
    browser = Chrome(tmp_path_factory.mktemp("plain"), scripts=False)
    yield browser
    browser.quit()


@pytest.fixture(params=[WAITRESS, GUNICORN])
def server(request: pytest.FixtureRequest) -> str:
    """Journeys go on both, unless they say otherwise."""
    return str(request.param)


@pytest.fixture
def serve(server: str, tmp_path: Path) -> Iterator[Serve]:
    """``serve(realm={"policy": "required"}, mail="smtp = ...") -> Site``."""
    with ExitStack() as stack:

        def start(text: str = "", app: str = CONSOLE, **changes: str) -> Site:
            folder = tmp_path / f"site{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(serving(server, text or ini(**changes), folder, app))

        yield start


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """The authority that the site trusts for mail."""
    return Certificates()
