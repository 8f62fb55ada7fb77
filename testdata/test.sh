#!/bin/sh
# Installs what the tests need and runs every lane: lint, unit, portable, h2spec, fuzz, bench, end to end, browser. It ends
# with the counts of each lane and the line "N passed, N failed, N skipped", and exits with 1 when a test failed or a lane
# ran none.
#
#	testdata/test.sh [LANE ...]     only these lanes: lint unit portable h2spec acme fuzz bench e2e browser
#
# It needs root, Go, git and a package manager. The lanes e2e and browser run last, on a Docker engine of their own (see
# engine.sh): the machine's engine and its gateway may go on serving, on the same ports too. Of the packages that are
# installed no service is started.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$here"
PATH="$PATH:/usr/local/go/bin:/usr/sbin:/sbin"
failed=0 policy=''

say() { printf '\n==> %s\n' "$*"; }

# wrong keeps what failed outside of the tests, which the counts do not show.
wrong() {
	failed=1
	echo "$*" >>"$out/wrong"
}

# need installs packages unless a program is there.
need() {
	command -v "$1" >/dev/null 2>&1 && return
	command -v apt-get >/dev/null 2>&1 || {
		printf 'test.sh: %s is missing, and there is no apt-get to install it with; install it and run this again\n' "$1" >&2
		exit 1
	}
	[ -n "${updated-}" ] || apt-get update -qq
	updated=yes
	shift
	say "installing $*"
	# Debian starts the services that it installs, unless this file forbids it.
	if [ ! -e /usr/sbin/policy-rc.d ] || grep -q '^# of testdata/test.sh$' /usr/sbin/policy-rc.d; then
		# One that is there and ours is left of a run that was killed.
		policy=/usr/sbin/policy-rc.d
		printf '#!/bin/sh\n# of testdata/test.sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	clean
}

# clean takes back what need left on the machine.
clean() {
	[ -z "$policy" ] || rm -f "$policy"
	policy=''
}

tool() { go tool -modfile=testdata/tools/go.mod "$@"; }

# tests runs one lane's tests and keeps what happened for the counts.
tests() {
	lane=$1 folder=$2
	shift 2
	(cd "$folder" && "$out/gotestsum" --format pkgname-and-test-fails --format-hide-empty-pkg --jsonfile "$out/$lane.json" -- "$@") || failed=1
}

