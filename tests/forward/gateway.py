"""What ``tfa serve`` serves in these tests: the console whose port the environment names."""

from __future__ import annotations

import os

from support.remote import Remote

application = Remote(int(os.environ["TFA_TEST_CONSOLE_PORT"]))
