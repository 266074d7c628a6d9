"""The console at ``TFA_TEST_UPSTREAM``, a port of this machine, as a WSGI application."""

from __future__ import annotations

import os

from support.remote import Remote

application = Remote(int(os.environ["TFA_TEST_UPSTREAM"]))
