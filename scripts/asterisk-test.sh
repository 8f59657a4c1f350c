#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the module for Asterisk and runs the cases of tests/asterisk with it: in Debian's Asterisk 16 and 22, each in a
# root of its own, beside what 22 has itself, which only root can do; or in one Asterisk that is installed somewhere.
#
# usage: scripts/asterisk-test.sh
#   PREFIX               where an Asterisk is installed with its headers: test in that one only
#   ASTERISK_TEST_FLAGS  further options for tests/asterisk/run.py, such as --case reload*

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$top"
built=$target/asterisk
read -r -a flags <<<"${ASTERISK_TEST_FLAGS-}"
# The options of the make that runs this are not meant for the module's.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

# usage: run_cases LIBRARY NAME=KIND:PLACE...
run_cases() {
    local library=$1 host hosts=()
    shift
    for host in "$@"; do
        hosts+=(--host "$host")
    done
    exec "$target/venv/bin/python" tests/asterisk/run.py --library "$library" "${hosts[@]}" ${flags[@]+"${flags[@]}"} \
        </dev/null
}

# The version of the Asterisk in a root, such as 22.10.
version_in_root() {
    scripts/asterisk-in-root.sh "$1" asterisk -V | sed -n 's/^Asterisk \([0-9]*\.[0-9]*\).*/\1/p'
}

test_roots() {
    local name pids=() bullseye forky old new
    ((EUID == 0)) || fail "only root can test in Debian's Asterisks; PREFIX=DIR tests in one that is installed in DIR"
    temporary=$(mktemp -d)
    # Roots that are being prepared when something else fails are finished: the next run needs them.
    trap 'wait; rm -rf "$temporary"' EXIT
    for name in bullseye forky; do
        scripts/asterisk-root.sh "$name" >"$temporary/$name" &
        pids+=($!)
    done
    scripts/portable.sh
    wait "${pids[0]}"
    wait "${pids[1]}"
    bullseye=$(<"$temporary/bullseye")
    forky=$(<"$temporary/forky")
    rm -rf "$temporary"
    scripts/asterisk-build.sh "$bullseye" c_examples/asterisk res_ariws.so "$built/bullseye"
    scripts/asterisk-build.sh "$forky" c_examples/asterisk res_ariws.so "$built/forky"
    old=$(version_in_root "$bullseye")
    new=$(version_in_root "$forky")
    run_cases "$target/portable/libariws.so.0" "native-$new=native:$forky" \
        "ours-$new=ours:$forky:$built/forky/res_ariws.so" "ours-$old=ours:$bullseye:$built/bullseye/res_ariws.so"
}

# usage: test_prefix FOLDER
test_prefix() {
    local place folder modules=
    place=$(cd "$1" 2>/dev/null && pwd) || fail "PREFIX=$1: no such folder"
    [[ -x $place/sbin/asterisk ]] || fail "PREFIX=$1: no Asterisk is installed there: $place/sbin/asterisk is missing"
    [[ -e $place/include/asterisk.h ]] ||
        fail "PREFIX=$1: no $place/include/asterisk.h; 'make install-headers' where it was built installs the headers"
    for folder in "$place"/lib{,64}/asterisk/modules "$place"/lib/*/asterisk/modules; do
        if [[ -e $folder/res_ari.so ]]; then
            modules=$folder
            break
        fi
    done
    [[ -n $modules ]] || fail "PREFIX=$1: no res_ari.so in $place/lib/asterisk/modules, nor in those of $place/lib/*"
    # Another PREFIX may have been here before.
    rm -rf "$built/prefix"
    make --silent -C c_examples/asterisk ASTERISK_INCLUDE="$place/include" MODULES="$modules" \
        ARIWS_INCLUDE="$PWD/include" BUILD="$built/prefix" module || fail "the module does not compile for $place"
    ln -s ../../release/libariws.so "$built/prefix/libariws.so.0"
    run_cases "$built/prefix/libariws.so.0" "ours=prefix:$place:$built/prefix/res_ariws.so"
}

if [[ -n ${PREFIX-} ]]; then
    test_prefix "$PREFIX"
else
    test_roots
fi
