"""Paths: whatever software takes for a path below /admin is protected."""

from __future__ import annotations

from core.parts import realm
from support.raw_wsgi import request as environ_of

from fuzz.readers import PATHS
from tfa_middleware.errors import BadRequest
from tfa_middleware.paths import NOWHERE, Globs, address, folded, local
from tfa_middleware.realm import PROTECTED, PUBLIC, Map, Realm
from tfa_middleware.request import Request

OPEN = ("static", "api", "login")
SUFFIX = ".css"
ADMIN = realm(
    "admin",
    paths=("/admin",),
    login=("/admin/login",),
    public=("/admin/static",),
    exempt=("/admin/api",),
    public_suffixes=(SUFFIX,),
)
USER = realm("user", paths=("/",), login=("/login",), public=("/static",), exempt=("/api",), public_suffixes=())
#: The site of one realm that leaves the rest alone, and the site that is protected as a whole.
MAPS = (Map([ADMIN]), Map([USER, ADMIN]))


def path(data: bytes) -> None:
    """A PATH_INFO, in which the server decoded the octets once: where some software comes to /admin/..., the request is
    refused or protected in the realm of /admin."""
    environ = environ_of("/")
    environ["PATH_INFO"] = "/" + data.decode("latin-1")
    request = Request.of(environ)
    for known in MAPS:
        try:
            found = known.find(request.address)
        except BadRequest:
            continue
        _check(request, found)


def _check(request: Request, found: Realm | None) -> None:
    kind = found.classify(request) if found is not None else "outside"
    for who, read in PATHS.items():
        parts = read(request.path_info)
        if [part.lower() for part in parts[:1]] != ["admin"]:
            continue
        assert found is ADMIN, f"{who} reads /admin where the gate reads none"
        below = parts[1].lower() if len(parts) > 1 else ""
        style = kind == PUBLIC and parts[-1].lower().endswith(SUFFIX)
        assert kind == PROTECTED or below in OPEN or style, f"{who} reads a protected path where the gate says {kind}"


def local_path(data: bytes) -> None:
    """Folding is stable, no slash or dot stays, and an odd path is matched by no list."""
    text = data.decode("latin-1")
    found = address("", "/" + text)
    again = "/" + "/".join(found.folded)
    # What is encoded eight times over is left as it is: nobody decodes that often.
    assert folded(again) == found.folded or text.count("%") >= 8
    assert not any("/" in part or "\\" in part or part in ("", ".") for part in found.folded)
    assert local(text) in ("", text)
    if not found.odd:
        assert local(text) == "" or text.isascii()
        assert Globs(["*"]).match(found.path)
    assert NOWHERE.odd
