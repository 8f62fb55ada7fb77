#!/bin/bash
# Test stand-in for the official mariadb image's entrypoint (same environment contract, own code).
# Understands, each also as MYSQL_* and each as *_FILE:
#   MARIADB_ROOT_PASSWORD MARIADB_DATABASE MARIADB_USER MARIADB_PASSWORD MARIADB_ROOT_HOST
# and MARIADB_ALLOW_EMPTY_ROOT_PASSWORD, MARIADB_RANDOM_ROOT_PASSWORD, MARIADB_INITDB_SKIP_TZINFO,
# /docker-entrypoint-initdb.d/*.{sh,sql,sql.gz}
set -eo pipefail
shopt -s nullglob
say() { printf '%s [%s] [Entrypoint]: %s\n' "$(date --rfc-3339=seconds)" "$1" "$2" >&"${3:-1}"; }
die() { say ERROR "$1" 2; exit 1; }

# value NAME: NAME, else the content of NAME_FILE; both is an error
value() {
  local f="${1}_FILE"
  if [ -n "${!1:-}" ] && [ -n "${!f:-}" ]; then die "Both $1 and $f are set (but are exclusive)"; fi
  if [ -n "${!1:-}" ]; then printf '%s' "${!1}"
  elif [ -n "${!f:-}" ]; then [ -r "${!f}" ] || die "cannot read $f=${!f}"; printf '%s' "$(<"${!f}")"; fi
}
setting() { local v; v="$(value "MARIADB_$1")"; [ -n "$v" ] || v="$(value "MYSQL_$1")"; printf '%s' "$v"; }
lit() { local s="${1//\\/\\\\}"; s="${s//\'/\\\'}"; printf "'%s'" "$s"; }
ident() { printf '`%s`' "${1//\`/\`\`}"; }

