"""A mail server in a process of its own, so that its work is not ours. Says its port; ends with its input."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from smtp_servers import smtp_server

if __name__ == "__main__":
    with smtp_server() as inbox:
        print(inbox.port, flush=True)
        sys.stdin.read()
