"""What the fuzzer found, carried through the whole gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from attacks.apps import IN_PLACE, NEW, SILENT, Console
from attacks.stage import WHOAMI, Stage

FORM_INSIDE = {
    "application/json": b'{"a":"&username=alice&password=right&"}',
    "application/vnd.api+json": b'["&username=alice&password=right&"]',
    "multipart/form-data; boundary=b": (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n&username=alice&password=right&\r\n--b--\r\n'
    ),
}


@pytest.mark.parametrize("more", [{}, WHOAMI], ids=["no whoami", "whoami"])
@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
@pytest.mark.parametrize("kind", FORM_INSIDE)
def test_a_login_in_a_body_of_another_type(tmp_path: Path, kind: str, habit: str, more: Mapping[str, str]) -> None:
    """An application that reads forms whatever the type says, as Bottle does, logs in by such a body."""
    # A6
    stage = Stage(tmp_path, Console(habit), **more)
    client = stage.passed("mallory")
    client.post("/login", FORM_INSIDE[kind], CONTENT_TYPE=kind)
    client.get("/private")
    assert stage.console.served["alice"] == 0
    assert stage.client().post("/login", FORM_INSIDE[kind], CONTENT_TYPE=kind).location != "/private"
    stage.safe()
