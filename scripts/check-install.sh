#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What `make install` and `make uninstall` put in place and remove, and whether hosts find it: in C and in C++, with the
# shared and with the static library, by CMake, by Meson and by pkg-config alone. All of it in a folder of its own.

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
built=$target/release
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# What the caller has set for an installation of its own.
unset PREFIX BINDIR LIBDIR INCLUDEDIR DATADIR MANDIR DESTDIR MAKEFLAGS MAKELEVEL

# Whoever installs has no Rust: these stand in front of it and leave a trace.
mkdir "$folder/no-rust"
for tool in cargo rustc; do
    printf '#!/bin/sh\ntouch "%s"\nexit 1\n' "$folder/compiled" >"$folder/no-rust/$tool"
    chmod +x "$folder/no-rust/$tool"
done

# usage: run_make TARGET [VARIABLE=VALUE]...
run_make() {
    PATH=$folder/no-rust:$PATH make --silent -C "$top" "$@" 2>&1
}

# usage: refused TARGET-FOLDER EXPECTED
refused() {
    local output
    if output=$(run_make install CARGO_TARGET_DIR="$1" DESTDIR="$folder/refused"); then
        fail "installed from $1: $output"
    fi
    [[ $output == *"$2"*"run 'make build' first"* ]] || fail "install without $2 said: $output"
    [[ ! -e $folder/refused ]] || fail "something was installed though '$2'"
}

mkdir -p "$folder/unbuilt/release" "$folder/stale/release"
refused "$folder/unbuilt" "libariws.so is not there"
ln -s "$built/libariws.so" "$built/libariws.a" "$folder/stale/release"
refused "$folder/stale" "ariws-check is not there"
ln -s "$built/ariws-check" "$folder/stale/release"
touch "$folder/stale/newer source.rs"
echo "library: ${folder// /\\ }/stale/newer\\ source.rs" >"$folder/stale/release/libariws.d"
refused "$folder/stale" "newer source.rs is newer than"
rm "$folder/stale/release"/libariws.{d,so}
echo 'ariws/0.0.9' >"$folder/stale/release/libariws.so"
refused "$folder/stale" "libariws.so is not of version"
echo "nothing is installed that is not built, or not from these sources"

# As a packager does it, with folders in unusual places.
package=(DESTDIR="$folder/package" PREFIX=/usr LIBDIR=/usr/lib/machine MANDIR=/usr/share/manuals)

expected() {
    cat <<END_OF_LIST
other/file
usr/bin/ariws-check
usr/include/ariws.h
usr/lib/machine/cmake/ariws/ariws-config-version.cmake
usr/lib/machine/cmake/ariws/ariws-config.cmake
usr/lib/machine/libariws.a
usr/lib/machine/libariws.so -> libariws.so.0
usr/lib/machine/libariws.so.0 -> libariws.so.$version
usr/lib/machine/libariws.so.$version
usr/lib/machine/libariws.so.1
usr/lib/machine/pkgconfig/ariws.pc
usr/share/ariws/ariws-alerts.yml
usr/share/ariws/ariws-dashboard.json
usr/share/manuals/man1/ariws-check.1
usr/share/manuals/man3/libariws.3
usr/share/manuals/man5/ariws.conf.5
usr/share/manuals/man7/ariws.7
END_OF_LIST
    sed 's|.*|usr/share/manuals/man3/&.3 -> libariws.3|' "$top/include/ariws.exports"
}

# usage: same WHEN EXPECTED
same() {
    local found
    found=$(cd "$folder/package" && find . -type l -printf '%P -> %l\n' -o ! -type d -printf '%P\n')
    diff <(LC_ALL=C sort <<<"$2") <(LC_ALL=C sort <<<"$found") || fail "$1: other files than expected (<)"
}

# What is there already and nobody's business: a library of the next ABI, and what others have installed.
mkdir -p "$folder/package/other" "$folder/package/usr/lib/machine"
touch "$folder/package/other/file" "$folder/package/usr/lib/machine/libariws.so.1"
run_make install "${package[@]}" >"$folder/log" || fail "install: $(<"$folder/log")"
same "installed once" "$(expected)"
before=$(stat --format %i "$folder/package/usr/lib/machine/libariws.so.0."*)
touch "$folder/package/usr/lib/machine/libariws.so.0.0.9"
run_make install "${package[@]}" >"$folder/log" || fail "second install: $(<"$folder/log")"
same "installed again, over an older version" "$(expected)"
after=$(stat --format %i "$folder/package/usr/lib/machine/libariws.so.0."*)
[[ $before != "$after" ]] || fail "the second install wrote into a library that a PBX may have mapped"
[[ -z $(find "$folder/package" -xtype l) ]] || fail "a link leads nowhere"
run_make uninstall "${package[@]}" >"$folder/log" || fail "uninstall: $(<"$folder/log")"
same "uninstalled" $'other/file\nusr/lib/machine/libariws.so.1'
for left in lib/machine/cmake/ariws share/ariws; do
    [[ ! -e $folder/package/usr/$left ]] || fail "the folder $left is left"
