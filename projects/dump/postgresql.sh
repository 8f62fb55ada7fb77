# Dumps or loads the databases and roles of PostgreSQL, in its container, as the user that the image's variables name.
set -eu
value() {
	eval "text=\${$1-} file=\${${1}_FILE-}"
	if [ -z "$text" ] && [ -n "$file" ]; then text=$(cat "$file"); fi
	printf '%s' "$text"
}
for name in psql pg_dump pg_dumpall; do
	command -v "$name" >/dev/null || {
		echo "the container has no $name" >&2
		exit 127
	}
done
PGUSER=$(value POSTGRES_USER)
PGUSER=${PGUSER:-postgres}
PGPASSWORD=$(value POSTGRES_PASSWORD)
PGOPTIONS='-c client_min_messages=warning'
export PGUSER PGPASSWORD PGOPTIONS

dump() {
	databases=$(psql -X -A -t -d postgres -c 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1')
	# Some roles are there already when this is loaded.
	printf '%s\n' '\set ON_ERROR_STOP off'
	pg_dumpall --globals-only --database=postgres
	printf '%s\n' '\set ON_ERROR_STOP on'
	while IFS= read -r name; do
		if [ "$name" = postgres ]; then
			printf '%s\n' '\connect postgres'
			pg_dump --clean --if-exists --dbname=postgres
		else
			pg_dump --create --clean --if-exists --dbname="$name"
		fi
	done <<END
$databases
END
}

load() {
	# The server that the image runs while it makes the database takes no connections over TCP.
	tries=120
	while [ "$tries" -gt 0 ] && ! pg_isready -q -h 127.0.0.1; do
		tries=$((tries - 1))
		sleep 1
	done
	exec psql -X -q -d postgres -v ON_ERROR_STOP=1 >/dev/null
}
