"""The application of the INI that the environment names, for servers whose command line takes no arguments for it."""

from __future__ import annotations

import os

from support.servers import INI, gated

application = gated(os.environ[INI])
