#!/bin/bash
# Makes the Debian root file system that a stand-in image is built on, with all packages that the image needs, and prints
# the name of its archive. It is kept in a cache under a name made of this file and the mirror, so that only the first
# call takes the network and the time.
#
#	rootfs.sh mariadb | wordpress
#
# Everything comes from the Debian mirror that this machine's apt is set up with. It needs root and mmdebstrap.
set -euo pipefail
case ${1-} in
mariadb) packages=mariadb-server-core,mariadb-client,tzdata debs=() ;;
wordpress)
  packages=apache2,libapache2-mod-php8.2,php8.2-cli,php8.2-mysql,php8.2-gd,php8.2-xml,php8.2-mbstring,php8.2-curl,php8.2-zip,php-getid3,libjs-underscore,libjs-cropper
  # The image takes the files alone, as upstream's archive has them.
  debs=(wordpress wordpress-theme-twentytwentythree)
  ;;
*)
  echo "rootfs.sh: no root file system ${1-}; there are mariadb and wordpress" >&2
  exit 2
  ;;
esac
sources() { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null || true; }
from() { sources | grep -oE "https?://[^ ]+/$1/?( |\$)" | sed -n 1p | sed 's#[/ ]*$##'; }
mirror=${MIRROR:-$(from debian)} security=${SECURITY:-$(from debian-security)}
: "${mirror:=http://deb.debian.org/debian}" "${security:=http://security.debian.org/debian-security}"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gateway-test
key=$({ cat "$0"; echo "$mirror $security"; } | sha256sum | cut -c 1-12)
archive=$cache/$1-$key.tar
if [ ! -s "$archive" ]; then
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  hooks=()
  [ ${#debs[@]} -eq 0 ] || hooks=(--customize-hook="chroot \"\$1\" sh -c 'mkdir /usr/src/debs && cd /usr/src/debs && apt-get download -qq ${debs[*]}'")
  mmdebstrap --quiet --variant=minbase --mode=root --include="ca-certificates,$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    "${hooks[@]}" \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/*.log "$1"/var/log/apt "$1"/usr/share/mysql/mysql-test' \
    bookworm "$new/rootfs.tar" \
    "deb $mirror bookworm main" "deb $mirror bookworm-updates main" "deb $security bookworm-security main" >&2
  rm -f "$cache/$1-"*.tar
  mv "$new/rootfs.tar" "$archive"
fi
echo "$archive"
