#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds target/portable/libariws.so.0, one library for every Linux with glibc 2.28 or newer: Debian 10, RHEL 8,
# Ubuntu 20.04 and their successors; libariws.a and ariws-check likewise. What `cargo build` links needs the glibc of the
# machine that built it. Everything else is as in the ordinary release: the profile, the features, RUSTFLAGS.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$top/target}/portable
glibc=2.28
read -r -a flags <<<"${CARGO_FLAGS-}"
machine=$(rustc --version --verbose | sed -n 's/^host: //p')

if [[ $machine != *-linux-gnu* ]]; then
    echo "portable: needs a Linux with glibc, this is $machine" >&2
    exit 1
fi
"$top/scripts/venv.sh" "$folder/venv" "$top/scripts/portable-requirements.txt"
export PATH=$folder/venv/bin:$PATH
# In the target folder, as everything.
export ZIG_GLOBAL_CACHE_DIR=$folder/zig ZIG_LOCAL_CACHE_DIR=$folder/zig CARGO_ZIGBUILD_CACHE_DIR=$folder/zigbuild

# zig removes more than rustc asks it to, also the names of functions that a backtrace shows. So it is to leave
# everything, and what the release profile removes is removed below.
cd "$top"
CARGO_PROFILE_RELEASE_STRIP=none cargo zigbuild --release --lib --bin ariws-check \
    --target "$machine.$glibc" --target-dir "$folder/cargo" ${flags[@]+"${flags[@]}"}

# A running PBX may have the one before mapped: it is replaced, not written to.
built=$folder/cargo/$machine/release
new=$folder/new
mkdir -p "$new"
strip --strip-debug -o "$new/libariws.so.0" "$built/libariws.so"
strip --strip-debug --enable-deterministic-archives -o "$new/libariws.a" "$built/libariws.a"
strip -o "$new/ariws-check" "$built/ariws-check"
"$top/scripts/check-exports.sh" "$new/libariws.so.0" >/dev/null
for file in libariws.so.0 ariws-check; do
    "$top/scripts/check-portable.sh" "$new/$file" "$glibc" >/dev/null
done
mv "$new/libariws.so.0" "$new/libariws.a" "$new/ariws-check" "$folder"
# Under the name that scripts/install.sh looks for.
ln -sf libariws.so.0 "$folder/libariws.so"
"$top/scripts/check-portable.sh" "$folder/libariws.so.0" "$glibc"