lint() {
	say "lint"
	tool gofumpt -l cmd proxy projects templates tui testdata/app testdata/bench testdata/browser testdata/nameserver >"$out/unformatted"
	if [ -s "$out/unformatted" ]; then
		echo "not formatted; run gofumpt -w on:"
		cat "$out/unformatted"
		wrong "lint: gofumpt"
	fi
	tool golangci-lint run ./... || wrong "lint: golangci-lint"
	say "sizes, as warnings"
	tool golangci-lint run --config .golangci.sizes.yml --issues-exit-code 0 ./... || wrong "lint: .golangci.sizes.yml"
	go mod verify >/dev/null || wrong "lint: go mod verify"
	go mod tidy -diff || wrong "lint: go.mod and go.sum want go mod tidy"
	need shellcheck shellcheck
	shellcheck --severity=warning install.sh testdata/*.sh testdata/images/*.sh testdata/bench/*.sh .ci/run || wrong "lint: shellcheck"
}

unit() {
	need curl curl
	need wget wget
	need openssl openssl
	need minisign minisign
	need mandoc mandoc
	say "unit, golden, script and architecture tests, with the race detector"
	tests unit . -race ./...
}

# portable holds what is fast on Linux to the same tests by way of the net package, as on other systems.
portable() {
	say "the engine without its fast path"
	tests portable . -tags portable -count=1 ./proxy/socket ./proxy/engine
}

# h2spec runs the cases of h2spec against the engine, over TLS and without.
h2spec() {
	say "h2spec"
	(cd testdata/h2spec && go build -o "$out/h2spec-tool" github.com/summerwind/h2spec/cmd/h2spec)
	GATEWAY_H2SPEC="$out/h2spec-tool" tests h2spec . -count=1 -run MeetsTheSpecification ./proxy/engine
}

# pebble builds a certificate authority for tests.
pebble() { (cd testdata/acme && go build -buildvcs=false -o "$out/pebble" github.com/letsencrypt/pebble/v2/cmd/pebble); }

# acme orders certificates from pebble, a certificate authority for tests: all of it on 127.0.0.1.
acme() {
	say "certificates from a certificate authority"
	pebble
	GATEWAY_PEBBLE="$out/pebble" tests acme . -count=1 -run Pebble -timeout 10m ./proxy/certificate
}

# bench shows that the bench works, and with it the gateway under load. It measures nothing worth keeping.
bench() {
	say "the bench, in short"
	testdata/bench/bench.sh --quick || wrong "bench"
}

# fuzz runs every fuzz target for a moment, to find what a seed corpus alone would not. It counts inputs: a bound in
# time sometimes ends in a failure of the fuzzing engine itself, and it may spend a minute on making one input smaller.
fuzz() {
	say "fuzzing, ${FUZZTIME:=30000x} each"
	for package in $(grep -rl --include='*_test.go' '^func Fuzz' cmd proxy projects templates tui | xargs -n 1 dirname | sort -u); do
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go); do
			tests "fuzz-$(echo "$package-$target" | tr '/' '-')" . -run "^$target\$" -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 100x "./$package"
		done
	done
}

# fetch brings what e2e and browser need before they run where no network is.
fetch() {
	say "fetching what the lanes on a Docker engine need"
	need ip iproute2
	need unshare util-linux
	need iptables iptables
	need dockerd docker.io
	# Newer releases keep the docker command in a package of its own.
	need docker docker-cli
	need mmdebstrap mmdebstrap
	for lane in "$@"; do
		[ "$lane" = e2e ] || need chromium chromium fonts-noto-cjk
		[ "$lane" = e2e ] || need certutil libnss3-tools
	done
	testdata/images/build.sh --fetch >/dev/null
	# What is compiled here does not count for the time that the tests have.
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -o "$out/" ./cmd/gateway ./testdata/app
	(cd testdata/compose && CGO_ENABLED=0 go build -buildvcs=false -o "$out/compose" github.com/docker/compose/v5/cmd)
	pebble
	go test -count=1 -run '^$' ./cmd/gateway ./proxy/docker ./projects/compose >/dev/null
	(cd testdata/browser && go test -count=1 -run '^$' ./... >/dev/null)
}

# on_engine runs lanes where engine.sh started a Docker engine.
on_engine() {
	say "building the images that projects run on"
	testdata/images/build.sh >/dev/null
	for name in "$@"; do
		"$name"
		# What a lane that was broken off left there is not the next one's.
		docker ps -aq | xargs -r docker rm -fv >/dev/null
	done
	exit "$failed"
}

e2e() {
	say "end to end, on a Docker engine"
	for package in proxy/docker projects/compose cmd/gateway; do
		GATEWAY_E2E=1 GATEWAY_PEBBLE="$out/pebble" tests "e2e-$(echo "$package" | tr '/' '-')" . -count=1 -timeout 35m "./$package"
	done
}

browser() {
	say "browser, in headless Chromium"
	# Most of what these tests do is waiting: for containers, and for one another's.
	GATEWAY_E2E=1 tests browser testdata/browser -count=1 -parallel 4 -timeout 20m ./...
}

# count prints one lane's numbers: the tests in it that passed, failed and were skipped.
count() {
	awk -v lane="$1" '
		/"Test":"/ && /"Action":"pass"/ { passed++ }
		/"Test":"/ && /"Action":"fail"/ { failed++ }
		/"Test":"/ && /"Action":"skip"/ { skipped++ }
		END { printf "%s %d %d %d\n", lane, passed, failed, skipped }' "$2"
}

report() {
	say "counts"
	for json in "$out"/*.json; do
		[ -e "$json" ] || continue
		count "$(basename "$json" .json)" "$json"
	done >"$out/counts"
	# The fuzz targets count as one lane, and so do the packages of the end-to-end lane.
	awk '
		{ sub(/-.*/, "", $1); if (!($1 in seen)) { seen[$1] = 1; order[++n] = $1 }; p[$1] += $2; f[$1] += $3; s[$1] += $4 }
		END {
			for (i = 1; i <= n; i++) {
				l = order[i]; printf "%-8s %5d passed, %d failed, %d skipped\n", l, p[l], f[l], s[l]
				P += p[l]; F += f[l]; S += s[l]
				if (p[l] + f[l] == 0) { printf "lane %s ran no test\n", l; empty = 1 }
			}
			printf "%d passed, %d failed, %d skipped\n", P, F, S
			exit (F > 0 || empty || n == 0)
		}' "$out/counts" || failed=1
}

main() {
	out=$(mktemp -d)
	trap 'clean; rm -rf "$out"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	need gcc gcc libc6-dev
	go build -buildvcs=false -modfile=testdata/tools/go.mod -o "$out/gotestsum" gotest.tools/gotestsum
	[ $# -gt 0 ] || set -- lint unit portable h2spec acme fuzz bench e2e browser
	last=''
	for name in "$@"; do
		case $name in
		lint | unit | portable | h2spec | acme | fuzz | bench) ;;
		e2e | browser) last="$last $name" ;;
		*)
			printf 'test.sh: no lane %s; there are lint, unit, portable, h2spec, acme, fuzz, bench, e2e and browser\n' "$name" >&2
			exit 2
			;;
		esac
	done
	for name in "$@"; do
		case $name in e2e | browser) ;; *) "$name" ;; esac
	done
	if [ -n "$last" ]; then
		# shellcheck disable=SC2086 # these are several words
		fetch $last
		# shellcheck disable=SC2086
		testdata/engine.sh "$here/testdata/test.sh" --on-engine "$out" $last || failed=1
	fi
	if [ -s "$out/wrong" ]; then
		say "failed outside of the tests"
		cat "$out/wrong"
	fi
	# Lint and bench alone have no tests to count.
	case $* in
	lint | bench | "lint bench") ;;
	*) report ;;
	esac
	exit "$failed"
}

if [ "${1-}" = --on-engine ]; then
	out=$2
	shift 2
	on_engine "$@"
fi
main "$@"
