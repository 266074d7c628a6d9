#!/usr/bin/env bash
# DokuWiki under PHP's own server; a closed wiki, with XML-RPC.
. "$(dirname "$0")/lib.sh"
need "$(command -v php || echo php)" php-cli
need /usr/share/dokuwiki/doku.php dokuwiki

mkdir -p sessions data/{attic,cache,index,locks,log,media,media_attic,media_meta,meta,pages,tmp}
cp -rL /usr/share/dokuwiki site
rm -rf site/conf site/install.php
cp -rL /var/lib/dokuwiki/lib/. site/lib/
mkdir site/conf
for file in /etc/dokuwiki/*.{php,conf}; do
  case $file in
    */local*.php | */users.auth.php | */acl.auth.php) ;;
    *) cp -L "$file" site/conf/ ;;
  esac
done
printf "<?php define('DOKU_CONF', '%s/site/conf/');\n" "$FOLDER" > site/inc/preload.php
hash=$(php -r 'echo password_hash($argv[1], PASSWORD_BCRYPT, ["cost" => 4]);' "$PASSWORD")
printf '%s:%s:%s:%s@example.com:%s\n' $FIRST "$hash" 'The Admin' $FIRST admin,user \
  $SECOND "$hash" 'Alice Doe' $SECOND user > site/conf/users.auth.php
printf '*\t@ALL\t0\n*\t@user\t8\n' > site/conf/acl.auth.php
cat > site/conf/local.php <<PHP
<?php
\$conf['title'] = 'Wiki'; \$conf['useacl'] = 1; \$conf['superuser'] = '@admin'; \$conf['savedir'] = '$FOLDER/data';
\$conf['authtype'] = 'authplain'; \$conf['passcrypt'] = 'bcrypt'; \$conf['remote'] = 1; \$conf['remoteuser'] = '';
PHP
PHP_CLI_SERVER_WORKERS=3 exec php -S "127.0.0.1:$PORT" -t site -d session.save_path="$FOLDER/sessions" \
  -d display_errors=0 -d date.timezone=UTC
