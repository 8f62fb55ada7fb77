#!/bin/sh
# Installs gateway: from this checkout when it is run in one, else from a release whose signature and checksum are
# verified. Everything is a function and main is called on the last line, so that a download that was cut off does nothing.
set -eu

# RELEASES is where releases are downloaded from when there is no checkout: RELEASES/VERSION/gateway-OS-ARCH, with
# SHA256SUMS and its signature SHA256SUMS.minisig beside it, all by HTTPS. A project that publishes releases sets its
# address here.
RELEASES="${GATEWAY_RELEASES:-}"
VERSION="${GATEWAY_VERSION:-latest}"
# SIGNER is the public key of releases as minisign prints it (RW...): with it, a release whose signature is missing, bad
# or cannot be verified is refused. A project that publishes releases sets its key here. An empty one in the environment
# does not turn it off.
SIGNER="${GATEWAY_SIGNER:-}"

usage() {
	cat <<'EOF'
usage: install.sh [options]

  --quickstart     install Docker and gateway, start it, and add a first project at /robots
  --with-docker    install Docker Engine from the distribution's packages where there is none, and start it
  --docker-only    the same, without installing gateway
  --prefix DIR     put the binary into DIR/bin, shell completion and manual pages into DIR/share
                   (default /usr/local as root, else ~/.local)
  --http PORT      with --quickstart: the port to publish (default 80)
  --dry-run        say what would be done, and do nothing
  --uninstall      stop the gateway and remove what was installed; projects and Docker stay
  --help           this page

Outside a checkout it downloads a release from $GATEWAY_RELEASES (version $GATEWAY_VERSION, default latest) and
verifies it with the key $GATEWAY_SIGNER, by minisign or OpenSSL 3.
It says each step before it takes it, and can be run again safely.
EOF
}

fail() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# step says a command's purpose and runs it, unless this is a dry run.
step() {
	say "$1"
	shift
	if [ -z "$dry_run" ]; then
		"$@"
	else
		printf '    would run: %s\n' "$*"
	fi
}

# --- progress ---

# say prints a step with the seconds since the start. A job leaves that to await, which prints the steps of all jobs.
say() {
	if [ -n "$job" ]; then
		printf '%s\n' "$*" >>"$jobs/$job.steps"
	elif [ -n "$dry_run" ]; then
		printf '==> %s\n' "$*"
	else
		printf '==> %3d s  %s\n' "$(elapsed)" "$*"
	fi
}

elapsed() { echo $(($(date +%s) - began)); }

# start runs a function as a job beside others. What it prints is shown when it fails.
start() {
	if [ -n "$dry_run" ]; then
		"$@"
		return
	fi
	[ -n "$jobs" ] || jobs=$(mktemp -d)
	trap 'stop; rm -rf "$jobs"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	: >"$jobs/$1.steps"
	(
		trap - EXIT INT TERM
		job=$1
		"$@"
	) </dev/null >"$jobs/$1.log" 2>&1 &
	running="$running $1:$!"
}

# stop ends the jobs that still run. A command of theirs, such as an installation of packages, is left to finish.
stop() {
	for entry in $running; do kill -TERM "${entry#*:}" 2>/dev/null || true; done
}

# await shows the steps of all jobs until they have ended, and where they are: on a terminal in a line that moves, in a
# log every 15 seconds. The first that fails ends the others and the installation.
await() {
	[ -z "$dry_run" ] || return 0
	told=$(elapsed)
	while [ -n "$running" ]; do
		left=''
		for entry in $running; do
			if kill -0 "${entry#*:}" 2>/dev/null; then
				left="$left $entry"
				continue
			fi
			show "${entry%:*}"
			code=0
			wait "${entry#*:}" || code=$?
			[ "$code" -eq 0 ] || {
				running=$left
				[ ! -t 1 ] || printf '\r\033[K'
				cat "$jobs/${entry%:*}.log" >&2
				exit "$code"
			}
		done
		running=$left
		now=''
		for entry in $running; do
			show "${entry%:*}"
			now="$now; $(cat "$jobs/${entry%:*}.now" 2>/dev/null || tail -n 1 "$jobs/${entry%:*}.steps")"
		done
		[ -n "$running" ] || break
		if [ -t 1 ]; then
			printf '\r\033[K    %3d s  %.66s' "$(elapsed)" "${now#; }"
		elif [ $(($(elapsed) - told)) -ge 15 ]; then
			told=$(elapsed)
			printf '    %3d s  %s\n' "$told" "${now#; }"
		fi
		sleep 1
	done
	[ ! -t 1 ] || printf '\r\033[K'
}

