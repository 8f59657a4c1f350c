# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Sourced by the scripts that run minipbx against a sample application: starts the application, writes the
# configuration, runs the PBX, and waits for both. Everything has a deadline, nothing waits by the clock.

# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
library=$target/release/libariws.so
folder=$(mktemp -d)
application=

# Ends what is still running and removes the folder, however the script ends.
clean_up() {
    if [[ -n $application ]]; then
        kill "$application" 2>/dev/null || true
    fi
    wait
    rm -rf "$folder"
}
trap clean_up EXIT

# The output of the application from here on: usage: show_application FILTER, a command that copies its input.
show_application() {
    "$@" <&"$application_output" &
    shown=$!
    exec {application_output}<&-
}

# Starts the application on a free port; sets `application`, `port` and `application_output`.
# usage: start_application PROGRAM [OPTION]...
start_application() {
    mkfifo "$folder/application"
    "$@" --listen 127.0.0.1:0 --username some_user --password some_users_password >"$folder/application" 2>&1 &
    application=$!
    exec {application_output}<"$folder/application"
    local line
    IFS= read -r -t 30 line <&"$application_output" || fail "the application did not start"
    [[ $line =~ ^listening\ on\ 127\.0\.0\.1:([0-9]+)$ ]] || fail "the application said: $line"
    port=${BASH_REMATCH[1]}
}

# Waits for the application, which ends by its own deadline, and for its output; returns its exit status.
wait_for_application() {
    local status=0
    wait "$application" || status=$?
    application=
    wait "$shown"
    return "$status"
}

# Copies a configuration, with the application's port in it.
# usage: write_configuration FROM
write_configuration() {
    mkdir "$folder/configuration"
    local file
    for file in "$1"/*.conf; do
        sed -e "s/@PORT@/$port/g" -e "s/some\.appserver\.net/127.0.0.1:$port/g" "$file" \
            >"$folder/configuration/${file##*/}"
    done
}

# Runs minipbx with console lines.
# usage: run_pbx SECONDS LINE... -- PROGRAM [OPTION]...
run_pbx() {
    local seconds=$1 lines=()
    shift
    while [[ $1 != -- ]]; do
        lines+=(--command "$1")
        shift
    done
    shift
    timeout --kill-after=5 "$seconds" "$@" --library "$library" --config "$folder/configuration" "${lines[@]}" \
        </dev/null 2>&1
}
