#!/bin/sh
# Installs what the tests need and runs every lane: lint, unit, portable, h2spec, fuzz, bench, end to end, browser. It ends
# with the counts of each lane and the line "N passed, N failed, N skipped", and exits with 1 when a test failed or a lane
# ran none.
#
#	testdata/test.sh [LANE ...]     only these lanes: lint unit portable h2spec fuzz bench e2e browser
#
# It needs root (for Docker), Go, git and a package manager. The end-to-end lane restarts the Docker engine, and wants
# it without a running gateway.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$here"
PATH="$PATH:/usr/local/go/bin"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

say() { printf '\n==> %s\n' "$*"; }

# wrong keeps what failed outside of the tests, which the counts do not show.
wrong() {
	failed=1
	echo "$*" >>"$out/wrong"
}

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
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
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
	tool gofumpt -l cmd proxy projects templates tui testdata/app testdata/bench testdata/browser >"$out/unformatted"
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
	shellcheck --severity=warning install.sh testdata/test.sh testdata/bench/bench.sh .ci/run || wrong "lint: shellcheck"
}

unit() {
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

# bench shows that the bench works, and with it the gateway under load. It measures nothing worth keeping.
bench() {
	say "the bench, in short"
	testdata/bench/bench.sh --quick || wrong "bench"
}

# fuzz runs every fuzz target for a moment, to find what a seed corpus alone would not. It counts inputs: a bound in
# time sometimes ends in a failure of the fuzzing engine itself.
fuzz() {
	say "fuzzing, ${FUZZTIME:=30000x} each"
	for package in $(grep -rl --include='*_test.go' '^func Fuzz' cmd proxy projects templates tui | xargs -n 1 dirname | sort -u); do
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go); do
			tests "fuzz-$(echo "$package-$target" | tr '/' '-')" . -run "^$target\$" -fuzz "^$target\$" -fuzztime "$FUZZTIME" "./$package"
		done
	done
}

engine() {
	docker version >/dev/null 2>&1 || ./install.sh --docker-only
}

# images builds what the templates' projects run on, without a registry.
images() {
	need mmdebstrap mmdebstrap
	testdata/images/build.sh
}

e2e() {
	say "end to end, on this machine's Docker engine"
	engine
	images
	for package in proxy/docker projects/compose cmd/gateway; do
		GATEWAY_E2E=1 tests "e2e-$(echo "$package" | tr '/' '-')" . -count=1 -timeout 15m "./$package"
	done
}

browser() {
	say "browser, in headless Chromium"
	engine
	images
	need chromium chromium fonts-noto-cjk
	# Most of what these tests do is waiting: for containers, and for one another's.
	GATEWAY_E2E=1 tests browser testdata/browser -count=1 -parallel 4 -timeout 15m ./...
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
	need gcc gcc libc6-dev
	go build -buildvcs=false -modfile=testdata/tools/go.mod -o "$out/gotestsum" gotest.tools/gotestsum
	[ $# -gt 0 ] || set -- lint unit portable h2spec fuzz bench e2e browser
	for name in "$@"; do
		case $name in
		lint | unit | portable | h2spec | fuzz | bench | e2e | browser) "$name" ;;
		*)
			printf 'test.sh: no lane %s; there are lint, unit, portable, h2spec, fuzz, bench, e2e and browser\n' "$name" >&2
			exit 2
			;;
		esac
	done
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

main "$@"
