#!/usr/bin/env bash
# Cacti under PHP's own server, with a MariaDB of its own on a socket.
. "$(dirname "$0")/lib.sh"
need "$(command -v php || echo php)" php-cli
need /usr/share/cacti/site/index.php cacti
need "$(command -v mariadbd || echo /usr/sbin/mariadbd)" mariadb-server

socket=$FOLDER/mysql.sock
me=$(id -un)
mariadb-install-db --no-defaults --user="$me" --datadir="$FOLDER/mysql" --auth-root-authentication-method=normal \
  --skip-test-db > setup.log 2>&1
mariadbd --no-defaults --user="$me" --datadir="$FOLDER/mysql" --socket="$socket" --skip-networking \
  --pid-file="$FOLDER/mysql.pid" --character-set-server=utf8mb4 --collation-server=utf8mb4_unicode_ci \
  --innodb-buffer-pool-size=32M > mysql.log 2>&1 &
ask=(mariadb --no-defaults -u root -S "$socket")
for _ in $(seq 100); do "${ask[@]}" -e 'select 1' > /dev/null 2>&1 && break; sleep 0.2; done
"${ask[@]}" -e "create database cacti character set utf8mb4 collate utf8mb4_unicode_ci"
"${ask[@]}" cacti < /usr/share/cacti/conf_templates/cacti.sql
{ mariadb-tzinfo-to-sql /usr/share/zoneinfo 2>/dev/null || true; } | "${ask[@]}" mysql

mkdir -p sessions site
cp -rL /usr/share/cacti/site site/cacti 2>> setup.log || true  # some links of the package lead into /var
cd site/cacti
mkdir -p log rra cache/{boost,mibcache,realtime,spikekill}
touch log/cacti.log
hash=$(php -r 'echo password_hash($argv[1], PASSWORD_DEFAULT);' "$PASSWORD")
version=$(cat include/cacti_version)
"${ask[@]}" cacti <<SQL
update user_auth set password='$hash', must_change_password='' where username='admin';
insert into user_auth (username, password, realm, full_name, must_change_password, show_tree, show_list, show_preview,
  login_opts, policy_graphs, policy_trees, policy_hosts, policy_graph_templates, enabled)
  values ('$SECOND', '$hash', 0, 'Alice Doe', '', 'on', 'on', 'on', 1, 1, 1, 1, 1, 'on');
insert into user_auth_realm (realm_id, user_id) select realm_id, (select id from user_auth where username='$SECOND')
  from user_auth_realm where user_id=(select id from user_auth where username='admin');
update version set cacti='$version';
replace into settings (name, value) values ('install_version', '$version'), ('secpass_forceold', '');
SQL
rm -f include/config.php
cat > include/config.php <<PHP
<?php
\$database_type = 'mysql'; \$database_default = 'cacti'; \$database_hostname = 'localhost'; \$database_username = 'root';
\$database_password = ''; \$database_port = '3306'; \$database_retries = 5; \$database_ssl = false;
\$database_ssl_key = \$database_ssl_cert = \$database_ssl_ca = ''; \$database_persist = false; \$poller_id = 1;
\$url_path = '/cacti/'; \$cacti_session_name = 'Cacti'; \$cacti_db_session = false; \$disable_log_rotation = false;
\$proxy_headers = null; \$i18n_handler = null; \$i18n_force_language = null; \$i18n_log = null; \$i18n_text_log = null;
PHP
cd "$FOLDER"
exec php -S "127.0.0.1:$PORT" -t site -d session.save_path="$FOLDER/sessions" -d display_errors=0 \
  -d memory_limit=512M -d date.timezone=UTC -d pdo_mysql.default_socket="$socket"
