"""The templates of the pages, one environment a language. Loaded with the first page: Jinja costs a worker 2 MiB."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from tfa_middleware.errors import ConfigError
from tfa_middleware.i18n import SOURCE, catalogue

_OURS = Path(__file__).parent / "templates"


class Templates:
    """Our templates, and before them those of a site's ``template_dir``. Raises `ConfigError` where that is missing."""

    def __init__(self, template_dir: str, folder: Path) -> None:
        self._loader = _loader(template_dir, folder)
        self._compiled = _Compiled()
        self._in = functools.cache(self._environment)

    def render(self, template: str, language: str, facts: Mapping[str, Any]) -> str:
        """``template, facts -> text`` in a language that exists."""
        return self._in(language).get_template(template).render(facts)

    def check(self) -> None:
        """Compile all. Raises `ConfigError` with the line of the first that is wrong."""
        try:
            for name in self._in(SOURCE).list_templates(extensions=["html"]):
                self._in(SOURCE).get_template(name)
        except jinja2.TemplateSyntaxError as error:
            where = f"{error.filename or error.name}, line {error.lineno}"
            raise ConfigError(str(error.message), where=where, section="tfa", key="template_dir") from error

    def _environment(self, language: str) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=self._loader,
            bytecode_cache=self._compiled,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
        return environment


class _Compiled(jinja2.BytecodeCache):
    """What was compiled for one language serves the others too: texts are looked up where a page is rendered."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


def _loader(template_dir: str, folder: Path) -> jinja2.BaseLoader:
    ours = jinja2.FileSystemLoader(_OURS)
    prefixed = jinja2.PrefixLoader({"tfa": ours})
    if not template_dir:
        return jinja2.ChoiceLoader([ours, prefixed])
    site = folder / template_dir
    if not site.is_dir():
        raise ConfigError(f"{site} is no folder", section="tfa", key="template_dir")
    return jinja2.ChoiceLoader([jinja2.FileSystemLoader(site), ours, prefixed])
