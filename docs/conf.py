"""How Sphinx builds these pages: ``sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "ext"))

project = "tfa_middleware"
author = "tfa_middleware contributors"
version = release = installed("tfa_middleware")
language = "en"

extensions = ["declared", "myst_parser"]
myst_enable_extensions = ["deflist"]
exclude_patterns = ["_build", "adr", "ext"]
nitpicky = True
highlight_language = "none"
smartquotes = False

html_theme = "furo"
html_title = "tfa_middleware"
html_show_sphinx = False
html_copy_source = False
