#!/usr/bin/env bash
# The applications of tests/apps under waitress: TFA_TEST_CONSOLE names one.
. "$(dirname "$0")/lib.sh"
exec "${PYTHON:-python3}" -m waitress --no-clear-untrusted-proxy-headers --listen="127.0.0.1:$PORT" --threads=4 apps.served:application
