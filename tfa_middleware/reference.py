"""The reference of every section and key, made from the declarations that also check them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from typing import Any, TextIO

from tfa_middleware import declare
from tfa_middleware.config_values import expected, keys_of, required
from tfa_middleware.config_verifiers import BUILT_IN
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.settings import (
    ForwardAuthSettings,
    GatewaySettings,
    LimitSettings,
    MailSettings,
    ServeSettings,
    TfaSettings,
)

Field = dataclasses.Field[Any]

_HEAD = """\
# Every section and key of the settings of tfa_middleware, with its default.
#
# A line that begins with # says what a key is for. A key behind ; has its default: remove the ; to set it.
# In your own file, # begins a comment at the start of a line only, ; also after a blank.
# Lists go on over indented lines. File names start at the folder of this file.
# A section or key that is not listed here refuses to start.
"""
_ABOUT = {
    "tfa": "What holds for every realm.",
    "realm": "An area with one login and one policy: [realm:NAME], at least one.",
    "mail": "How messages leave.",
    "limits": "Wrong codes and mails until somebody has to wait.",
    "serve": "The server of 'tfa serve'.",
    "forward_auth": "The decision point of nginx, Caddy or Traefik.",
    "gateway": "A console behind 'tfa serve', in any language; several as [gateway:NAME].",
    "verifier": "One kind of second factor: [verifier:KIND]. 'use = package.module:Class' brings a kind of your own.",
}
#: What a realm must name, so that the reference is itself a valid file.
_NEEDED = {"paths": "/admin", "login": "/admin/login"}
#: Values for keys whose default is made from others.
_MADE = {"lifetime": "12h", "idle": "15m"}


def reference() -> str:
    """A commented INI of all sections and keys. It is valid as it is, and with every ``;`` removed."""
    parts = [_HEAD]
    for title, cls in _sections():
        parts.append(f"\n# {_ABOUT[title.partition(':')[0]]}\n[{title}]\n")
        parts += [_ini(word, field) for word, field in keys_of(cls).items()]
    return "".join(parts)


def write_reference(out: TextIO) -> None:
    """Write `reference` to an open text file."""
    out.write(reference())


def reference_markdown() -> str:
    """The same as tables, for the page of the documentation."""
    parts = []
    for title, cls in _sections():
        name = {"realm": "realm:NAME"}.get(title.partition(":")[0], title)
        parts.append(f"## `[{name}]`\n\n{_ABOUT[title.partition(':')[0]]}\n\n")
        parts.append("| Key | Meaning | Value | Default |\n|---|---|---|---|\n")
        parts += [_row(word, field) for word, field in keys_of(cls).items()]
        parts.append("\n")
    return "".join(parts)


def _sections() -> Iterator[tuple[str, type]]:
    yield "tfa", TfaSettings
    yield "realm:admin", RealmSettings
    for kind, use in BUILT_IN.items():
        module, _, name = use.partition(":")
        yield f"verifier:{kind}", getattr(importlib.import_module(module), name).Settings
    yield "mail", MailSettings
    yield "limits", LimitSettings
    yield "serve", ServeSettings
    yield "forward_auth", ForwardAuthSettings
    yield "gateway", GatewaySettings


def _ini(word: str, field: Field) -> str:
    about = f"# {_sentence(field.metadata['help'])}\n# {_sentence(expected(field))}"
    if field.metadata["example"]:
        about += f" Example: {field.metadata['example']}"
    if required(field):
        return f"{about} Must be given.\n{word} = {field.metadata['example'] or _NEEDED.get(word, '')}\n"
    return f"{about}\n;{word} = {_MADE.get(word) or written(field)}".rstrip() + "\n"


def _row(word: str, field: Field) -> str:
    default = "must be given" if required(field) else f"`{written(field)}`" if written(field) else "empty"
    if word in _MADE:
        default = "by scope"
    cells = (f"`{word}`", field.metadata["help"], expected(field), default)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def written(field: Field) -> str:
    """A key's default as one writes it in the INI; empty for none."""
    value: Any = field.default
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(str(part) for part in value)
    if field.metadata["parse"] is declare.seconds:
        return _in_units(value, ((86400, "d"), (3600, "h"), (60, "m")), "s")
    if field.metadata["parse"] is declare.size:
        return _in_units(value, ((1 << 30, "G"), (1048576, "M"), (1024, "k")), "")
    return str(value)


def _in_units(value: int, units: tuple[tuple[int, str], ...], smallest: str) -> str:
    for size, name in units:
        if value and value % size == 0:
            return f"{value // size}{name}"
    return f"{value}{smallest}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", ":")) else ".")
