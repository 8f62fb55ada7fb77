#!/bin/sh
# Runs the unit tests again and again, with the race detector, to find those that fail one time in a hundred. It builds the
# test programs once; a round then takes about five minutes on two cores. It ends with 0 when no round had a failure, and
# prints what failed as it happens. Run it beside other work: a busy machine is what it is for.
#
#	testdata/rounds.sh [ROUNDS [JOBS]]     20 rounds, each with 4 packages at a time
set -eu

cd "$(dirname -- "$0")/.."
rounds=${1:-20} jobs=${2:-4}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM
mkdir "$out/bin" "$out/failed"

# Those that take longest come first.
first='/(proxy/engine|proxy|projects|cmd) '
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | grep . >"$out/all"
{
	grep -E "$first" "$out/all" || true
	grep -vE "$first" "$out/all"
} >"$out/packages"
while read -r package _; do
	go test -race -c -o "$out/bin/$(echo "$package" | tr / _)" "$package"
done <"$out/packages"

cat >"$out/one" <<'ONE'
#!/bin/sh
# one OUT ROUND PACKAGE FOLDER
name=$(echo "$3" | tr / _)
cd "$4" || exit 1
log=$(mktemp)
if ! "$1/bin/$name" -test.count=1 -test.timeout=20m >"$log" 2>&1; then
	printf 'round %s: FAIL %s\n' "$2" "$3"
	cat "$log"
	: >"$1/failed/$2.$name"
fi
rm -f "$log"
ONE
chmod +x "$out/one"

for round in $(seq 1 "$rounds"); do
	begun=$(date +%s)
	xargs -P "$jobs" -L 1 "$out/one" "$out" "$round" <"$out/packages"
	failed=$(find "$out/failed" -name "$round.*" | wc -l)
	printf 'round %s of %s: %s failed, %s s, load %s\n' "$round" "$rounds" "$failed" "$(($(date +%s) - begun))" "$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null)"
done
[ -z "$(ls "$out/failed")" ]