# show prints the steps of a job that were not printed yet.
show() {
	shown=$(cat "$jobs/$1.shown" 2>/dev/null || echo 0)
	tail -n "+$((shown + 1))" "$jobs/$1.steps" >"$jobs/new"
	while IFS= read -r line; do
		[ ! -t 1 ] || printf '\r\033[K'
		printf '==> %3d s  %s\n' "$(elapsed)" "$line"
		shown=$((shown + 1))
	done <"$jobs/new"
	echo "$shown" >"$jobs/$1.shown"
}

# now says what a job is at within its step, for the line that moves.
now() { [ -z "$job" ] || printf '%s\n' "$*" >"$jobs/$job.now"; }

is_root() { [ "$(id -u)" -eq 0 ]; }

need_root() {
	is_root || [ -n "$dry_run" ] || fail "$1 needs root; run it again with sudo"
}

# --- the binary ---

# in_checkout asks whether this file lies in one; read from a pipe, it lies nowhere, whatever folder it is run in.
in_checkout() { [ -n "$here" ] && [ -f "$here/go.mod" ] && grep -qx 'module gateway' "$here/go.mod"; }

install_binary() {
	step "creating $prefix/bin" mkdir -p "$prefix/bin"
	if in_checkout; then
		have go || [ -x /usr/local/go/bin/go ] ||
			fail "this checkout is built with Go, and there is none; install it from https://go.dev/dl, or run install.sh outside the checkout to download a release"
		step "building gateway from $here into $prefix/bin" build
	else
		step "downloading gateway $VERSION into $prefix/bin" download
	fi
	step "installing shell completion and manual pages into $prefix/share" install_extras
	case ":$PATH:" in
	*":$prefix/bin:"*) ;;
	*) say "note: $prefix/bin is not in your PATH; add it, or call $prefix/bin/gateway" ;;
	esac
}

# Where shells and man find what comes with the binary.
completion_of() {
	case $1 in
	bash) echo "$prefix/share/bash-completion/completions/gateway" ;;
	zsh) echo "$prefix/share/zsh/site-functions/_gateway" ;;
	fish) echo "$prefix/share/fish/vendor_completions.d/gateway.fish" ;;
	esac
}

# install_extras asks the binary for its completion scripts and manual pages. A release that has none is installed without.
install_extras() {
	remove_extras
	for shell in bash zsh fish; do
		file=$(completion_of "$shell")
		mkdir -p "$(dirname "$file")"
		"$prefix/bin/gateway" completion "$shell" >"$file" 2>/dev/null || {
			rm -f "$file"
			say "note: this version has no completion for $shell"
		}
	done
	"$prefix/bin/gateway" man "$prefix/share/man" >/dev/null 2>&1 || say "note: this version has no manual pages"
}

remove_extras() {
	for shell in bash zsh fish; do rm -f "$(completion_of "$shell")"; done
	rm -f "$prefix/share/man/man1/gateway.1" "$prefix"/share/man/man1/gateway-*.1 "$prefix"/share/man/man7/gateway-*.7
}

build() {
	PATH="$PATH:/usr/local/go/bin"
	version=$(git -C "$here" describe --tags --always --dirty 2>/dev/null || echo dev)
	commit=$(git -C "$here" rev-parse HEAD 2>/dev/null || true)
	new=$prefix/bin/gateway.new
	rm -f "$new"
	cd "$here"
	export CGO_ENABLED=0
	# Downloading takes the network, compiling the processor: Go's own packages can be compiled meanwhile.
	now "building: downloading modules"
	go build -trimpath archive/tar compress/gzip crypto/tls encoding/json encoding/xml html/template net/http os/exec regexp &
	all=$(go list -deps ./cmd/gateway | wc -l)
	wait $!
	go build -v -buildvcs=false -trimpath -ldflags "-s -w -X gateway/cmd.Version=$version -X gateway/cmd/server.Commit=$commit" -o "$new" ./cmd/gateway 2>&1 | count "$all"
	[ -f "$new" ] || fail "building gateway did not succeed; see above"
	mv -f "$new" "$prefix/bin/gateway"
}