done
run_make uninstall "${package[@]}" >"$folder/log" || fail "second uninstall: $(<"$folder/log")"
if output=$(run_make install DESTDIR="$folder/refused" PREFIX=usr); then
    fail "installed into a relative folder: $output"
fi
[[ ! -e $folder/compiled ]] || fail "installing has run cargo or rustc"
echo "install, install again and uninstall leave what they should"

installed=$folder/prefix
run_make install PREFIX="$installed" >"$folder/log" || fail "install: $(<"$folder/log")"
export PKG_CONFIG_PATH=$installed/lib/pkgconfig
[[ $(pkg-config --modversion ariws) == "$version" ]] || fail "ariws.pc says another version than $version"

mkdir "$folder/empty" "$folder/persistent"
echo '[general]' >"$folder/empty/ari.conf"
: >"$folder/empty/websocket_client.conf"
cat >"$folder/persistent/ari.conf" <<'END_OF_CONFIGURATION'
[general]
[local]
type = user
password = local
[bots]
type = outbound_websocket
websocket_client_id = server
apps = voicebot
local_ari_user = local
END_OF_CONFIGURATION
cat >"$folder/persistent/websocket_client.conf" <<'END_OF_CONFIGURATION'
[server]
type = websocket_client
uri = ws://127.0.0.1:1/ari
END_OF_CONFIGURATION

output=$("$installed/bin/ariws-check" "$folder/empty") || fail "ariws-check: $output"
[[ $output == "no connection: "* ]] || fail "ariws-check said: $output"
echo "ariws-check works"

# mandoc looks for the pages that one refers to in the system only.
mapfile -t pages < <(find "$installed/share/man" -type f)
faults=$(mandoc -T lint "${pages[@]}" 2>&1 | grep -v 'referenced manual not found') || true
[[ -z $faults ]] || fail "mandoc: $faults"
while read -r _ name section _; do
    [[ -e $installed/share/man/man$section/$name.$section ]] || fail "no page $name($section), of which one speaks"
done < <(grep -h '^\.Xr ' "${pages[@]}")
echo "the manual pages are well formed"

# usage: needs PROGRAM shared|static
# Which library it has been linked with.
needs() {
    local found=static
    if readelf --dynamic --wide "$1" | grep -q 'NEEDED.*\[libariws\.so\.0\]'; then
        found=shared
    fi
    [[ $found == "$2" ]] || fail "$1 is linked with the $found library"
}

# usage: tiny shared|static [PKG-CONFIG-OPTION]
tiny() {
    local output program=$folder/tiny-$1/tiny
    make --silent -C "$top/c_examples/tiny" BUILD="${program%/*}" STATIC="${2-}"
    needs "$program" "$1"
    output=$(LD_LIBRARY_PATH=$installed/lib "$program" "$folder/empty" 2>&1) || fail "$program: $output"
    [[ $output == *"nobody serves the application voicebot"* ]] || fail "$program said: $output"
    echo "pkg-config: the smallest host works with the $1 library"
}

# usage: hosts TOOL FOLDER-OF-THE-BUILD
hosts() {
    local name output
    for name in c-shared c-static cpp-shared cpp-static; do
        needs "$2/$name" "${name#*-}"
        output=$(LD_LIBRARY_PATH=$installed/lib "$2/$name" "$folder/persistent" 2>&1) || fail "$1, $name: $output"
        [[ $output == *"ariws $version was loaded, called and unloaded"* ]] || fail "$1, $name said: $output"
        echo "$1: the host $name works"
    done
}

# usage: quietly COMMAND...
quietly() {
    "$@" >"$folder/log" 2>&1 || fail "$*: $(<"$folder/log")"
}

tiny shared
# The linker takes the shared one where there are both.
mv "$installed/lib/libariws.so" "$folder"
tiny static --static
mv "$folder/libariws.so" "$installed/lib"

quietly meson setup "$folder/meson" "$top/tests/install"
quietly meson compile -C "$folder/meson"
hosts Meson "$folder/meson"

# CMake's package, and on request pkg-config, find their files wherever all of them have been moved to.
installed=$folder/moved
mv "$folder/prefix" "$installed"
flags=$(PKG_CONFIG_PATH=$installed/lib/pkgconfig pkg-config --define-prefix --cflags --libs ariws)
[[ $flags == "-I$installed/include -L$installed/lib -lariws"* ]] || fail "pkg-config --define-prefix says $flags"
quietly cmake -S "$top/tests/install" -B "$folder/cmake" -DCMAKE_PREFIX_PATH="$installed"
quietly cmake --build "$folder/cmake"
hosts CMake "$folder/cmake"
