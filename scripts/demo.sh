#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Two calls at once, one on a persistent and one on a per-call connection, from minipbx through the library to the
# sample application in Rust. Both sides are shown line by line as they speak, by one clock in milliseconds. Succeeds
# only if both calls ran from ApplicationRegistered to StasisEnd and their connections were closed with 1000.
#
#   STAY  anything that is not empty: goes on until it is interrupted, and serves a page with buttons for the calls;
#         when all are hung up, the next two come
#   PAGE  where the page is served, on an address of this machine (127.0.0.1:0, a free port)

set -euo pipefail
# shellcheck source=scripts/harness.sh
source "$(dirname "$0")/harness.sh"

# In microseconds.
start=${EPOCHREALTIME/[.,]/}

# Copies lines with the time and the side that said them; the time that a line brings is of that side's own clock.
show() {
    local side=$1 line time
    while IFS= read -r line; do
        time=$((${EPOCHREALTIME/[.,]/} - start))
        if [[ $line =~ ^\ *[0-9]+\.[0-9]+\ (ms\ +)?([^\ ].*)$ ]]; then
            line=${BASH_REMATCH[2]}
        fi
        printf '%6d.%d ms  %-11s  %s\n' $((time / 1000)) $((time / 100 % 10)) "$side" "$line"
    done
}

# Two calls whose phones press nothing, and two more whenever none is left.
calls_without_end() {
    echo 'wait session persistent up 5000'
    while true; do
        printf '%s\n' 'dial s@stasis-demo_persistent' 'dial s@stasis-demo_per_call' "wait calls 3600000"
    done
}

stay() {
    local page
    start_application "$target/release/ariws-application" --page "${PAGE:-127.0.0.1:0}" --manual
    IFS= read -r -t 30 page <&"$application_output" || fail "the application has no page"
    printf '\n%s: calls wait there for you. Ctrl-C ends the demo.\n\n' "${page/page at/The page is at}"
    show_application show application
    write_configuration "$top/c_examples/demo"
    "$target/minipbx/minipbx" --library "$library" --config "$folder/configuration" --playback-ms 3000 2>&1 \
        < <(calls_without_end 2>/dev/null) | show pbx || ((PIPESTATUS[0] == 0)) || fail "minipbx failed"
}

if [[ -n ${STAY-} ]]; then
    stay
    exit
fi

start_application "$target/release/ariws-application" --digit-timeout 300 --calls 2 --deadline 9000
echo "The application listens on port $port; minipbx places two calls at once."
show_application show application
write_configuration "$top/c_examples/demo"
lines=(
    'wait session persistent up 5000'
    'dial s@stasis-demo_persistent 1#'
    'dial s@stasis-demo_per_call'
    'wait stasis 2 5000'
    'ari show sessions'
    'wait calls 5000'
    quit
)
run_pbx 9 "${lines[@]}" -- "$target/minipbx/minipbx" | show pbx || fail "minipbx ended with ${PIPESTATUS[0]}"
wait_for_application || fail "the calls did not run as they should"
echo "demo: both calls ran from ApplicationRegistered to StasisEnd, all connections were closed with 1000"
