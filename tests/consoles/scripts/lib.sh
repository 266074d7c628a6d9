# Read by the start scripts. Each is called with a FOLDER of its own and a free PORT of this machine, and becomes the
# console's server. Exit code 77: what it needs is not installed. Every console has these two people:
FIRST=admin SECOND=alice PASSWORD='S3cretPass!x'

set -euo pipefail
[ $# -eq 2 ] || { echo "usage: ${0##*/} FOLDER PORT" >&2; exit 2; }
mkdir -p "$1"
FOLDER=$(cd "$1" && pwd) PORT=$2
CACHE=${TFA_CONSOLES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tfa-consoles}
OWNER=$HOME
export HOME=$FOLDER
cd "$FOLDER"

# need PATH PACKAGE: something of a Debian package.
need() {
  [ -e "$1" ] && return
  echo "$1 is missing: apt-get install $2"
  exit 77
}

# venv NAME REQUIREMENT...: a virtual environment of that name in the cache, in VENV. It is made where
# TFA_CONSOLES_INSTALL is set, and made anew where it holds something else.
venv() {
  local name=$1; shift
  VENV=$CACHE/$name
  [ "$(cat "$VENV/.installed" 2>/dev/null)" = "$*" ] && return
  may_install "$*"
  rm -rf "$VENV"
  "${PYTHON:-python3}" -m venv "$VENV"
  HOME=$OWNER "$VENV/bin/pip" install -q --disable-pip-version-check "$@"
  echo "$*" > "$VENV/.installed"
}

# node_package NAME PACKAGE@VERSION: a folder of that name in the cache with a package of npm, in NODE.
node_package() {
  NODE=$CACHE/$1
  [ "$(cat "$NODE/.installed" 2>/dev/null)" = "$2" ] && return
  command -v npm >/dev/null || { echo "npm is missing: install Node.js"; exit 77; }
  may_install "$2"
  rm -rf "$NODE"; mkdir -p "$NODE"
  (cd "$NODE" && echo '{"name": "console", "version": "1.0.0", "private": true}' > package.json &&
    HOME=$OWNER npm install --no-audit --no-fund --silent "$2")
  echo "$2" > "$NODE/.installed"
}

may_install() {
  [ -n "${TFA_CONSOLES_INSTALL:-}" ] && return
  echo "$1 is not in $CACHE: set TFA_CONSOLES=all, which installs it"
  exit 77
}
