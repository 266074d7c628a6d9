"""The verifiers that the realms use: built in, or a third party's class named by ``use = package.module:Class``."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterable, Mapping
from inspect import isfunction
from typing import Any

from tfa_middleware.config_values import NAME, NAME_HELP, Place, filled, nearest
from tfa_middleware.verifiers.base import Verifier

BUILT_IN: Mapping[str, str] = {
    "totp": "tfa_middleware.verifiers.totp:Totp",
    "email": "tfa_middleware.verifiers.email:Email",
    "recovery": "tfa_middleware.verifiers.recovery:Recovery",
}
_METHODS = tuple(name for name, member in vars(Verifier).items() if isfunction(member) and not name.startswith("_"))
_FACTS: Mapping[str, type] = {
    "kind": str,
    "amr": str,
    "title": str,
    "primary": bool,
    "addressed": bool,
    "Settings": type,
}

Sections = Mapping[str, Mapping[str, object]]
Loaded = tuple[type, Any]


def verifiers(sections: Sections, used: Iterable[tuple[str, str]], where: str) -> dict[str, Loaded]:
    """``kind -> (class, its settings)`` for each ``(realm, kind)`` used.

    ``sections`` are the ``[verifier:KIND]`` by KIND; those that no realm uses are checked too. Raises `ConfigError`.
    """
    named = {kind: _loaded(kind, given, Place(where, f"verifier:{kind}")) for kind, given in sections.items()}
    found: dict[str, Loaded] = {}
    for realm, kind in used:
        if kind not in named and kind not in BUILT_IN:
            place = Place(where, f"realm:{realm}")
            known = [*BUILT_IN, *named]
            problem = f"no verifier is called {kind!r}; known are {', '.join(known)}, and [verifier:KIND] adds one."
            raise place.error(problem, "verifiers", nearest(kind, known))
        if kind not in found:
            found[kind] = named.get(kind) or _loaded(kind, {}, Place(where, f"verifier:{kind}"))
    return found


def _loaded(kind: str, given: Mapping[str, object], place: Place) -> Loaded:
    if not NAME.fullmatch(kind):
        raise place.error(f"a verifier's kind is {NAME_HELP}.")
    use = given.get("use", BUILT_IN.get(kind))
    if not isinstance(use, str):
        raise place.error("the key is missing; it needs package.module:Class.", "use")
    cls = _imported(use, place)
    _check_class(cls, kind, use, place)
    settings = filled(cls.Settings, {word: text for word, text in given.items() if word != "use"}, place)
    return cls, settings


def _imported(use: str, place: Place) -> Any:
    module, colon, name = use.partition(":")
    if not (module and colon and name):
        raise place.error(f"expected package.module:Class, found {use!r}.", "use")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a foreign module may raise anything while it loads; nothing starts then
        raise place.error(f"{use} cannot be imported ({type(error).__name__}: {error}).", "use") from error
    if not isinstance(found, type):
        raise place.error(f"{use} is not a class.", "use")
    return found


def _check_class(cls: Any, kind: str, use: str, place: Place) -> None:
    for name, wanted in _FACTS.items():
        if not isinstance(getattr(cls, name, None), wanted):
            raise place.error(f"{use} is no verifier: it lacks {name}.", "use")
    for name in _METHODS:
        if not callable(getattr(cls, name, None)):
            raise place.error(f"{use} is no verifier: it lacks the method {name}.", "use")
    if cls.kind != kind:
        raise place.error(f"{use} is of the kind {cls.kind!r}; its section is [verifier:{cls.kind}].", "use")
    if not dataclasses.is_dataclass(cls.Settings):
        raise place.error(f"{use} is no verifier: its Settings is no dataclass.", "use")
