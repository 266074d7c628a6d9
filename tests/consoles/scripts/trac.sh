#!/usr/bin/env bash
# Trac with the form login of its AccountManager.
. "$(dirname "$0")/lib.sh"
venv trac 'setuptools<80' Trac==1.6 TracAccountManager==0.6.0
"$VENV/bin/trac-admin" env initenv Demo sqlite:db/trac.db > setup.log
for person in $FIRST $SECOND; do
  "$VENV/bin/python" -c '
import base64, hashlib, sys
print(sys.argv[1] + ":{SHA}" + base64.b64encode(hashlib.sha1(sys.argv[2].encode()).digest()).decode())' \
    "$person" "$PASSWORD" >> env/htpasswd
done
cat >> env/conf/trac.ini <<'INI'

[components]
trac.web.auth.loginmodule = disabled
acct_mgr.web_ui.loginmodule = enabled
acct_mgr.htfile.htpasswdstore = enabled
acct_mgr.pwhash.htpasswdhashmethod = enabled
acct_mgr.api.accountmanager = enabled
acct_mgr.admin.* = disabled

[account-manager]
password_store = HtPasswdStore
htpasswd_file = htpasswd
persistent_sessions = True
INI
"$VENV/bin/trac-admin" env permission add $FIRST TRAC_ADMIN
"$VENV/bin/trac-admin" env upgrade >> setup.log
exec "$VENV/bin/tracd" --hostname=127.0.0.1 --port "$PORT" -s env
