"""The templates, in one language each. Jinja comes with this module: at the first page, or at the start of a site with
templates of its own, for these are looked at then."""

from __future__ import annotations

from pathlib import Path

import jinja2

from tfa_middleware.errors import ConfigError
from tfa_middleware.i18n import catalogue

_OURS = Path(__file__).parent / "templates"


def environment(template_dir: str, folder: Path, language: str) -> jinja2.Environment:
    """Our templates, and before them those of a site's ``template_dir``. Raises `ConfigError` where there is none."""
    made = jinja2.Environment(
        loader=_loader(template_dir, folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    return made


def check(made: jinja2.Environment) -> None:
    """Compile all templates. Raises `ConfigError` where one is wrong."""
    try:
        for name in made.list_templates(extensions=["html"]):
            made.get_template(name)
    except jinja2.TemplateSyntaxError as error:
        where = f"{error.filename or error.name}, line {error.lineno}"
        raise ConfigError(str(error.message), where=where, section="tfa", key="template_dir") from error


def _loader(template_dir: str, folder: Path) -> jinja2.BaseLoader:
    ours = jinja2.FileSystemLoader(_OURS)
    prefixed = jinja2.PrefixLoader({"tfa": ours})
    if not template_dir:
        return jinja2.ChoiceLoader([ours, prefixed])
    site = folder / template_dir
    if not site.is_dir():
        raise ConfigError(f"{site} is no folder", section="tfa", key="template_dir")
    return jinja2.ChoiceLoader([jinja2.FileSystemLoader(site), ours, prefixed])
