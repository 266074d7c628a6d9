"""The link in the application's pages: where it goes, what is left alone, and that a page still streams."""

from __future__ import annotations

import base64
import html
import json
import os
import random
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfa_middleware.link import Link, head_headers, inject, markup, wanted

MARK = b'<i id="M"></i>'
OK = "200 OK"
LONG = "A" * 9000
#: What misleads a reader of HTML, parted by bars.
MISLEADING = (
    "<!--|-->|--!>|<!-->|<!--->|-|!|>|<|<script>|</script>|</script |<script |<style>|</style>|<textarea>|"
    "</textarea>|<title>|</title>|<input name=x>|<input name=x>|<input NAME='x' a='>'>|<div id=x>|<div>|</div>|'|"
    '"|<a b=|<a b="|<a b c=d/ |/|/>|=| |\n|<svg>|</svg>|<svg/>|<![CDATA[|<![CDATA[>|]]>|<?|?>|</|</>|</ x|<!x|x|'
    "<p title=don't>|<xmp>|</xmp>|<iframe>|</iframe>|<template>|</template>|</SCRIPT>|<math>|</math>|<b/>|<script/>|"
    "<br>|<title/>|<style/>|<svg><foreignObject>|</foreignObject>|<desc>|</desc>|<mi>|</mi>|<p>|</p>|<font color=x>|"
    "<svg><title>|<p id=x>|\u00fc"
)
PARTS = MISLEADING.split("|")
HTML = [("Content-Type", "text/html; charset=utf-8")]


def out(
    chunks: Iterable[bytes], after: str = "", headers: list[tuple[str, str]] | None = None, status: str = OK
) -> bytes:
    return b"".join(inject(status, HTML if headers is None else headers, chunks, Link(MARK, after))[1])


def placed(page: str, after: str, *, kind: str = "text/html") -> str:
    return out([page.encode()], after, [("Content-Type", kind)]).decode().replace(MARK.decode(), "|")


class TestMarkup:
    def test_it_is_ascii_and_escaped(self) -> None:
        made = markup('/_tfa/"user"/?a&b', "Zwei-Faktor <\u65e5>", "/s.css?a&b").decode("ascii")
        assert 'href="/_tfa/&quot;user&quot;/?a&amp;b"' in made
        assert ">Zwei-Faktor &lt;&#26085;&gt;</a>" in made
        assert made.startswith('<link rel="stylesheet" href="/s.css?a&amp;b"/>')

    def test_it_needs_no_script_and_no_inline_style(self) -> None:  # any CSP of the application holds
        for made in (markup("/t", "2FA", "/s"), markup("/t", "2FA", "/s", inline=True)):
            assert b"style=" not in made
            assert b"<script" not in made
            assert b"<style" not in made

    def test_in_the_corner_it_stands_right_even_without_its_sheet(self) -> None:
        assert b'<div align="right">' in markup("/t", "2FA", "/s")
        assert b"tfa-inline" not in markup("/t", "2FA", "/s")
        assert b"<div" not in markup("/t", "2FA", "/s", inline=True)
        assert b'class="tfa-inline"' in markup("/t", "2FA", "/s", inline=True)