# count passes on what Go says, and shows how many packages of all it has compiled.
count() {
	compiled=0
	while IFS= read -r line; do
		printf '%s\n' "$line"
		compiled=$((compiled + 1))
		now "building: $compiled packages compiled, $1 in all"
	done
}

os() { uname -s | tr '[:upper:]' '[:lower:]'; }

arch() {
	case $(uname -m) in
	x86_64 | amd64) echo amd64 ;;
	aarch64 | arm64) echo arm64 ;;
	armv6* | armv7*) echo arm ;;
	*) fail "there is no release for $(uname -m) machines; clone the repository and run its install.sh, which builds it" ;;
	esac
}

# secure refuses an address that is not of HTTPS.
secure() {
	case $1 in
	https://*) ;;
	*) fail "$1 is not an https address, and releases are downloaded by nothing else; nothing was installed" ;;
	esac
}

# fetch downloads an address into a file, by HTTPS alone: redirects too.
fetch() {
	secure "$1"
	if have curl; then
		curl -fsSL --proto '=https' --proto-redir '=https' --tlsv1.2 --retry 3 -o "$2" "$1"
	elif have wget && wget --version 2>/dev/null | grep -q '^GNU Wget'; then
		wget_secure "$1" "$2"
	else
		# The wget of BusyBox accepts any certificate.
		fail "downloading needs curl or GNU wget; install one of them. Nothing was installed"
	fi || fail "could not download $1 by HTTPS; is the address right, and the network up? Nothing was installed"
}