[ "${1:0:1}" = - ] && set -- mariadbd "$@"
want_help=; for a; do case "$a" in --help|'-?'|--print-defaults|-V|--version) want_help=1;; esac; done
if { [ "$1" = mariadbd ] || [ "$1" = mysqld ]; } && [ -z "$want_help" ]; then
  errs="$("$@" --verbose --help 2>&1 >/dev/null)" || die "mariadbd failed while checking its configuration: $errs"
  conf() { "${cmd[@]}" --verbose --help 2>/dev/null | awk -v k="$1" '$1==k && /^[^ \t]/{sub(/^[^ \t]+[ \t]+/,"");print;exit}'; }
  cmd=("$@"); DATADIR="$(conf datadir)"; SOCKET="$(conf socket)"; PORT="$(conf port)"
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$DATADIR"
    find "$DATADIR" \! -user mysql -exec chown mysql: '{}' +
    find "${SOCKET%/*}" -maxdepth 0 \! -user mysql -exec chown mysql: '{}' +
    say Note "Switching to dedicated user 'mysql'"
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
  fi
  if [ ! -d "$DATADIR/mysql" ]; then
    rootpw="$(setting ROOT_PASSWORD)"; db="$(setting DATABASE)"; user="$(setting USER)"; pw="$(setting PASSWORD)"
    roothost="$(setting ROOT_HOST)"; roothost="${roothost:-%}"
    empty="${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:-${MYSQL_ALLOW_EMPTY_PASSWORD:-}}"
    random="${MARIADB_RANDOM_ROOT_PASSWORD:-${MYSQL_RANDOM_ROOT_PASSWORD:-}}"
    [ -n "$rootpw$empty$random" ] || die "Database is uninitialized and password option is not specified
	You need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD"
    if [ -n "$random" ]; then
      rootpw="$(head -c 24 /dev/urandom | base64 | tr -d '=+/')"; say Note "GENERATED ROOT PASSWORD: $rootpw"
    fi
    say Note "Initializing database files"
    mariadb-install-db --datadir="$DATADIR" --rpm --auth-root-authentication-method=normal --skip-test-db \
      --default-time-zone=SYSTEM --skip-log-bin --enforce-storage-engine= "${@:2}" >/dev/null
    say Note "Starting temporary server"
    "$@" --skip-networking --default-time-zone=SYSTEM --socket="$SOCKET" --wsrep_on=OFF \
      --expire-logs-days=0 --loose-innodb_buffer_pool_load_at_startup=0 & tmp=$!
    client=(mariadb --protocol=socket --socket="$SOCKET" -uroot --binary-mode)
    for ((i = 0; i < 300; i++)); do
      MYSQL_PWD='' "${client[@]}" -e 'select 1' mysql >/dev/null 2>&1 && break
      kill -0 $tmp 2>/dev/null || die "Unable to start server."
      sleep 0.1
    done
    ((i < 300)) || die "Unable to start server."
    if [ -z "${MARIADB_INITDB_SKIP_TZINFO:-${MYSQL_INITDB_SKIP_TZINFO:-}}" ] && command -v mariadb-tzinfo-to-sql >/dev/null; then
      mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2>/dev/null | MYSQL_PWD='' "${client[@]}" mysql
    fi
    hc="$(head -c 24 /dev/urandom | base64 | tr -d '=+/')"
    {
      echo "SET @@SESSION.SQL_LOG_BIN=0; SET @@SESSION.SQL_MODE=REPLACE(@@SESSION.SQL_MODE,'NO_BACKSLASH_ESCAPES','');"
      echo "DROP USER IF EXISTS root@'127.0.0.1', root@'::1'; EXECUTE IMMEDIATE CONCAT('DROP USER IF EXISTS root@\'', @@hostname, '\'');"
      for h in localhost 127.0.0.1 ::1; do
        echo "CREATE USER IF NOT EXISTS healthcheck@'$h' IDENTIFIED BY $(lit "$hc"); GRANT USAGE ON *.* TO healthcheck@'$h';"
      done
      [ -z "$db" ] || echo "CREATE DATABASE IF NOT EXISTS $(ident "$db");"
      if [ -n "$user" ] && [ -n "$pw" ]; then
        echo "CREATE USER $(lit "$user")@'%' IDENTIFIED BY $(lit "$pw");"
        [ -z "$db" ] || echo "GRANT ALL ON $(ident "${db//_/\\_}").* TO $(lit "$user")@'%';"
      fi
      if [ "$roothost" != localhost ]; then
        echo "CREATE USER root@$(lit "$roothost") IDENTIFIED BY $(lit "$rootpw"); GRANT ALL ON *.* TO root@$(lit "$roothost") WITH GRANT OPTION;"
      fi
      echo "SET PASSWORD FOR root@localhost = PASSWORD($(lit "$rootpw"));"
    } | MYSQL_PWD='' "${client[@]}" mysql
    (umask 077; printf '[mariadb-client]\nport=%s\nsocket=%s\nuser=healthcheck\npassword=%s\nprotocol=tcp\n' "$PORT" "$SOCKET" "$hc" > "$DATADIR/.my-healthcheck.cnf")
    export MARIADB_DATABASE="$db" MYSQL_DATABASE="$db" MARIADB_ROOT_PASSWORD="$rootpw" MYSQL_ROOT_PASSWORD="$rootpw"
    docker_process_sql() { MYSQL_PWD="$rootpw" "${client[@]}" ${db:+--database="$db"} "$@"; }
    for f in /docker-entrypoint-initdb.d/*; do
      case "$f" in
        *.sh) say Note "running $f"; if [ -x "$f" ]; then "$f"; else . "$f"; fi ;;
        *.sql) say Note "running $f"; docker_process_sql < "$f" ;;
        *.sql.gz) say Note "running $f"; gunzip -c "$f" | docker_process_sql ;;
        *) say Warn "ignoring $f" 2 ;;
      esac
    done
    kill $tmp; wait $tmp || true
    say Note "MariaDB init process done. Ready for start up."
  fi
  unset MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD MARIADB_PASSWORD MYSQL_PASSWORD
fi
exec "$@"
