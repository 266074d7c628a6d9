"""The site on Beaker's sessions, for a server: a login is written into the session that the browser holds already.

Its session id stays the same, and the login's answer sets no cookie, as with many old consoles.
"""

from __future__ import annotations

from pathlib import Path

from apps.beaker_site import build

application = build(Path())