class TestWanted:
    @pytest.mark.parametrize(
        ("environ", "answer"),
        [
            ({"HTTP_SEC_FETCH_DEST": "document"}, True),
            ({"HTTP_ACCEPT": "text/html,*/*;q=0.8"}, True),
            ({"HTTP_SEC_FETCH_DEST": "document", "HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}, False),
            ({"HTTP_SEC_FETCH_DEST": "empty", "HTTP_ACCEPT": "text/html"}, False),
            ({"HTTP_SEC_FETCH_DEST": "iframe", "HTTP_ACCEPT": "text/html"}, False),
            ({"HTTP_ACCEPT": "*/*"}, False),
            ({}, False),
            ({"HTTP_SEC_FETCH_DEST": "document", "REQUEST_METHOD": "POST"}, False),
            ({"HTTP_SEC_FETCH_DEST": "document", "REQUEST_METHOD": "HEAD"}, False),
        ],
    )
    def test_only_pages_to_look_at(self, environ: dict[str, str], answer: bool) -> None:
        assert wanted({"REQUEST_METHOD": "GET", **environ}) is answer


class TestUntouched:
    @pytest.mark.parametrize(
        "status", ["206 Partial Content", "304 Not Modified", "404 Not Found", "500 Oops", "201 Made"]
    )
    def test_other_statuses(self, status: str) -> None:
        self.is_same(status, HTML)

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [("Content-Type", "application/json")],
            [("Content-Type", "text/html-ish")],
            [("Content-Type", "text/html"), ("content-type", "text/plain")],
            [("Content-Type", "text/html; charset=utf-16le")],
            [("Content-Type", 'text/html; charset="UTF-32"')],
            [("Content-Type", "text/html;charset=iso-2022-jp")],
            [("Content-Type", "text/html; charset=utf-7")],
            [("Content-Type", "text/html"), ("Content-Encoding", "br")],
            [("Content-Type", "text/html"), ("Content-Encoding", "gzip, gzip")],
            [("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Content-Encoding", "deflate")],
            [("Content-Type", "text/html"), ("Content-Disposition", "Attachment; filename=index.html")],
            [("Content-Type", "application/xhtml+xml")],
        ],
    )
    def test_what_is_no_page_that_we_can_read(self, headers: list[tuple[str, str]]) -> None:
        self.is_same(OK, headers)

    def test_a_page_in_utf_16_by_its_mark(self) -> None:
        for codec in ("utf-16-le", "utf-16-be"):
            page = "\ufeff<p>x</p><input name=x>".encode(codec)
            assert out([page[:1], page[1:]], headers=[("Content-Type", "text/html")]) == page
            assert out([page], "input[name=x]", [("Content-Type", "text/html")]) == page
        for mark in (b"\xff\xfe", b"\xfe\xff"):
            assert out([mark[:1], mark[1:], b"<input name=x>"], "input[name=x]") == mark + b"<input name=x>"

    def test_an_empty_page(self) -> None:
        assert out([]) == out([b""]) == b""

    def is_same(self, status: str, headers: list[tuple[str, str]]) -> None:  # H7
        body = [b"<p>"]
        got = inject(status, headers, body, Link(MARK))
        assert got[0] is headers
        assert got[1] is body
        assert head_headers("404 Not Found", headers) is headers


class TestHeaders:
    def test_what_speaks_of_the_exact_bytes_goes(self) -> None:  # H9
        exact = ["Content-Length", "Content-MD5", "Digest", "Repr-Digest", "Content-Digest", "Accept-Ranges"]
        kept = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Expires=Thu, 01 Jan 2026"), ("Vary", "Cookie")]
        given_headers = [*HTML, *kept, *((name.upper(), "1") for name in exact)]
        for got in (inject(OK, given_headers, [b"x"], Link(MARK))[0], head_headers(OK, given_headers)):
            assert got == [*HTML, *kept]  # F7

    @pytest.mark.parametrize(("tag", "weak"), [('"x"', 'W/"x"'), ('W/"x"', 'W/"x"'), ("odd", "odd")])
    def test_a_strong_validator_becomes_weak(self, tag: str, weak: str) -> None:
        assert ("ETag", weak) in inject(OK, [*HTML, ("ETag", tag)], [], Link(MARK))[0]
        assert head_headers("304 Not Modified", [("ETag", tag)]) == [("ETag", weak)]

    def test_the_given_list_is_not_changed(self) -> None:
        headers = [*HTML, ("Content-Length", "3")]
        inject(OK, headers, [b"abc"], Link(MARK))
        assert headers[-1] == ("Content-Length", "3")


