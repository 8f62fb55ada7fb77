# Makes a PostgreSQL server with databases, dumps it by the script $1, and loads the dump into a second server. It runs in a
# folder of its own, $2, with the programs of $3, and prints what the second server has.
set -eu
script=$(cat "$1") dir=$2 programs=$3
export PGHOST="$dir" PGPORT=5432 POSTGRES_USER=club POSTGRES_PASSWORD_FILE="$dir/password"
echo sekret >"$dir/password"
begin() {
	"$programs/initdb" -D "$dir/$1" -U club --auth-host=scram-sha-256 --auth-local=trust --pwfile="$dir/password" >/dev/null
	"$programs/pg_ctl" -D "$dir/$1" -o "-k $dir -c listen_addresses=" -w -l "$dir/log" start >/dev/null
	trap '"$programs/pg_ctl" -D "$dir/'"$1"'" -m immediate stop >/dev/null' EXIT
	createdb -U club club
}
run() { psql -qAtX -U club -v ON_ERROR_STOP=1 "$@"; }
# The server of the test listens on no TCP, which loading waits for.
script=$(printf '%s\n' "$script" | sed 's/tries=120/tries=0/')

begin first
run -d club -c 'create role worker login' -c "create table posts(body text)" -c "insert into posts values (E'it''s\n\\\\two')" -c 'grant select on posts to worker'
createdb -U club -O worker 'odd name'
run -d 'odd name' -c 'create table t as select generate_series(1,1000) as a'
run -d postgres -c 'create table kept as select 7 as a'
sh -c "
$script
dump" >"$dir/dump.sql"
"$programs/pg_ctl" -D "$dir/first" -m fast stop >/dev/null

begin second
sh -c "
$script
load" <"$dir/dump.sql" 2>/dev/null
run -d club -c 'select * from posts' -c "select has_table_privilege('worker', 'posts', 'select')"
run -d 'odd name' -c 'select count(*) from t'
run -d postgres -c 'select a from kept'
if echo 'select broken(' | sh -c "
$script
load" 2>/dev/null; then echo 'it loads what is broken'; fi
