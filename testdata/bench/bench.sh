#!/bin/sh
# Builds the gateway and what it is compared with, installs what is missing, and measures. --help lists the scenarios.
#
#	testdata/bench/bench.sh [SCENARIO ...] [--rounds N] [--seconds S] [--peers nginx,gateway] [--gateway PROGRAM]
#	testdata/bench/bench.sh features limits --out RESULTS.md      measures these again, and replaces their part of a file
#	testdata/bench/bench.sh --quick       half a minute, gateway and reverseproxy only; exits with 0 when all worked
#
# It is for Linux with two cores or more. To install nginx, HAProxy, wrk and h2load it needs root and apt-get.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here"
PATH="$PATH:/usr/local/go/bin:/usr/sbin"
bin=${GATEWAY_BENCH_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/gateway-bench}
mkdir -p "$bin"

say() { printf '==> %s\n' "$*" >&2; }

need() {
	command -v "$1" >/dev/null 2>&1 && return
	command -v apt-get >/dev/null 2>&1 || {
		printf 'bench.sh: %s is missing, and there is no apt-get to install it with; install it and run this again\n' "$1" >&2
		exit 1
	}
	say "installing $2"
	[ -n "${updated-}" ] || apt-get update -qq
	updated=yes
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

quick='' help='' given=''
for argument; do
	case $argument in
	--quick | -quick) quick=yes ;;
	--help | -help | -h) help=yes ;;
	--gateway | --gateway=* | -gateway | -gateway=*) given=yes ;;
	esac
done

go build -o "$bin/" . ./backend ./load ./reverseproxy
[ -z "$help" ] || exec "$bin/bench" --help
need taskset util-linux
[ -n "$given" ] || {
	say "building the gateway"
	(cd ../.. && go build -o "$bin/gateway" ./cmd/gateway)
}
if [ -z "$quick" ]; then
	# Debian starts the daemons that it installs; the bench starts its own.
	command -v nginx >/dev/null 2>&1 || fresh_nginx=yes
	command -v haproxy >/dev/null 2>&1 || fresh_haproxy=yes
	need nginx nginx-light
	need haproxy haproxy
	need wrk wrk
	need h2load nghttp2-client
	[ -z "${fresh_nginx-}" ] || service nginx stop >/dev/null 2>&1 || true
	[ -z "${fresh_haproxy-}" ] || service haproxy stop >/dev/null 2>&1 || true
	say "building Caddy"
	(cd caddy && go build -o "$bin/caddy" github.com/caddyserver/caddy/v2/cmd/caddy)
fi
exec "$bin/bench" --bin "$bin" "$@"
