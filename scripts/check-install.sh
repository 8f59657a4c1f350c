#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs into a folder of its own and builds c_examples/tiny against it, with the shared and with the static library,
# by pkg-config alone.

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

# usage: host NAME [PKG-CONFIG-OPTION]
host() {
    local name=$1 output
    make --silent -C "$top/c_examples/tiny" BUILD="$folder/$name" STATIC="${2-}"
    output=$(LD_LIBRARY_PATH=$folder/installed/lib "$folder/$name/tiny" "$folder/configuration" 2>&1) ||
        fail "$name: $output"
    [[ $output == *"nobody serves the application voicebot"* ]] || fail "$name said: $output"
    echo "the smallest host works with the $name library"
}

output=$("$folder/installed/bin/ariws-check" "$folder/configuration") || fail "ariws-check: $output"
[[ $output == "no connection: "* ]] || fail "ariws-check said: $output"
echo "ariws-check works"

host shared
rm "$folder"/installed/lib/libariws.so*
host static --static
