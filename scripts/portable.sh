#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds target/portable/libariws.so.0, one library for every Linux with glibc 2.28 or newer: Debian 10, RHEL 8,
# Ubuntu 20.04 and their successors. What `cargo build` links needs the glibc of the machine that built it. Everything
# else is as in the ordinary release: the profile, the features, RUSTFLAGS.

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
CARGO_PROFILE_RELEASE_STRIP=none cargo zigbuild --release --lib --target "$machine.$glibc" \
    --target-dir "$folder/cargo" ${flags[@]+"${flags[@]}"}

# A running PBX may have the one before mapped: it is replaced, not written to.
new=$folder/new/libariws.so.0
mkdir -p "$folder/new"
strip --strip-debug -o "$new" "$folder/cargo/$machine/release/libariws.so"
"$top/scripts/check-exports.sh" "$new" >/dev/null
"$top/scripts/check-portable.sh" "$new" "$glibc" >/dev/null
mv "$new" "$folder/libariws.so.0"
"$top/scripts/check-portable.sh" "$folder/libariws.so.0" "$glibc"
