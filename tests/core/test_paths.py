"""Paths in all their spellings (REQUIREMENTS A2, G4; cases 66, 88, 89)."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import parts
from tfa_middleware.errors import BadRequest
from tfa_middleware.paths import LONGEST, Globs, address, folded, local, under, without_session_parameters
from tfa_middleware.realm import EXEMPT, LOGIN, PROTECTED, PUBLIC, Map

USER = parts.realm("user", public=("/static/", "/admin/open/"), exempt=("/api/",), login=("/login", "/door/*"))
ADMIN = parts.realm("admin", paths=("/admin",), public=("/admin/static/",), login=("/admin/login",))
TWO, ONE = Map([USER, ADMIN]), Map([USER])
LATIN = st.text(st.characters(codec="latin-1"), max_size=60)

#: What servers hand on as PATH_INFO, decoded once, for paths that no list of exceptions may match (A2).
ODD = [
    "/static/../admin", "/static/./x", "/static/..", "/static/.", "/./static/x", "/x/../static/x", "//static/x",
    "/static//x", "///static/x", "/static/x/../../admin", "/static\\x", "\\static/x", "/static/..\\admin",
    "/static;/../admin", "/static;x=1/x", "/static/x;y", "/static/%2e%2e/admin", "/static/%252e%252e/admin",
    "/static/x%00", "/static/\x00", "/static/x\t", "/static/\r\nx", "/static/x\x7f", "/static/%2fadmin",
    "/static/%5cadmin", "/static/\xc0\xaf", "/static/\xff", "/static/x?y", "/static/x#y", "/static/x.", "/static/x ",
    "/static./x", "/static /x", "/static/x%3f", "/api//x", "/api/../x", "/api;x/y", "/login;x", "/login/../x",
    "/login.",
]  # fmt: skip
#: Clean, but not what the lists name.
OTHERS = ["/staticX", "/static", "/STATIC/x", "/apix", "/loginx", "/x/static/y", "/\uff53tatic/x", "/"]
#: With two realms: spellings that a lax reader takes for the administrator's area.
TWO_WAYS = [
    "/ADMIN", "/Admin/x", "//admin", "/%61dmin", "/%2561dmin", "/admin;x", "/admin;jsessionid=1/x", "/x/../admin",
    "/./admin/..", "/\\admin", "/admin\x00", "/admin\t", "/admin.", "/admin ", "/admin/../x", "/\uff41dmin",
    "/\u200badmin", "/admin%2fx", "/admin%5cx", "/adm%69n", "/static/../admin", "/..",
]  # fmt: skip


def octets(path: str) -> str:
    """The path as PEP 3333 hands it on: UTF-8 octets as latin-1 text."""
    return path if all(ord(char) < 256 for char in path) else path.encode().decode("latin-1")


@pytest.mark.parametrize("path", ODD, ids=repr)
def test_an_odd_path_is_protected_whatever_the_lists_say(path: str) -> None:  # A2; cases 88, 89
    for method in ("GET", "POST"):
        assert USER.classify(parts.request("/", method, PATH_INFO=octets(path))) == PROTECTED


@pytest.mark.parametrize("path", OTHERS, ids=repr)
def test_lists_match_whole_segments_in_their_own_case(path: str) -> None:  # A2
    assert USER.classify(parts.request(octets(path), "POST")) == PROTECTED


@pytest.mark.parametrize("path", TWO_WAYS, ids=repr)
def test_what_two_readers_put_into_two_realms_is_refused_or_the_stricter_ones(path: str) -> None:  # A2, A21; case 88
    try:
        found = TWO.find(parts.request(octets(path)).address)
    except BadRequest:
        return
    assert found is ADMIN


@pytest.mark.parametrize("path", ["admin", "", "*", "http://evil/admin", "@evil/"])
def test_a_target_that_is_no_path_is_refused(path: str) -> None:  # case 90
    if path:
        with pytest.raises(BadRequest):
            TWO.find(address("", path))
    else:
        assert TWO.find(address("", path)) is USER  # the empty path is the root


def test_one_realm_on_everything_takes_every_path() -> None:  # a backup console has odd names of files
    assert ONE.find(address("", "/x/../y")) is USER
    assert TWO.find(address("", "/adminX")) is USER
    assert Map([ADMIN]).find(address("", "/open")) is None
    assert TWO.find(address("/admin", "/x")) is ADMIN  # the mount point counts
    assert TWO.find(address("", "/admin")) is TWO.find(address("", "/admin/")) is ADMIN


CLASSES = {
    ("/static/x", "POST"): PUBLIC, ("/static/", "GET"): PUBLIC, ("/a/b.css", "GET"): PUBLIC,
    ("/a.CSS", "HEAD"): PUBLIC, ("/a/b.css", "POST"): PROTECTED, ("/a/b.cssx", "GET"): PROTECTED,
    ("/api/x", "PUT"): EXEMPT, ("/login", "GET"): LOGIN, ("/login/", "FOO"): LOGIN, ("/door/a/b", "GET"): LOGIN,
    ("/door", "GET"): PROTECTED, ("/login/x", "GET"): PROTECTED, ("/a/b.css/", "GET"): PROTECTED,
    ("/door/x.css", "GET"): LOGIN, ("/admin/open/x", "GET"): PUBLIC,
}  # fmt: skip


@pytest.mark.parametrize(("path", "method"), CLASSES)
def test_the_class_of_a_clean_path(path: str, method: str) -> None:
    assert USER.classify(parts.request(path, method)) == CLASSES[path, method]


def test_exempt_paths_are_for_their_networks_alone() -> None:  # A18
    from tfa_middleware.declare import networks

    realm = parts.realm(exempt=("/api/",), exempt_networks=networks("10.0.0.0/8 ::1"))
    assert realm.classify(parts.request("/api/x", REMOTE_ADDR="10.1.2.3")) == EXEMPT
    assert realm.classify(parts.request("/api/x", REMOTE_ADDR="::1")) == EXEMPT
    for stranger in ("203.0.113.7", "", "unix:", "10.0.0.1.evil"):
        assert realm.classify(parts.request("/api/x", REMOTE_ADDR=stranger)) == PROTECTED
    spoofed = parts.request("/api/x", REMOTE_ADDR="203.0.113.7", HTTP_X_FORWARDED_FOR="10.1.2.3")  # case 61
    assert realm.classify(spoofed) == PROTECTED


@given(LATIN, LATIN)
@example("", "")
def test_every_path_has_an_address(script: str, path: str) -> None:
    found = address(script, path)
    assert ".." not in found.folded or found.odd
    if not found.odd:
        assert found.path.startswith("/")


@given(LATIN)
def test_what_is_public_is_so_for_the_laxest_reader_too(path: str) -> None:  # A2
    seen = parts.request("/", PATH_INFO=path)
    if USER.classify(seen) == PUBLIC and under(seen.address.path, "/static/"):
        assert seen.address.folded[:1] == ("static",)


def test_a_path_that_is_longer_than_any_is_refused() -> None:  # its marks are put in order in the square of the time
    assert address("", "/" + "a" * (LONGEST - 1)).path
    for script, path in (("", "/" + "a" * LONGEST), ("/mount", "/" + "\xcc\x81" * 4096)):
        with pytest.raises(BadRequest):
            address(script, path)


def test_decoding_ends_for_paths_that_are_encoded_many_times() -> None:  # A2
    deep = "/%" + "25" * 9 + "61dmin"
    assert address("", deep).odd
    assert "%" in folded(deep)[0]


@given(LATIN)
def test_folded_segments_are_whole(path: str) -> None:
    once = folded(path)
    assert all(part and "/" not in part for part in once)


CUT = {
    "/a;jsessionid=1": "/a",
    "/a;JSESSIONID=1/b": "/a/b",
    "/a;PHPSESSID": "/a",
    "/a;sid=1;x=2": "/a;x=2",
    "/a;sidx=1": "/a;sidx=1",
    "/a;jsessionid=1;jsessionid=2/b;cftoken=3": "/a/b",
    "/a": "/a",
}


@pytest.mark.parametrize("path", CUT)
def test_a_session_id_in_the_path_is_cut_off(path: str) -> None:  # law, g
    assert without_session_parameters(path) == CUT[path]


@given(LATIN)
def test_cutting_leaves_nothing_to_cut(path: str) -> None:  # law, g: no ";jsession;jsessionid=1id=2"
    cut = without_session_parameters(path)
    assert without_session_parameters(cut) == cut


def test_globs() -> None:
    globs = Globs(["/login", "/a.b/", "*.php", "/x/*"])
    assert all(globs.match(path) for path in ("/login", "/login/", "/a.b", "/a.b/", "/y/z.php", "/x/", "/x/\n"))
    assert not any(globs.match(path) for path in ("/loginx", "/login/x", "/aXb", "/y.phpx", "/x", "", "/login\n"))
    assert not Globs([]).match("")


FOREIGN = [
    "//evil", "///evil", "/\\evil", "\\\\evil", "/\t/evil", "\t//evil", " //evil", "https:evil", "https:///evil",
    "http:/evil", "javascript:alert(1)", "data:,x", "/%5cevil", "/%5Cevil", "/%2f/evil", "/..//evil", "/../x", "/x/..",
    "@evil", "/ok\r\nSet-Cookie:x", "/ok\n", "//host@evil", "/\u3002evil", "", "/" + "x" * 2048, "/%00", "/a b",
    "/%e2%80%8bx", "/x/%2e%2e/y", "/\x7f", "x", "?x", "#x",
]  # fmt: skip


@pytest.mark.parametrize("target", FOREIGN, ids=repr)
def test_what_could_lead_off_the_site_is_no_target(target: str) -> None:  # G4; case 66
    assert local(target) == ""


@pytest.mark.parametrize("target", ["/", "/a/b?c=d#e", "/a?next=//x", "/a%20b", "/a?x=/../", "/.hidden", "/a/..b"])
def test_a_path_on_this_site_is_a_target(target: str) -> None:  # G4
    assert local(target) == target


@given(st.text(max_size=80) | st.from_regex(r"/[/\\%.a-zA-Z0-9:@?#]{0,20}", fullmatch=True))
def test_a_target_never_leaves_the_site(target: str) -> None:  # G4
    found = local(target)
    assert found in (target, "")
    if found:
        assert urlsplit(urljoin("https://site.example/login", found)).netloc == "site.example"
