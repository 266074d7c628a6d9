"""What the inputs of each target are made of, for Hypothesis."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from fuzz.target_records import SEALS, sample
from fuzz.target_tokens import FOREIGN, GIVEN
from tfa_middleware.stores.record import encode

Plan = st.SearchStrategy[bytes]


def of(words: str | list[str], *, most: int = 12, loose: int = 3) -> Plan:
    """Words, parted by bars, in any order, with any octets between them."""
    known = words.split("|") if isinstance(words, str) else words
    piece = st.one_of(st.sampled_from([word.encode() for word in known]), st.binary(max_size=loose))
    return st.lists(piece, max_size=most).map(b"".join)


def lines(*parts: Plan) -> Plan:
    """One input of several, a line each."""
    return st.tuples(*parts).map(b"\n".join)


COOKIES = of(
    "sid=good|sid=evil|theme=dark|ui=x|ui=|;|; |,| |=|\"|'|\\|$Version=1|$Path=/|s.id|s id|SID|%73id|\t|[a]|\u00fc"
)
VALUES = of('dark|sid=evil|sid|=|evil|,| |"|\\"|%20|a|/|Fri, 01-Jan-2027 00:00:00 GMT|\t')
SET = of(
    'sid|=|x|;|; |Path=/|Expires=|Thu, 01 Jan 1970 00:00:00 GMT|1 Jan 99999999999|Max-Age=|0|-1|9|HttpOnly|"|, |-0000'
)
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
KINDS = of(
    f"{FORM}|{MULTIPART}|application/json|text/json|text/plain|application/x+json|; charset=|utf-8|utf-16|",
    most=3,
    loose=1,
)
QUERIES = of("username=alice|password=right|&|;|%00|=|+|[]", most=5, loose=1)
_PART = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'
FORMS = of("username|password|user.name|pass%77ord|=|&|;|alice|bob|right|%00|%|[]|[a]|+|\u00fc| ")
PARTS = of(
    [
        _PART.format("username"),
        _PART.format("password"),
        "alice",
        "right",
        "\r\n",
        "--b--",
        "--b",
        "name=password",
        "\n",
    ],
    loose=2,
)
ODD_PARTS = of(
    [_PART.format("password"), "right\r\n", "--b--\r\n", '; filename="x"', "; name*=utf-8''password", "--b\r\n"],
    loose=2,
)
_LEAF = st.sampled_from(["alice", "right", "", 1, 0, True, None, 1.5, "&password=x&"])
_NAME = st.sampled_from(
    ["username", "password", "Password", "user", "data", "password\x00", "pass[word]", " password "]
)
DOCUMENTS = st.recursive(
    _LEAF, lambda inner: st.dictionaries(_NAME, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=8
)
JSON = DOCUMENTS.map(lambda value: json.dumps(value).encode())
BODY = st.one_of(FORMS, PARTS, ODD_PARTS, JSON, st.tuples(JSON, FORMS).map(b"".join))
LOCATIONS = of(
    "/|//|\\|https:|http:|//backup.example.com|elsewhere.example|login|?|#|@|:443|..|.|%2f|%5c|\t|\u00fc|area"
)
PATHS = of(
    "admin|Admin|static|api|login|secret|.css|/|//|\\|.|..|;x|;jsessionid=1|%2e|%2f|%5c|%25|?|#|\uff41dmin|\u200b"
)
RECORDS = [encode(sample(realm, user), SEALS) for realm in ("user", "admin") for user in ("bob", "new\u00e9")]
OFF = 'user\tcarol\t{"enabled":false,"authenticators":[]}'
FILES = of(
    [*RECORDS, OFF, "# a comment", "\n", "\n", "\n", "\r\n", "  ", "#", "\t", "\ufeff", "\x0b", "any."],
    most=16,
    loose=1,
)
_CUT = st.tuples(st.sampled_from(RECORDS), st.integers(0, 200), st.integers(0, 9), st.binary(max_size=3)).map(
    lambda cut: cut[0].encode()[: cut[1]] + cut[3] + cut[0].encode()[cut[1] + cut[2] :]
)
_INI = (
    "[realm:user]\npaths = /\nlogin = /login\n|[realm:admin]\npaths = /admin\nlogin = /admin/login\n|[tfa]\n|[mail]\n|"
    "[limits]\n|[serve]\n|[verifier:totp]\n|[verifier:|[app:main]\n|[DEFAULT]\n|smtp = smtps://u:hunter2@h\n|"
    "store = redis://:hunter2@h\n|whoami = /me\nwhoami_pattern = a(b)\n|success = redirect cookie:s status:204\n|"
    "hosts = a\n b\n|policy = |required|off|\n|prefix = /x/\n|lifetime = 12h\n|idle = 0\n|digits = 6\n|"
    "use = no.such:X\n|sesions = 3\n|exempt = /api\n|link_after = p#x\n|=|[|]| |#|;|json:/a=1|%(here)s|\u00fc"
)
PAGES = of(
    "<div>|</div>|<p id=x>|</p>|<form>|</form>|<td>|<li>|<svg>|</svg>|<g>|</g>|<![CDATA[|]]>|<!--|-->|--!>|<script>|"
    "</script>|<style>|</style>|<textarea>|</textarea>|<title>|</title>|<template>|</template>|<input name=x>|<math>|"
    "</math>|<mi>|<select>|<option>|<table>|<tr>|'|\"|>|<|/|=| |<a b='|<plaintext>|<noscript>|</noscript>|<font>"
)
STEPS = st.binary(max_size=12)

PLANS: dict[str, Plan] = {
    "cookie_header": COOKIES,
    "cookie_value": VALUES,
    "set_cookie": SET,
    "login_body": st.one_of(
        lines(st.just(FORM.encode()), QUERIES, st.one_of(FORMS, JSON)),
        lines(st.just(MULTIPART.encode()), QUERIES, st.one_of(PARTS, ODD_PARTS)),
        lines(st.just(b"application/json"), QUERIES, JSON),
        lines(KINDS, QUERIES, BODY),
    ),
    "query": of("username|password|sid|SID|%73id|s.id|JSESSIONID|=|&|;|x|+|%20|%00|[]|right"),
    "location": LOCATIONS,
    "path": PATHS,
    "local_path": PATHS,
    "account_file": FILES,
    "record": st.one_of(_CUT, FILES),
    "ini": of(_INI, loose=1),
    "values": of("1|0|m|h|k|10.0.0.0/8|::1|/a|*|yes|(a)|[a-z]|{2}| |?|+|\\|(?i)|99999999999"),
    "answer": st.tuples(st.sampled_from([b"\xff", b"\x00", b"\x02"]), STEPS).map(b"".join),
    "edits": STEPS,
    "login_answer": STEPS,
    "link": st.tuples(st.binary(min_size=2, max_size=2), PAGES).map(b"".join),
    "session_cookie": of([GIVEN, FOREIGN, "\x01", "; ", ";", "=", "__Host-tfa-user", "__HOST-TFA-USER=", ".", " "]),
    "seal": lines(of("\x01|realm/user/totp/2", most=2), of("\x01|new.|old.|AAAA|=|.", most=4)),
}
#: Fewer of those that take longer.
EXAMPLES = {"ini": 150, "login_answer": 100, "link": 150, "values": 150, "login_body": 400}
