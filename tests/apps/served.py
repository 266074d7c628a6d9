"""The real applications as a server process serves them: ``TFA_TEST_CONSOLE`` names one, it works in this folder."""

from __future__ import annotations

import os
from pathlib import Path

from apps.beaker_site import BEAKER
from apps.django_site import DJANGO_ACCOUNTS, DJANGO_ADMIN
from apps.flask_site import FLASK
from apps.rdiffweb_console import RDIFFWEB

CONSOLES = {console.name: console for console in (DJANGO_ADMIN, DJANGO_ACCOUNTS, RDIFFWEB, BEAKER, FLASK)}

application = CONSOLES[os.environ["TFA_TEST_CONSOLE"]].build(Path.cwd())