# wget_secure follows redirects itself: wget would follow one to http too.
wget_secure() {
	address=$1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		secure "$address"
		if said=$(wget --secure-protocol=TLSv1_2 --max-redirect=0 --tries=3 --server-response -O "$2" "$address" 2>&1); then
			return
		fi
		location=$(printf '%s\n' "$said" | sed -n 's/^ *[Ll]ocation: *\([^ ]*\).*/\1/p' | tail -n 1)
		case $location in
		'')
			printf '%s\n' "$said" >&2
			return 1
			;;
		/*) address=$(printf '%s\n' "$address" | cut -d / -f 1-3)$location ;;
		*) address=$location ;;
		esac
	done
	echo "more than 10 redirects" >&2
	return 1
}

sha256() {
	if have sha256sum; then
		sha256sum "$1" | cut -d ' ' -f 1
	elif have shasum; then
		shasum -a 256 "$1" | cut -d ' ' -f 1
	else
		fail "checking the download needs sha256sum or shasum; install one of them"
	fi
}

# verify checks the signature of a file, in the format of minisign, by minisign itself or by OpenSSL.
verify() {
	[ -n "$SIGNER" ] || {
		say "note: no key of a signer is set (GATEWAY_SIGNER); the checksum shows a damaged download, not a forged release"
		return
	}
	fetch "$3" "$2"
	if have minisign; then
		minisign -Vq -P "$SIGNER" -m "$1" -x "$2" >/dev/null || fail "the signature of $VERSION is not by $SIGNER; nothing was installed"
	elif have openssl && openssl list -public-key-algorithms 2>/dev/null | grep -qi ed25519 && openssl version | grep -q '^OpenSSL [3-9]'; then
		verify_openssl "$1" "$2" || fail "the signature of $VERSION is not by $SIGNER; nothing was installed"
	else
		fail "the release is signed, and there is nothing to verify the signature with; install minisign, or OpenSSL 3 or later. Nothing was installed"
	fi
}

# verify_openssl reads a signature as minisign writes it: two bytes of algorithm, eight of the key's number and 64 of the
# signature in the second line; in the fourth the signature over that and the comment in the third.
verify_openssl() {
	sed -n 2p "$2" | openssl base64 -d -A >"$tmp/signature"
	sed -n 4p "$2" | openssl base64 -d -A >"$tmp/global"
	printf '%s' "$SIGNER" | openssl base64 -d -A >"$tmp/key"
	[ "$(wc -c <"$tmp/signature")" -eq 74 ] && [ "$(wc -c <"$tmp/global")" -eq 64 ] && [ "$(wc -c <"$tmp/key")" -eq 42 ] || return 1
	[ "$(part "$tmp/key" 3 8 | openssl base64)" = "$(part "$tmp/signature" 3 8 | openssl base64)" ] || return 1
	# Ed25519 in the form that OpenSSL reads.
	{
		printf '\060\052\060\005\006\003\053\145\160\003\041\000'
		part "$tmp/key" 11 32
	} >"$tmp/key.der"
	part "$tmp/signature" 11 64 >"$tmp/plain"
	# ED signs a hash of the file, Ed, of minisign before 0.8, the file.
	case $(part "$tmp/signature" 1 2) in
	ED) openssl dgst -blake2b512 -binary -out "$tmp/signed" "$1" ;;
	Ed) cp "$1" "$tmp/signed" ;;
	*) return 1 ;;
	esac
	{
		cat "$tmp/plain"
		sed -n 3p "$2" | sed 's/^trusted comment: //' | tr -d '\r\n'
	} >"$tmp/comment"
	by_key "$tmp/plain" "$tmp/signed" && by_key "$tmp/global" "$tmp/comment"
}

# part prints some bytes of a file: from which on, counted from 1, and how many.
part() { tail -c "+$2" "$1" | head -c "$3"; }

by_key() {
	openssl pkeyutl -verify -pubin -keyform DER -inkey "$tmp/key.der" -rawin -sigfile "$1" -in "$2" >/dev/null 2>&1
}

download() {
	[ -n "$RELEASES" ] ||
		fail "no address to download releases from: set GATEWAY_RELEASES, or run install.sh inside a checkout, where it builds"
	name="gateway-$(os)-$(arch)"
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	fetch "$RELEASES/$VERSION/SHA256SUMS" "$tmp/SHA256SUMS"
	verify "$tmp/SHA256SUMS" "$tmp/SHA256SUMS.minisig" "$RELEASES/$VERSION/SHA256SUMS.minisig"
	want=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$tmp/SHA256SUMS")
	[ -n "$want" ] || fail "SHA256SUMS of $VERSION does not list $name; nothing was installed"
	fetch "$RELEASES/$VERSION/$name" "$tmp/$name"
	got=$(sha256 "$tmp/$name")
	[ "$want" = "$got" ] || fail "the checksum of $name is $got and should be $want; nothing was installed"
	chmod 755 "$tmp/$name"
	cp "$tmp/$name" "$prefix/bin/gateway.new"
	mv -f "$prefix/bin/gateway.new" "$prefix/bin/gateway"
}

# --- Docker ---

# engine_answers asks whatever client there is whether an engine answers; a client alone is not an engine. Without any
# client a socket is taken for an engine: were it a dead one, gateway up would say so.
engine_answers() {
	socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
	if have docker; then
		version=$(docker version 2>/dev/null) || return 1
		case $version in *[Pp]odman*) fail "the docker command here is podman's, which gateway does not know; install Docker Engine: https://docs.docker.com/engine/install" ;; esac
	elif [ "${socket#unix://}" = "$socket" ]; then
		return 0 # an engine elsewhere: not one that is installed here
	elif have curl; then
		curl -fs --unix-socket "${socket#unix://}" http://docker/_ping >/dev/null 2>&1
	else
		[ -S "${socket#unix://}" ]
	fi
}

with_docker() {
	if engine_answers; then
		say "a Docker engine answers; it is left as it is"
		return
	fi
	need_root "installing and starting Docker"
	have dockerd || install_docker
	[ -n "$dry_run" ] || have dockerd ||
		fail "the packages of this distribution brought no Docker Engine (podman is none); install it by hand: https://docs.docker.com/engine/install"
	start_docker
}

install_docker() {
	if have apt-get; then
		step "updating the package lists" apt-get update -qq
		# Newer releases keep the docker command in a package of its own.
		packages="docker.io iptables ca-certificates"
		apt-cache show docker-cli >/dev/null 2>&1 && packages="$packages docker-cli"
		# shellcheck disable=SC2086 # these are several words
		step "installing $packages" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
	elif have dnf; then
		# Fedora calls it moby-engine, Amazon Linux docker.
		package=moby-engine
		dnf -q list moby-engine >/dev/null 2>&1 || package=docker
		step "installing $package" dnf install -y -q "$package"
	elif have zypper; then
		step "installing docker" zypper --non-interactive --quiet install docker
	elif have pacman; then
		step "installing docker" pacman -Sy --noconfirm --needed docker
	elif have apk; then
		step "installing docker" apk add --quiet docker
	else
		fail "no package manager known here (apt, dnf, zypper, pacman, apk); install Docker Engine by hand: https://docs.docker.com/engine/install"
	fi
}

start_docker() {
	if [ -d /run/systemd/system ]; then
		step "starting Docker with systemd" systemctl enable --now docker
	elif have rc-service; then
		step "starting Docker with OpenRC" rc-service docker start
		step "starting Docker at boot" rc-update add docker default
	else
		step "starting dockerd in the background (no systemd here), log in /var/log/dockerd.log" start_dockerd
	fi
	[ -n "$dry_run" ] || wait_for_docker
}

start_dockerd() {
	if have setsid; then
		setsid dockerd </dev/null >>/var/log/dockerd.log 2>&1 &
	else
		nohup dockerd </dev/null >>/var/log/dockerd.log 2>&1 &
	fi
}

wait_for_docker() {
	tries=60
	until engine_answers; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "Docker did not answer within 60 seconds; see /var/log/dockerd.log, or: journalctl -u docker"
		sleep 1
	done
	say "Docker answers"
}

# --- quickstart ---

quickstart() {
	gateway="$prefix/bin/gateway"
	if [ -n "$http" ]; then
		step "starting the gateway on port $http" "$gateway" up --http "$http"
	else
		step "starting the gateway" "$gateway" up
	fi
	if [ -z "$dry_run" ] && "$gateway" show robots >/dev/null 2>&1; then
		say "the project robots is there already"
		# What an interrupted run left half-way is finished, and what was stopped is started.
		"$gateway" deploy robots
	else
		step "adding a first project at /robots" "$gateway" add portfolio --path /robots
	fi
	[ -n "$dry_run" ] || check_live
}

# check_live prints the address once it answers. Port 80 is not spelled in it.
check_live() {
	port=${http:-$("$gateway" status --json | sed -n 's/.*"http:\/\/[^"]*:\([0-9]*\)".*/\1/p' | head -n 1)}
	url="http://localhost:${port:-80}/robots/"
	[ "${port:-80}" != 80 ] || url="http://localhost/robots/"
	tries=30
	until answers "$url"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$url does not answer; see: gateway status, gateway routes"
		sleep 1
	done
	say "done: your first project is live at $url"
}

