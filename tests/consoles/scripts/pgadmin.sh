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


import pgadmin

create = pgadmin.create_app


def create_with_people(*arguments):
    """The application, whose first start makes its first account, with a second one."""
    app = create(*arguments)
    from flask_security.utils import hash_password
    from pgadmin.model import Role, db

    with app.test_request_context():
        person = {"email": "$SECOND@example.com", "username": "$SECOND@example.com", "active": True}
        role = Role.query.filter_by(name="User").first()
        app.extensions["security"].datastore.create_user(
            **person, password=hash_password("$PASSWORD"), roles=[role], auth_source="internal"
        )
        db.session.commit()
    return app


pgadmin.create_app = create_with_people
sys.argv = ["$site/pgAdmin4.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
PY
export PGADMIN_SETUP_EMAIL=$FIRST@example.com PGADMIN_SETUP_PASSWORD=$PASSWORD
exec "$VENV/bin/python" start.py
