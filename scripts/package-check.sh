#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the packages and the tarball, and does with them what operators do, in copies of roots of Debian without a
# network: tests/packages/run.py in Debian 11 and 14, there with the sources too; in Debian 12, which has no Asterisk, a
# program that is compiled with libariws-dev. Needs root, and what `make build` has built.
#
# usage: scripts/package-check.sh

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$top"
packages=$target/packages
only_root "use roots of Debian"

# The roots take as long as the compiler.
temporary=$(mktemp -d)
pids=()
trap 'wait; rm -rf "$temporary" "$packages/check"' EXIT
for name in bullseye-build forky-build bookworm; do
    scripts/asterisk-root.sh "$name" >"$temporary/$name" &
    pids+=($!)
done
scripts/portable.sh
for pid in "${pids[@]}"; do
    wait "$pid"
done
scripts/package-debian.sh bullseye forky
tarball=$(scripts/package-tarball.sh)

# The same packages with a higher version, as they come with an upgrade.
# usage: newer FOLDER TARGET
newer() {
    local package folder version
    mkdir -p "$2"
    for package in "$1"/*.deb; do
        folder=$(mktemp -d "$temporary/newer.XXXXXX")
        dpkg-deb --raw-extract "$package" "$folder"
        version=$(dpkg-deb --field "$package" Version)
        sed -i "s/${version//./\\.}/${version/-1/-2}/" "$folder/DEBIAN/control"
        dpkg-deb -Znone --root-owner-group --build "$folder" "$2" >/dev/null
    done
}

# usage: copy NAME: a copy of a root, with the packages in /tmp
copy() {
    local name=$1 root=$packages/check/$1
    rm -rf --one-file-system "$root"
    mkdir -p "$packages/check"
    cp -a --reflink=auto "$(scripts/asterisk-root.sh "$name")" "$root"
    mkdir "$root/tmp/packages"
    echo "$root"
}

# The sources, and what `make build` has built of them.
# usage: sources FOLDER
sources() {
    local release=$1/target/release
    mkdir -p "$release"
    cp -R c_examples docs include install packaging scripts Makefile Cargo.toml "$1"
    cp -L "$target"/release/{libariws.so,libariws.a,libariws.d,ariws-check,ariws-check.d} "$release"
}

# usage: check_asterisk NAME tarball|sources
check_asterisk() {
    local name=$1 root
    root=$(copy "$name")
    cp "$packages/$name"/*.deb "$root/tmp/packages"
    newer "$packages/$name" "$root/tmp/newer"
    if [[ $2 == tarball ]]; then
        # A small Debian has no xz, which the documentation asks for.
        cp "$(scripts/asterisk-root.sh "$name-build")/usr/bin/xz" "$root/usr/bin"
        mkdir "$root/tmp/tarball"
        cp "$tarball" "$root/tmp/tarball"
        tar -C "$root/tmp/tarball" -xf "$tarball"
    else
        sources "$root/tmp/sources"
    fi
    # shellcheck disable=SC2016
    unshare --net sh -c 'ip link set lo up && exec "$@"' check "$target/venv/bin/python" tests/packages/run.py \
        --root "$root" --packages "$root/tmp/packages" --newer "$root/tmp/newer" "--$2" "$root/tmp/$2" </dev/null
    rm -rf --one-file-system "$root"
}

# usage: check_development NAME PACKAGES
check_development() {
    local name=$1 root said
    root=$(copy "$name")
    cp "$packages/$2"/lib*.deb "$packages/$2"/ariws-tools*.deb "$root/tmp/packages"
    cp c_examples/tiny/tiny.c "$root/tmp"
    # shellcheck disable=SC2016
    said=$(unshare --net scripts/asterisk-in-root.sh "$root" sh -euc '
        apt-get -q -y --no-install-recommends install /tmp/packages/*.deb
        mkdir /tmp/configuration
        echo "[general]" >/tmp/configuration/ari.conf
        : >/tmp/configuration/websocket_client.conf
        ariws-check /tmp/configuration
        cc -o /tmp/shared /tmp/tiny.c $(pkg-config --cflags --libs ariws)
        /tmp/shared /tmp/configuration
        apt-get -q -y purge libariws0 libariws-dev ariws-tools
        ! dpkg-query --list "*ariws*" 2>/dev/null | grep ariws
    ' 2>&1 </dev/null) || fail "$name: $said"
    [[ $said == *"no connection: "*"nobody serves the application voicebot"* ]] || fail "$name: $said"
    echo "$name: a program compiles and runs with libariws-dev of $2"
    rm -rf --one-file-system "$root"
}

# Most of the time Asterisk starts or stops: two at once.
check_asterisk forky sources >"$temporary/forky.log" 2>&1 &
other=$!
check_development bookworm bullseye
check_asterisk bullseye tarball
status=0
wait "$other" || status=$?
cat "$temporary/forky.log"
exit "$status"
