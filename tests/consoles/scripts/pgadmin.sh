#!/usr/bin/env bash
# pgAdmin 4 as a server, its data in the folder.
. "$(dirname "$0")/lib.sh"
venv pgadmin pgadmin4==9.18
site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/pgadmin4
mkdir -p data
# The installed package may serve several: its settings are changed in the process.
cat > start.py <<PY
import os, runpy, sys
sys.path.insert(0, "$site")
import config
folder = "$FOLDER/data"
config.SERVER_MODE = True
config.DATA_DIR = folder
config.LOG_FILE = os.path.join(folder, "pgadmin4.log")
config.SQLITE_PATH = os.path.join(folder, "pgadmin4.db")
for name in ("SESSION_DB_PATH", "STORAGE_DIR", "AZURE_CREDENTIAL_CACHE_DIR", "KERBEROS_CCACHE_DIR"):
    setattr(config, name, os.path.join(folder, name.lower()))
config.DEFAULT_SERVER, config.DEFAULT_SERVER_PORT = "127.0.0.1", $PORT
config.UPGRADE_CHECK_ENABLED = config.MASTER_PASSWORD_REQUIRED = False
script = sys.argv[1]
sys.argv = sys.argv[1:]
runpy.run_path(os.path.join("$site", script), run_name="__main__")
PY
export PGADMIN_SETUP_EMAIL=$FIRST@example.com PGADMIN_SETUP_PASSWORD=$PASSWORD
"$VENV/bin/python" start.py setup.py setup-db > setup.log 2>&1 || { cat setup.log; exit 1; }
"$VENV/bin/python" start.py setup.py add-user $SECOND@example.com "$PASSWORD" --role User >> setup.log 2>&1 || { cat setup.log; exit 1; }
exec "$VENV/bin/python" start.py pgAdmin4.py