answers() {
	if have curl; then
		curl -fs --noproxy '*' -o /dev/null "$1"
	elif have wget; then
		no_proxy='*' wget -q -O /dev/null "$1"
	else
		# gateway add returned, so the route answers; there is nothing here to ask with.
		return 0
	fi
}

# --- uninstall ---

uninstall() {
	gateway="$prefix/bin/gateway"
	if [ ! -x "$gateway" ]; then
		say "there is no $gateway; nothing to remove"
		return
	fi
	if engine_answers; then
		step "stopping the gateway; projects go on running" "$gateway" down --purge
	fi
	step "removing $gateway" rm -f "$gateway"
	step "removing shell completion and manual pages from $prefix/share" remove_extras
	say "projects were left in ${GATEWAY_PROJECTS:-/srv/gateway/projects (root) or ~/.local/share/gateway/projects}; Docker was left as it is"
}

main() {
	action=install dry_run='' docker='' http='' prefix=''
	began=$(date +%s) job='' jobs='' running=''
	while [ $# -gt 0 ]; do
		case $1 in
		--quickstart) action=quickstart docker=yes ;;
		--with-docker) docker=yes ;;
		--docker-only) action=docker docker=yes ;;
		--uninstall) action=uninstall ;;
		--dry-run) dry_run=yes ;;
		--prefix | --http)
			[ $# -gt 1 ] || fail "$1 takes a value; see --help"
			if [ "$1" = --prefix ]; then prefix=$2; else http=$2; fi
			shift
			;;
		--help | -h)
			usage
			exit 0
			;;
		*)
			printf 'install.sh: unknown option %s; see --help\n' "$1" >&2
			exit 2
			;;
		esac
		shift
	done
	case $http in *[!0-9]*) fail "--http $http: it takes a port number, such as 8080" ;; esac
	here=''
	case $0 in
	*install.sh) [ ! -f "$0" ] || here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) ;;
	esac
	if [ -z "$prefix" ]; then
		if is_root; then prefix=/usr/local; else prefix=$HOME/.local; fi
	fi
	if [ "$action" = uninstall ]; then
		uninstall
		return
	fi
	if [ -n "$docker" ] || in_checkout; then
		# Neither the engine nor the binary needs the other.
		[ -z "$docker" ] || start with_docker
		[ "$action" = docker ] || start install_binary
		await
	else
		install_binary
	fi
	[ "$action" != quickstart ] || quickstart
}

main "$@"
