#!/bin/sh
# Runs a command on a Docker engine of its own: in network, mount and process namespaces where the engine has its usual
# paths and the command needs no further environment. The machine's engine, gateway, ports, firewall and files stay as
# they are, and when the command ends, however it ends, all that it started there ends too.
#
#	testdata/engine.sh COMMAND [ARGUMENT ...]          such as: testdata/engine.sh bash
#	testdata/engine.sh --bare COMMAND [ARGUMENT ...]   the same without an engine, as on a machine that has none yet
#
# Only loopback and the containers can be reached from inside: what the command downloads must be there before. It needs
# root, iproute2, util-linux, Go and, without --bare, the programs of Docker Engine: docker and dockerd.
set -eu

fail() {
	printf 'engine.sh: %s\n' "$*" >&2
	exit 1
}

# hidden are the machine's folders that an engine would take sockets, logs and projects from, and a gateway its state.
state=/var/lib/gateway
hidden="/run /srv /var/log $state"

# hide puts an empty folder over one of the machine's, for as long as the namespaces live.
hide() {
	mkdir -p "$1"
	mount -t tmpfs -o mode=0755 tmpfs "$1"
}

# inside runs as the first process of the namespaces. What it starts ends with it.
inside() {
	root=$1 bare=$2
	shift 2
	ip link set lo up
	# An engine that is started here must not take the machine's sockets, logs, projects and settings for its own.
	# Where this checkout lies in one of them, it is put back.
	here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
	exec 5<"$here"
	for folder in $hidden; do hide "$folder"; done
	if [ ! -d "$here" ]; then
		mkdir -p "$here"
		mount --no-canonicalize --bind /proc/self/fd/5 "$here"
		cd "$PWD" 2>/dev/null || cd "$here"
	fi
	exec 5<&-
	cp -a /etc "$root/etc"
	mount --bind "$root/etc" /etc
	# The machine's groups of processes are shared; this one is the engine's own. No name of the world exists here, and
	# that is said at once: the machine's server of names cannot be reached and would be waited for.
	ip addr add 192.0.2.53/32 dev lo
	"$root/nameserver" 192.0.2.53:53 &
	rm -rf /etc/docker /etc/resolv.conf
	mkdir /etc/docker
	echo 'nameserver 192.0.2.53' >/etc/resolv.conf
	printf '{"data-root": "%s/docker", "cgroup-parent": "/%s", "dns": ["192.0.2.53"]}\n' "$root" "${root##*/}" >/etc/docker/daemon.json
	mkdir "$root/client"
	unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
	export DOCKER_CONFIG="$root/client"
	[ -n "$bare" ] || start
	"$@"
}

start() {
	dockerd </dev/null >/var/log/dockerd.log 2>&1 &
	tries=600
	until docker version >/dev/null 2>&1; do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ] || ! kill -0 $! 2>/dev/null; then
			tail -n 20 /var/log/dockerd.log >&2
			fail "dockerd did not start; see its log above"
		fi
		sleep 0.1
	done
}

# clean removes what the namespaces do not take with them.
clean() {
	# It is empty on a machine without a gateway of its own.
	rmdir "$state" 2>/dev/null || :
	groups="-depth -type d -path */${root##*/}*"
	# What ends at this moment still holds its group for a while.
	tries=50
	set -f
	# shellcheck disable=SC2086 # these are several words
	while [ -n "$(find /sys/fs/cgroup $groups 2>/dev/null)" ] && [ "$tries" -gt 0 ]; do
		find /sys/fs/cgroup $groups -exec rmdir {} + 2>/dev/null || sleep 0.1
		tries=$((tries - 1))
	done
	until rm -rf "$root" 2>/dev/null || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}

# sweep removes what is left of runs that were killed. One that lives holds its lock.
sweep() {
	for root in "$1"/gateway-engine.*; do
		[ ! -f "$root/lock" ] || ! flock -n "$root/lock" true || (clean)
	done
}

outside() {
	bare=''
	if [ "${1-}" = --bare ]; then
		bare=yes
		shift
	fi
	[ $# -gt 0 ] || fail "no command; see the first lines of this file"
	[ "$(id -u)" -eq 0 ] || fail "a Docker engine needs root; run it again with sudo"
	for program in ip unshare setpriv flock mount go; do
		command -v "$program" >/dev/null || fail "$program is missing; install iproute2, util-linux and Go"
	done
	[ -n "$bare" ] || command -v dockerd >/dev/null || fail "dockerd is missing; install Docker Engine, such as the package docker.io"
	# Images take a gigabyte or two, and the engine's storage driver wants a file system on a disk.
	for folder in $hidden; do
		case ${TMPDIR:-/var/tmp}/ in "$folder"/*) fail "TMPDIR=$TMPDIR is hidden from the engine; set it to a folder outside of $hidden" ;; esac
	done
	sweep "${TMPDIR:-/var/tmp}"
	root=$(mktemp -d "${TMPDIR:-/var/tmp}/gateway-engine.XXXXXX")
	trap clean EXIT
	# It is held for as long as this shell or anything that it starts lives.
	exec 4>"$root/locked"
	flock 4
	mv "$root/locked" "$root/lock"
	(cd "$(dirname "$0")" && CGO_ENABLED=0 go build -buildvcs=false -o "$root/nameserver" ./nameserver)
	# When this shell dies, so does unshare, and with that everything inside; other signals than KILL it leaves to what
	# runs there. It runs in the background, since a shell handles no signal while it waits for a command in the foreground;
	# its input would be closed then.
	code=0
	setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
		"$0" --inside "$root" "$bare" "$@" <&3 &
	trap 'kill -KILL $! 2>/dev/null; exit 130' INT
	trap 'kill -KILL $! 2>/dev/null; exit 143' TERM
	wait $! || code=$?
	exit "$code"
}

PATH="$PATH:/usr/local/go/bin:/usr/sbin:/sbin"
exec 3<&0
if [ "${1-}" = --inside ]; then
	shift
	inside "$@"
else
	outside "$@"
fi
