#!/usr/bin/env bash
# The applications of tests/apps under waitress: TFA_TEST_CONSOLE names one.
. "$(dirname "$0")/lib.sh"
exec "${PYTHON:-python3}" -m waitress --listen="127.0.0.1:$PORT" --threads=4 --no-clear-untrusted-proxy-headers \
  apps.served:application
