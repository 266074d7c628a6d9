"""Reads multipart forms as browsers write them, and nothing else.

Parsers disagree on almost everything beyond that: ``name*=``, folded or doubled headers, codings and charsets of a
part, bare line ends, text before the first boundary and after the last, two boundaries. By each of these a body names
one user to this reader and another one to the application, so each makes a body unreadable (REQUIREMENTS A6).
"""

from __future__ import annotations

import re

_TYPE = re.compile(
    r"""multipart/form-data *; *boundary=(?:"([\w'+./:=?-]{1,70})"|([\w'+./=?-]{1,70}))""", re.ASCII | re.IGNORECASE
)
_NAME = rb'"([^"\\%\x00-\x1f\x7f]*)"|([A-Za-z0-9_.-]+)'
_FILE = rb'(?:; ?filename="[^"\\\x00-\x1f\x7f]*")?(?:; ?filename\*=[^"\\;\x00-\x20\x7f]*)?'
_DISPOSITION = re.compile(rb"Content-Disposition: ?form-data; ?name=(?:" + _NAME + rb")" + _FILE, re.IGNORECASE)
#: Headers that change nothing of what a value says.
_IDLE = re.compile(
    rb"Content-Type: ?(?!multipart/)[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:; ?charset=\"?(?:utf-8|us-ascii)\"?)?"
    rb"|Content-Transfer-Encoding: ?(?:7bit|8bit|binary)|Content-Length: ?\d+",
    re.IGNORECASE,
)


def read(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """``body -> (name, value)`` of every part in order, files too. Raises ValueError for all that is not plain."""
    found = _TYPE.fullmatch(content_type.strip())
    if not found:
        raise ValueError("not plainly a multipart form")
    before, *parts = body.split(b"--" + (found[1] or found[2]).encode("ascii"))
    if before or not parts or parts.pop() not in (b"--", b"--\r\n"):
        raise ValueError("text outside the parts")
    return [_part(part) for part in parts]


def _part(part: bytes) -> tuple[str, str]:
    head, blank, value = part.partition(b"\r\n\r\n")
    if not (blank and head.startswith(b"\r\n") and value.endswith(b"\r\n")):
        raise ValueError("a part is not bounded by line ends")
    named = [(line, _DISPOSITION.fullmatch(line)) for line in head[2:].split(b"\r\n")]
    names = [found for _, found in named if found]
    if len(names) != 1 or not all(found or _IDLE.fullmatch(line) for line, found in named):
        raise ValueError("a part has headers that can be read in several ways")
    name = names[0][1] if names[0][1] is not None else names[0][2]
    return name.decode("utf-8"), value[:-2].decode("utf-8", "replace")
