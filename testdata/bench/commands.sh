#!/bin/sh
# Compares how long the commands that list things take with how long docker ps takes, on an engine with some projects:
# the median of several runs each, in turns, in milliseconds, and the ratio. Then it shows what the agent and the proxy
# take of a core during 30 seconds in which nothing happens.
#
#	testdata/images/build.sh --fetch                                  once; engine.sh has no network
#	testdata/engine.sh testdata/bench/commands.sh [RUNS [PROJECTS]]   21 runs with 10 projects without arguments
#
# It builds the gateway from this checkout, makes the projects, and leaves nothing on the machine.
set -eu

runs=${1:-21} projects=${2:-10}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GATEWAY_PROJECTS="$work/projects"
gateway="$work/gateway"

(cd "$root" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -o "$gateway" ./cmd/gateway)
"$gateway" up --http 8088 >/dev/null
mkdir "$work/site"
echo hello >"$work/site/index.html"
n=0
while [ "$n" -lt "$projects" ]; do
	"$gateway" add portfolio "p$n" --path "/p$n" --dir "$work/site" >/dev/null
	n=$((n + 1))
done

# measure runs a command and adds its time in microseconds to a file.
measure() {
	file=$1
	shift
	from=$(date +%s%N)
	"$@" >/dev/null
	to=$(date +%s%N)
	echo $(((to - from) / 1000)) >>"$work/$file"
}

run=0
while [ "$run" -lt "$runs" ]; do
	run=$((run + 1))
	measure docker docker ps
	measure ls "$gateway" ls
	measure show "$gateway" show p0
	measure routes "$gateway" routes
	measure status "$gateway" status
done

median() { sort -n "$work/$1" | sed -n "$(((runs + 1) / 2))p"; }

base=$(median docker)
awk -v us="$base" 'BEGIN { printf "%-16s %6.1f ms\n", "docker ps", us / 1000 }'
for command in ls show routes status; do
	awk -v name="gateway $command" -v us="$(median "$command")" -v base="$base" \
		'BEGIN { printf "%-16s %6.1f ms  %.1fx\n", name, us / 1000, us / base }'
done

# ticks is the processor time of a container's process so far, in hundredths of a second.
ticks() { awk '{ print $14 + $15 }' "/proc/$(docker inspect -f '{{.State.Pid}}' "$1")/stat"; }

idle=30
for name in agent proxy; do ticks "gateway-$name" >"$work/$name.before"; done
sleep "$idle"
for name in agent proxy; do
	now=$(ticks "gateway-$name")
	awk -v name="idle $name" -v now="$now" -v before="$(cat "$work/$name.before")" -v seconds="$idle" \
		'BEGIN { printf "%-16s %6.2f %% of a core\n", name, (now - before) / seconds }'
done
"$gateway" down >/dev/null 2>&1
