"""The INI, or a mapping of the same sections, to frozen `Settings`. What it does not know refuses to start (K7).

``#`` begins a comment at the start of a line only, ``;`` also after a blank. Keys and names keep their case.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from pathlib import Path

from tfa_middleware import preset
from tfa_middleware.config_checks import check
from tfa_middleware.config_values import NAME, NAME_HELP, Place, filled, nearest
from tfa_middleware.config_verifiers import verifiers
from tfa_middleware.errors import ConfigError
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.settings import (
    ForwardAuthSettings,
    GatewaySettings,
    LimitSettings,
    MailSettings,
    ServeSettings,
    Settings,
    TfaSettings,
)

_PLAIN = ("tfa", "mail", "limits", "serve", "gateway", "forward_auth")
_NAMED = ("realm", "verifier", "gateway")
#: What stands below the prefix beside the realms.
_TAKEN = frozenset({"static", "health", "ready", "auth"})
_PASTE_NAMES = frozenset({"DEFAULT", "loggers", "handlers", "formatters"})
_PASTE_HEADS = re.compile(
    r"(?:app|application|filter|filter-app|pipeline|composite|composit|server):.+|(?:logger|handler|formatter)_.+"
)
_HEADER = re.compile(r"\[(.+)\]")

Sections = Mapping[str, Mapping[str, str]]


def read(path: str | Path) -> Settings:
    """The settings of an INI file of our own; relative file names start at its folder. Raises `ConfigError`."""
    path = Path(path)
    return _settings(_parsed(_text(path), str(path)), path.resolve().parent, str(path))


def read_paste(path: str | Path, here: str | Path | None = None) -> Settings:
    """The settings of our sections in a PasteDeploy file; Paste's own sections are passed over.

    ``%(here)s`` stands for ``here``, which is the file's folder if it is not given. Raises `ConfigError`.
    """
    path = Path(path)
    folder = Path(here) if here is not None else path.resolve().parent
    sections = _parsed(_without_paste(_text(path)), str(path))
    replaced = {
        section: {word: text.replace("%(here)s", str(folder)) for word, text in given.items()}
        for section, given in sections.items()
    }
    return _settings(replaced, folder, str(path))


def from_dict(sections: Sections, folder: str | Path = ".") -> Settings:
    """The settings of ``{"tfa": {"issuer": ...}, "realm:admin": {...}}``, all values texts as in the INI.

    Relative file names start at ``folder``. Raises `ConfigError`.
    """
    return _settings(sections, Path(folder).resolve(), "")


def _settings(sections: Sections, folder: Path, where: str) -> Settings:
    named: dict[str, dict[str, Mapping[str, str]]] = {head: {} for head in _NAMED}
    for section, given in sections.items():
        _check_section(section, where)
        head, colon, name = section.partition(":")
        if head in named and (colon or head == "gateway"):
            named[head][name] = given
    if not named["realm"]:
        raise ConfigError("no [realm:NAME] section: nothing would be protected.", where=where)
    realms = tuple(_realm(name, given, where) for name, given in named["realm"].items())
    used = [(realm.name, kind) for realm in realms for kind in realm.verifiers]
    settings = Settings(
        realms=realms,
        tfa=filled(TfaSettings, sections.get("tfa", {}), Place(where, "tfa")),
        mail=filled(MailSettings, sections.get("mail", {}), Place(where, "mail")),
        limits=filled(LimitSettings, sections.get("limits", {}), Place(where, "limits")),
        forward_auth=filled(ForwardAuthSettings, sections.get("forward_auth", {}), Place(where, "forward_auth")),
        serve=_serve(sections, where),
        gateways=_gateways(named["gateway"], where),
        verifiers=verifiers(named["verifier"], used, where),
        folder=folder,
        source=where,
    )
    check(settings)
    return settings


def _realm(name: str, given: Mapping[str, str], where: str) -> RealmSettings:
    place = Place(where, f"realm:{name}")
    if not NAME.fullmatch(name):
        raise place.error(f"a realm has {NAME_HELP}.")
    if name in _TAKEN:
        raise place.error(f"{name} is the name of a page of the middleware itself; call the realm otherwise.")
    return filled(RealmSettings, {**_preset(given.get("preset", ""), place), **given}, place, name=name)


def _preset(name: str, place: Place) -> Mapping[str, str]:
    """The keys of a preset, which those of the realm itself win over one by one."""
    if not name:
        return {}
    try:
        text = preset.text(name)
    except LookupError:
        problem = f"no preset is called {name!r}; 'tfa presets' lists them."
        raise place.error(problem, "preset", nearest(str(name), preset.names())) from None
    return _parsed(text, f"preset {name}")[preset.SECTION]


def _gateways(named: Sections, where: str) -> tuple[GatewaySettings, ...]:
    """The consoles. A section [gateway] that says nothing is none."""
    found = []
    for name, given in named.items():
        place = Place(where, f"gateway:{name}" if name else "gateway")
        if name and not NAME.fullmatch(name):
            raise place.error(f"a console has {NAME_HELP}.")
        one = filled(GatewaySettings, given, place, name=name)
        if name or one != GatewaySettings(name=""):
            found.append(one)
    return tuple(found)


def _serve(sections: Sections, where: str) -> ServeSettings:
    """[serve]; where to listen may stand in [gateway] too, but only in one of both."""
    given, listen = dict(sections.get("serve", {})), sections.get("gateway", {}).get("listen", "")
    if listen and "listen" in given:
        raise Place(where, "gateway").error("[serve] says where to listen already.", "listen")
    return filled(ServeSettings, given | ({"listen": listen} if listen else {}), Place(where, "serve"))


def _check_section(section: str, where: str) -> None:
    place = Place(where, section)
    head, colon, name = section.partition(":")
    if section in _PLAIN or (head in _NAMED and name):
        return
    if head in _NAMED:
        raise place.error(f"the section needs a name: [{head}:NAME].")
    close = nearest(head, (*_PLAIN, *_NAMED) if not colon else _NAMED)
    raise place.error("unknown section.", nearest=f"{close}:{name or 'NAME'}" if close in _NAMED else close)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}.", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text.", where=str(path)) from None


def _parsed(text: str, where: str) -> dict[str, dict[str, str]]:
    # The default section gets a name that no header can have: [DEFAULT] is a section as unknown as any other.
    parser = configparser.ConfigParser(
        delimiters=("=",),
        comment_prefixes=("#",),
        inline_comment_prefixes=(";",),
        strict=True,
        interpolation=None,
        empty_lines_in_values=False,
        default_section="\n",
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.DuplicateSectionError as error:
        raise ConfigError(
            f"the section stands twice, again in line {error.lineno}.", where=where, section=error.section
        ) from None
    except configparser.DuplicateOptionError as error:
        problem = f"the key stands twice, again in line {error.lineno}."
        raise ConfigError(problem, where=where, section=error.section, key=error.option) from None
    except configparser.MissingSectionHeaderError as error:
        raise ConfigError(f"line {error.lineno} stands before the first [section].", where=where) from None
    except configparser.ParsingError as error:
        lines = ", ".join(str(number) for number, _ in error.errors)
        raise ConfigError(f"no 'key = value' in line {lines}.", where=where) from None
    return {section: dict(parser[section]) for section in parser.sections()}


def _without_paste(text: str) -> str:
    """The text with the lines of Paste's sections blanked: Paste reads them by other rules than ours."""
    kept, ours = [], True
    for line in text.split("\n"):
        header = _HEADER.match(line.strip())
        if header and not _is_paste(header[1]):
            ours = True
        elif header and not line[0].isspace():  # an indented one belongs to the value above it
            ours = False
        kept.append(line if ours else "")
    return "\n".join(kept)


def _is_paste(section: str) -> bool:
    return section in _PASTE_NAMES or _PASTE_HEADS.fullmatch(section) is not None
