#!/bin/sh
# Measures how long a request takes that wakes a sleeping project, from its first byte to the last of the app's response: the
# median and the 95th percentile of several runs, in milliseconds, beside 'docker start' of the same container alone.
#
#	testdata/images/build.sh                            once, for WordPress
#	testdata/engine.sh testdata/bench/wake.sh [RUNS]    30 runs without an argument; WordPress gets a third
#
# It builds the gateway from this checkout, makes the projects, and leaves nothing on the machine. 'docker stop' puts the
# containers to sleep, as the agent does after the idle time.
set -eu

runs=${1:-30}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GATEWAY_PROJECTS="$work/projects"
gateway="$work/gateway"

(cd "$root" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -o "$gateway" ./cmd/gateway)
"$gateway" up --http 8088 >/dev/null
mkdir "$work/site" "$work/wake"
echo hello >"$work/site/index.html"
"$gateway" add portfolio site --path /site --dir "$work/site" --idle 1h >/dev/null

# now is the time in microseconds.
now() { echo $(($(date +%s%N) / 1000)); }

# asleep waits until a route is asleep.
asleep() {
	until "$gateway" routes "$1" --json | grep -q '"state": *"asleep"'; do sleep 0.1; done
}

# wakes measures a project, given its path and its containers, the first of which depends on the others.
wakes() {
	path=$1
	shift
	run=0
	while [ "$run" -lt "$runs" ]; do
		run=$((run + 1))
		docker stop "$@" >/dev/null
		asleep "$path"
		from=$(now)
		code=$(curl -sL -o /dev/null -w '%{http_code}' "http://127.0.0.1:8088$path/")
		to=$(now)
		[ "$code" = 200 ] || {
			echo "wake.sh: $path responded $code" >&2
			exit 1
		}
		echo $((to - from)) >>"$work/wake$path"
	done
}

# starts measures 'docker start' of one container.
starts() {
	run=0
	while [ "$run" -lt "$runs" ]; do
		run=$((run + 1))
		docker stop "$1" >/dev/null
		from=$(now)
		docker start "$1" >/dev/null
		echo $(($(now) - from)) >>"$work/start"
	done
}

# show prints the percentiles of a file.
show() {
	sort -n "$2" | awk -v name="$1" '{ t[NR] = $1 / 1000 }
		END { half = int((NR + 1) / 2); most = int(NR * 0.95 + 0.999); printf "%-34s p50 %6.0f ms   p95 %6.0f ms   %d runs\n", name, t[half], t[most], NR }'
}

starts site-site-1
show "docker start of a portfolio" "$work/start"
wakes /site site-site-1
show "a request wakes a portfolio" "$work/wake/site"
if docker image inspect wordpress:latest >/dev/null 2>&1; then
	runs=$(((runs + 2) / 3))
	"$gateway" add wordpress blog --path /blog --idle 1h >/dev/null 2>&1
	# shellcheck disable=SC2046 # names of containers
	wakes /blog $(docker ps --filter label=com.docker.compose.project=blog --format '{{.Names}}')
	show "a request wakes WordPress + MariaDB" "$work/wake/blog"
fi
"$gateway" down >/dev/null 2>&1
