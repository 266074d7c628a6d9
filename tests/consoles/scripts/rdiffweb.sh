#!/usr/bin/env bash
# rdiffweb, which the tests install anyhow.
. "$(dirname "$0")/lib.sh"
server=$(dirname "$(command -v "${PYTHON:-python3}")")/rdiffweb
need "$server" 'it with the extra "test"'
mkdir -p bin
printf '#!/bin/sh\necho "rdiff-backup 2.2.6"\n' > bin/rdiff-backup
chmod +x bin/rdiff-backup
export PATH=$FOLDER/bin:$PATH
hash=$("${PYTHON:-python3}" -c '
import base64, hashlib, os, sys
salt = os.urandom(4)
print("{SSHA}" + base64.b64encode(hashlib.sha1(sys.argv[1].encode() + salt).digest() + salt).decode())' "$PASSWORD")
exec "$server" --server-host 127.0.0.1 --server-port "$PORT" --database-uri "$FOLDER/console.db" \
  --admin-user $FIRST --admin-password "$hash" --rate-limit 2000 --disable-ssh-keys --latest-version-url ''
