# Writes a copy of the SQLite database $1 to stdout, as it is at one moment, in the container that has it open.
set -eu
copy=$(mktemp)
trap 'rm -f "$copy" "$copy"-*' EXIT
sqlite3 -bail -cmd '.timeout 30000' "$1" ".backup '$copy'"
cat "$copy"
