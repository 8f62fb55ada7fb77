#!/bin/bash
# Builds stand-ins for the images of the templates, for machines that reach no registry: mariadb and wordpress from
# Debian packages, code-server from the program in ./codeserver. What is built already is not built again.
#
#	build.sh [NAME ...]             only these: mariadb wordpress code-server
#	build.sh --fetch [NAME ...]     only downloads what they are built from, for an engine that reaches no network
#
# It needs a Docker engine, Go for code-server, and mmdebstrap, as root, for the other two.
set -euo pipefail
cd "$(dirname "$0")"
# The classic builder needs no plugin of the docker command.
export DOCKER_BUILDKIT=0

build() {
	local name=$1 tag tags=()
	shift
	for tag; do tags+=(-t "$name:$tag"); done
	docker image inspect "gw-test/$name:bookworm" >/dev/null 2>&1 ||
		docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$(./rootfs.sh "$name")" "gw-test/$name:bookworm"
	docker build -q --network none "${tags[@]}" "$name"
}

codeserver() {
	local out
	out=$(mktemp -d)
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -o "$out/code-server" ./codeserver
	cp codeserver/Dockerfile "$out"
	mkdir "$out/home"
	echo 'stand-in of code-server' >"$out/home/.profile"
	docker build -q -t codercom/code-server:latest "$out"
	rm -rf "$out"
}

build_image() {
	case $1 in
	mariadb) build mariadb 10.11 latest ;;
	wordpress) build wordpress 6.1-apache apache latest ;;
	code-server) codeserver ;;
	esac
}

fetch_root() {
	case $1 in
	mariadb | wordpress) ./rootfs.sh "$1" ;;
	code-server) ;;
	esac
}

what=build_image
if [ "${1-}" = --fetch ]; then
	what=fetch_root
	shift
fi
[ $# -gt 0 ] || set -- mariadb wordpress code-server
for name; do
	case $name in
	mariadb | wordpress | code-server) ;;
	*)
		echo "build.sh: no image $name; there are mariadb, wordpress and code-server" >&2
		exit 2
		;;
	esac
done
# None depends on another.
waiting=()
for name; do
	"$what" "$name" &
	waiting+=($!)
done
for process in "${waiting[@]}"; do wait "$process"; done
