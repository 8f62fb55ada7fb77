#!/bin/bash
# Builds stand-ins for the images of the templates, for machines that reach no registry: mariadb and wordpress from
# Debian packages, code-server from the program in ./codeserver. What is built already is not built again.
#
#	build.sh [NAME ...]     only these: mariadb wordpress code-server
#
# It needs a Docker engine, Go for code-server, and mmdebstrap, as root, for the other two.
set -euo pipefail
cd "$(dirname "$0")"
base=gw-test/debian:bookworm
# The classic builder needs no plugin of the docker command.
export DOCKER_BUILDKIT=0

build() {
	docker image inspect "$base" >/dev/null 2>&1 || ./base.sh "$base"
	local folder=$1 tag tags=()
	shift
	for tag; do tags+=(-t "$folder:$tag"); done
	docker build -q --build-arg BASE="$base" "${tags[@]}" "$folder"
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

[ $# -gt 0 ] || set -- mariadb wordpress code-server
for name; do
	case $name in
	mariadb) build mariadb 10.11 latest ;;
	wordpress) build wordpress 6.1-apache apache latest ;;
	code-server) codeserver ;;
	*)
		echo "build.sh: no image $name; there are mariadb, wordpress and code-server" >&2
		exit 2
		;;
	esac
done