class Body:
    """An application's iterable that counts what is done to it."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks, self.error = list(chunks), error
        self.read = self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk
        if self.error:
            raise self.error

    def close(self) -> None:
        self.closed += 1


class TestStreaming:
    @pytest.mark.parametrize("after", ["", "#x"])
    @pytest.mark.parametrize("coding", ["", "gzip", "deflate"])
    def test_every_chunk_goes_on_at_once(self, after: str, coding: str) -> None:  # H6
        texts = [b"<p>one", b" two", b"", b"<b id=x>three</b>"]
        encoder = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        packed = [encoder.compress(text) + encoder.flush(zlib.Z_SYNC_FLUSH) for text in texts]
        body = Body(*(packed if coding else texts))
        headers = [*HTML, ("Content-Encoding", coding)] if coding else HTML
        _, stream = inject(OK, headers, body, Link(MARK, after))
        assert body.read == 0
        decoder = zlib.decompressobj(47)
        for count, (chunk, text) in enumerate(zip(stream, texts, strict=False), 1):
            assert body.read == count
            assert (decoder.decompress(chunk) if coding else chunk).replace(MARK, b"") == text

    def test_close_comes_once_however_it_ends(self) -> None:  # H5
        for stop_after in (0, 1, 99):
            body = Body(b"a", b"b")
            stream = inject(OK, HTML, body, Link(MARK))[1]
            for _ in zip(range(stop_after), stream, strict=False):
                pass
            stream.close()  # type: ignore[attr-defined]
            stream.close()  # type: ignore[attr-defined]
            assert body.closed == 1
            assert list(stream) == []

    def test_an_error_of_the_application_comes_through(self) -> None:  # H2
        body = Body(b"<p>", error=RuntimeError("disk"))
        stream = iter(inject(OK, HTML, body, Link(MARK))[1])
        assert next(stream) == b"<p>"
        with pytest.raises(RuntimeError, match="disk"):
            next(stream)

    def test_a_body_without_close(self) -> None:
        stream = inject(OK, HTML, [b"a"], Link(MARK))[1]
        stream.close()  # type: ignore[attr-defined]
        assert list(stream) == []

    def test_it_is_good_wsgi(self) -> None:  # H12
        def app(environ: dict[str, object], start_response: object) -> Iterable[bytes]:
            headers, body = inject(
                OK, [("Content-Type", "text/html"), ("Content-Length", "3")], Body(b"abc"), Link(MARK)
            )
            start_response(OK, headers)  # type: ignore[operator]
            return body

        environ: dict[str, object] = {}
        setup_testing_defaults(environ)
        environ["QUERY_STRING"] = ""
        checked = validator(app)(environ, lambda status, headers, exc_info=None: lambda data: None)
        assert b"".join(checked) == b"abc" + MARK
        checked.close()  # type: ignore[attr-defined]


class TestPlace:
    def test_without_an_element_it_follows_the_page(self) -> None:
        assert out([b"<html><body><p>x</body></html>\n"]) == b"<html><body><p>x</body></html>\n" + MARK

    @pytest.mark.parametrize(
        ("page", "after", "expected"),
        [
            ("a<input name=p>b", "input[name=p]", "a<input name=p>|b"),
            ("<input name=q><INPUT NAME='p'/>b", "input[name=p]", "<input name=q><INPUT NAME='p'/>|b"),
            ("<div id=x>a<div>b</div>c</div>d", "#x", "<div id=x>a<div>b</div>c</div>|d"),
            ("<div id=x>a<b>b</b></DIV >d", "div#x", "<div id=x>a<b>b</b></DIV >|d"),
            ("<p id=x>a</p><div id=x>b</div>", "div#x", "<p id=x>a</p><div id=x>b</div>|"),
            ("<h1>a</h1><h1>b</h1>", "h1", "<h1>a</h1>|<h1>b</h1>"),
            ("<a name=x>1</a>", "[name=x]", "<a name=x>1</a>|"),
            (
                "<textarea name=x></div><input></textarea >t",
                'textarea[name="x"]',
                "<textarea name=x></div><input></textarea >|t",
            ),
            ("<select name=x><option>1</select>t", "select[name=x]", "<select name=x><option>1</select>|t"),
            ("<div id=x><script>'</div>'</script></div>t", "#x", "<div id=x><script>'</div>'</script></div>|t"),
            ("<div id=x><template></div></template></div>t", "#x", "<div id=x><template></div></template></div>|t"),
            ("<template><p id=x></p></template><p id=x></p>", "#x", "<template><p id=x></p></template><p id=x></p>|"),
            ("<svg><path id=x /><g></g></svg>", "#x", "<svg><path id=x />|<g></g></svg>"),
            ("<svg><title>a</title></svg><p id=x>a</p>", "#x", "<svg><title>a</title></svg><p id=x>a</p>|"),
            ("<a title='>' b=\">\" name=x>1</a>", "[name=x]", "<a title='>' b=\">\" name=x>1</a>|"),
            ("<a title=don't name=x>1</a>'>", "[name=x]", "<a title=don't name=x>1</a>|'>"),
            (f"<img src=data:{LONG} id=x>", "#x", f"<img src=data:{LONG} id=x>|"),
            ("<scripty></scripty><p id=x></p>", "#x", "<scripty></scripty><p id=x></p>|"),
            ("<script><!--><script></script><p id=x></p>", "#x", "<script><!--><script></script><p id=x></p>|"),
            ("a < b <3 <p id=x></p>", "#x", "a < b <3 <p id=x></p>|"),
        ],
    )
    def test_it_follows_the_element(self, page: str, after: str, expected: str) -> None:
        assert placed(page, after) == expected

    @pytest.mark.parametrize(
        "page",
        [
            "<!-- <p id=x></p> -->",
            "<!--><p>--><!-- ><p id=x></p>",
            "<script>'<p id=x></p>'</script>",
            "<script><!-- <script></script><p id=x></p> --></script>",
            "<style><p id=x></p></style>",
            "<textarea><p id=x></p></textarea>",
            "<title><p id=x></p></title>",
            "<noscript><p id=x></p></noscript>",
            "<iframe><p id=x></p></iframe>",
            "<xmp><p id=x></p></xmp>",
            "<plaintext><p id=x></p>",
            "<a title='<p id=x></p>'>",
            '<a title="<p id=x></p>">',
            "<a b<p id=x<p>",
            "<! <p id=x>",
            "<? <p id=x>",
            "</ <p id=x>",
            "<svg><![CDATA[<p id=x></p>]]></svg>",
            "<p class=x id=y id=x></p>",
            "<p id=xx></p><p id=X></p><p id='x '></p>",
            "<p id=x>",
            "<p id=x",
            "<div id=x><div></div>",
        ],
    )
    def test_nothing_else_is_taken_for_it(self, page: str) -> None:
        assert placed(page, "#x") == page

    def test_only_the_first_one(self) -> None:
        assert placed("<p id=x></p><p id=x></p>", "#x").count("|") == 1

    @pytest.mark.parametrize(
        ("page", "expected"),
        [
            ("<?xml version='1.0'?><html><p id='x'/>t</html>", "<?xml version='1.0'?><html><p id='x'/>|t</html>"),
            (
                "<html><![CDATA[<p id='x'/>]]><p id='x'>a</p></html>",
                "<html><![CDATA[<p id='x'/>]]><p id='x'>a</p>|</html>",
            ),
            ("<?pi <p id='x'/> ?><br id='x'></br>", "<?pi <p id='x'/> ?><br id='x'></br>|"),
            ("<html><!--><p id='x'/>--></html>", "<html><!--><p id='x'/>--></html>"),
            ("<script>1 &lt; 2</script><p id='x'/>", "<script>1 &lt; 2</script><p id='x'/>|"),
            (
                "<!DOCTYPE html [<!ENTITY e \"<p id='x'/>\">]><p id='x'/>",
                "<!DOCTYPE html [<!ENTITY e \"<p id='x'/>\">]><p id='x'/>",
            ),
        ],
    )
    def test_xhtml_is_read_as_xml(self, page: str, expected: str) -> None:
        assert placed(page, "#x", kind="application/xhtml+xml") == expected

    @pytest.mark.parametrize(
        "after", ["#", "a b", "a > b", ".c", "a[href=x]", "a[name=x", "a[name=]", "a#x#y", "#\u00fc", "x" * 300]
    )
    def test_what_is_no_selector_of_ours_is_refused(self, after: str) -> None:
        with pytest.raises(ValueError, match="tag, #id"):
            Link(MARK, after)


PAGES = st.lists(st.sampled_from(PARTS), max_size=14).map(lambda pieces: "".join(pieces).encode())
CUTS = st.lists(st.integers(0, 200), max_size=12)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    return [data[one:two] for one, two in pairwise(places)]


class TestAnySplit:
    @pytest.mark.parametrize("after", ["", "#x", "p"])
    @given(page=PAGES, cuts=CUTS)
    @settings(max_examples=150, deadline=None)
    def test_the_cuts_do_not_matter_and_nothing_is_lost(self, after: str, page: bytes, cuts: list[int]) -> None:
        whole = out([page], after)
        assert out(split(page, cuts), after) == whole
        assert out([page[at : at + 1] for at in range(len(page))], after) == whole
        assert whole.replace(MARK, b"", 1) == page

    @pytest.mark.parametrize("wbits", [31, 15, -15])
    @given(page=PAGES, cuts=CUTS)
    @settings(max_examples=100, deadline=None)
    def test_nor_do_those_of_a_compressed_page(self, wbits: int, page: bytes, cuts: list[int]) -> None:
        headers = [*HTML, ("Content-Encoding", "gzip" if wbits == 31 else "deflate")]
        got = out(split(compressed(page, wbits), cuts), "#x", headers)
        assert expanded(got, wbits) == out([page], "#x")

    @given(data=st.binary(max_size=200), cuts=CUTS)
    @settings(max_examples=200, deadline=None)
    def test_random_bytes_keep_their_order(self, data: bytes, cuts: list[int]) -> None:
        assert out(split(data, cuts), "p", [("Content-Type", "text/html")]).replace(MARK, b"", 1) == data


def compressed(page: bytes, wbits: int = 31) -> bytes:
    encoder = zlib.compressobj(wbits=wbits)
    return encoder.compress(page) + encoder.flush()


def expanded(data: bytes, wbits: int = 31) -> bytes:
    decoder = zlib.decompressobj(wbits)
    page = decoder.decompress(data) + decoder.flush()
    assert decoder.eof
    assert not decoder.unused_data
    return page


class TestCodings:
    @pytest.mark.parametrize(("coding", "wbits"), [("gzip", 31), ("X-GZip", 31), ("deflate", 15), ("deflate", -15)])
    def test_the_coding_stays(self, coding: str, wbits: int) -> None:
        page = b"<p>" + b"text " * 100_000
        headers, stream = inject(OK, [*HTML, ("Content-Encoding", coding)], [compressed(page, wbits)], Link(MARK))
        assert ("Content-Encoding", coding) in headers
        assert expanded(b"".join(stream), wbits) == page + MARK

    def test_identity_is_no_coding(self) -> None:
        assert out([b"<p>"], headers=[*HTML, ("Content-Encoding", "identity")]) == b"<p>" + MARK

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_a_page_that_lies_about_its_coding_passes_as_it_is(self, coding: str) -> None:
        for page in (b"<!doctype html><p>", b"", b"\x1f", b"\x1f\x8b\x08", b"<" * 5000):
            assert out(split(page, [1, 2, 5]), headers=[*HTML, ("Content-Encoding", coding)]) == page

    def test_several_members(self) -> None:
        packed = compressed(b"<p>a") + compressed(b"") + compressed(b"<p>b")
        for cuts in ([], [3, 20, 30], list(range(200))):
            got = out(split(packed, cuts), headers=[*HTML, ("Content-Encoding", "gzip")])
            assert expanded(got) == b"<p>a<p>b" + MARK

    def test_padding_behind_the_end_is_passed_over(self) -> None:
        got = out([compressed(b"<p>") + b"\0\0\0", b"\0"], headers=[*HTML, ("Content-Encoding", "gzip")])
        assert expanded(got) == b"<p>" + MARK

    def test_an_empty_compressed_page_stays_empty(self) -> None:
        assert expanded(out([compressed(b"")], headers=[*HTML, ("Content-Encoding", "gzip")])) == b""

    def test_a_page_that_was_cut_off_is_not_made_whole(self) -> None:
        page = random.Random(1).randbytes(5000).hex().encode()
        got = out([compressed(page)[:-1000]], headers=[*HTML, ("Content-Encoding", "gzip")])
        decoder = zlib.decompressobj(31)
        seen = decoder.decompress(got)
        assert page.startswith(seen)
        assert len(seen) > 1000
        assert not decoder.eof

    def test_a_page_that_breaks_later_stays_broken(self) -> None:
        page = random.Random(1).randbytes(5000).hex().encode()
        packed = compressed(page)
        got = out([packed[:2000], b"\xff" * 500, packed[2500:]], headers=[*HTML, ("Content-Encoding", "gzip")])
        assert got.endswith(packed[2500:])
        with pytest.raises(zlib.error):
            zlib.decompressobj(31).decompress(got)

    @pytest.mark.parametrize("size", range(60, 70))
    def test_no_text_waits_for_the_next_chunk(self, size: int) -> None:  # H6
        packed = compressed(b"\0" * 1_000_000)
        plain, seen = zlib.decompressobj(31), zlib.decompressobj(31)
        chunks = split(packed, list(range(0, len(packed), size)))
        stream = iter(inject(OK, [*HTML, ("Content-Encoding", "gzip")], chunks, Link(MARK))[1])
        for chunk in chunks:
            assert len(seen.decompress(next(stream))) == len(plain.decompress(chunk))

    def test_a_small_chunk_that_is_a_large_page(self) -> None:
        page = b"\0" * 20_000_000
        assert expanded(out([compressed(page)], headers=[*HTML, ("Content-Encoding", "gzip")])) == page + MARK


class TestBrowser:
    """A browser's own parser is asked whether the mark became an element, on pages made of whatever misleads."""

    PAGE = """<!doctype html><meta charset=utf-8><pre id=out></pre><script>
      const parsed = text => new DOMParser().parseFromString(text, "text/html");
      const fooled = JSON.parse(atob("%s")).filter(text => !parsed(text).querySelector("i#M"));
      document.getElementById("out").textContent = "fooled: " + JSON.stringify(fooled);
    </script>"""

    @pytest.mark.parametrize("after", ["input[name=x]", "#x"])
    def test_it_is_never_fooled(self, tmp_path: Path, after: str) -> None:
        rnd = random.Random(20260101)
        pages = ["<!doctype html><body>" + "".join(rnd.choices(PARTS, k=rnd.randint(2, 14))) for _ in range(4000)]
        edited = [out([page.encode()], after).decode() for page in pages]
        marked = [page for page in edited if MARK.decode() in page]
        assert len(marked) > 5
        assert self.ask(tmp_path, marked) == "fooled: []"

    def ask(self, folder: Path, pages: list[str]) -> str:
        browser = shutil.which("chromium")
        if not browser and os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        if not browser:
            pytest.skip("chromium is not installed")
        file = folder / "page.html"
        file.write_text(self.PAGE % base64.b64encode(json.dumps(pages).encode()).decode())
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
        where = [f"--user-data-dir={folder / 'profile'}", file.as_uri()]
        shown = subprocess.run(
            [browser, *options, *where], check=True, capture_output=True, text=True, timeout=120
        ).stdout
        found = re.search(r'<pre id="out">(.*?)</pre>', shown, re.DOTALL)
        return html.unescape(found[1]) if found else shown
