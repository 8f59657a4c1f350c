#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs into a folder of its own and builds the host of the README against it, with the shared and with the static
# library, by pkg-config alone.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

PREFIX=$folder/installed LIBDIR='' DESTDIR='' "$top/scripts/install.sh" "${CARGO_TARGET_DIR:-$top/target}/release"
export PKG_CONFIG_PATH=$folder/installed/lib/pkgconfig

mkdir "$folder/configuration"
echo '[general]' >"$folder/configuration/ari.conf"
: >"$folder/configuration/websocket_client.conf"
# The first block of C in the README.
awk '/^```/ { inside = $0 == "```c"; next } inside' "$top/README.md" |
    sed -e "s:/etc/mypbx:$folder/configuration:" >"$folder/host.c"

# usage: host NAME PKG-CONFIG-OPTION...
host() {
    local name=$1 flags output
    shift
    read -r -a flags <<<"$(pkg-config "$@" --cflags --libs ariws)"
    "${CC:-cc}" -std=c99 -Wall -Werror -o "$folder/$name" "$folder/host.c" "${flags[@]}"
    output=$(LD_LIBRARY_PATH=$folder/installed/lib "$folder/$name" 2>&1) || fail "$name: $output"
    [[ $output == *"nobody serves the application voicebot"* ]] || fail "$name said: $output"
    echo "the host of the README works with the $name library"
}

output=$("$folder/installed/bin/ariws-check" "$folder/configuration") || fail "ariws-check: $output"
[[ $output == "no connection: "* ]] || fail "ariws-check said: $output"
echo "ariws-check works"

host shared
rm "$folder"/installed/lib/libariws.so*
host static --static
