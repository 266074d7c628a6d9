#!/usr/bin/env bash
# Calibre-Web on an empty library.
. "$(dirname "$0")/lib.sh"
venv calibre-web calibreweb==0.6.27
export CALIBRE_DBPATH=$FOLDER CALIBRE_PORT=$PORT
mkdir -p library
cat > setup.py <<'PY'
import sqlite3
import sys

folder, first, second, password = sys.argv[1:]
sys.argv = ["cps"]
from calibreweb.cps import constants, db, ub
from sqlalchemy import create_engine
from werkzeug.security import generate_password_hash

for table in db.Base.metadata.sorted_tables:
    table.schema = None
db.Base.metadata.create_all(create_engine(f"sqlite:///{folder}/library/metadata.db"))
with sqlite3.connect(f"{folder}/library/metadata.db") as books:
    books.execute("CREATE TABLE IF NOT EXISTS library_id (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL)")
    books.execute("INSERT INTO library_id(uuid) VALUES ('11111111-1111-1111-1111-111111111111')")
ub.init_db(f"{folder}/app.db")
secret = generate_password_hash(password)
ub.session.query(ub.User).filter(ub.User.name == first).update({"password": secret})
reader = ub.User(name=second, email=f"{second}@example.com", password=secret, role=constants.ROLE_DOWNLOAD)
reader.sidebar_view = constants.DETAIL_RANDOM
ub.session.add(reader)
ub.session.commit()
PY
"$VENV/bin/python" setup.py "$FOLDER" $FIRST $SECOND "$PASSWORD" > setup.log 2>&1 || { cat setup.log; exit 1; }
"$VENV/bin/python" - "$FOLDER" <<'PY'
import sqlite3
import sys
import importlib

folder = sys.argv[1]
sys.argv = ["cps"]
from calibreweb.cps import config_sql, ub

ub.init_db(f"{folder}/app.db")
key, _ = config_sql.get_encryption_key(folder)
config_sql.load_configuration(ub.session, key)
with sqlite3.connect(f"{folder}/app.db") as settings:
    settings.execute("update settings set config_calibre_dir=?, config_ratelimiter=0", (f"{folder}/library",))
PY
exec "$VENV/bin/cps" -i 127.0.0.1 -p "$FOLDER/app.db" -g "$FOLDER/gdrive.db"
