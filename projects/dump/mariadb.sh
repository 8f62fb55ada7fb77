# Dumps or loads the databases of MariaDB or MySQL, in its container. What the images' variables say is tried in this order:
# the administrator, who sees all databases, else the user of the one database.
set -eu
value() {
	for name; do
		eval "text=\${$name-} file=\${${name}_FILE-}"
		if [ -z "$text" ] && [ -n "$file" ]; then text=$(cat "$file"); fi
		if [ -n "$text" ]; then
			printf '%s' "$text"
			return
		fi
	done
}
tool() {
	for name; do command -v "$name" && return; done
	echo "the container has no $1" >&2
	exit 127
}
client=$(tool mariadb mysql)
user=root databases=
MYSQL_PWD=$(value MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD)
if [ -z "$MYSQL_PWD" ] && [ -n "$(value MARIADB_USER MYSQL_USER)" ]; then
	user=$(value MARIADB_USER MYSQL_USER)
	MYSQL_PWD=$(value MARIADB_PASSWORD MYSQL_PASSWORD)
fi
export MYSQL_PWD

dump() {
	tool=$(tool mariadb-dump mysqldump)
	more=
	if "$tool" --help 2>/dev/null | grep -q -e --set-gtid-purged; then more=--set-gtid-purged=OFF; fi
	set --
	databases=$("$client" --user="$user" --batch --skip-column-names -e 'SHOW DATABASES')
	while IFS= read -r name; do
		case $name in
		'' | mysql | sys | information_schema | performance_schema) ;;
		*) set -- "$@" "$name" ;;
		esac
	done <<END
$databases
END
	if [ $# -eq 0 ]; then
		echo '-- There is no database.'
		return
	fi
	exec "$tool" --user="$user" --single-transaction --quick --routines --events --triggers --hex-blob --no-tablespaces $more \
		--default-character-set=utf8mb4 --databases "$@"
}

load() {
	# The server that an image runs while it makes the database takes no connections over TCP.
	tries=120
	while [ "$tries" -gt 0 ] && "$client" --host=127.0.0.1 --protocol=tcp --user="$user" -e 'SELECT 1' 2>&1 | grep -q "Can't connect"; do
		tries=$((tries - 1))
		sleep 1
	done
	exec "$client" --user="$user" --default-character-set=utf8mb4 >/dev/null
}
