#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs calls through minipbx and the library to the sample application in Python, and fails unless each of them ran
# from ApplicationRegistered to StasisEnd and every connection was closed with 1000.
#
# usage: scripts/calls.sh [OPTION]... -- MINIPBX [OPTION]...
#   --config FOLDER  the configuration, with @PORT@ where the application's port belongs
#   --calls LINE     what follows `calls` on minipbx's console, COUNT AT-ONCE EXTENSION@CONTEXT [DIGITS [PER-SECOND]];
#                    repeatable
#   --tls            serve TLS
#   --seconds N      the deadline (120)
#   --report         print the application's figures

set -euo pipefail
# shellcheck source=scripts/harness.sh
source "$(dirname "$0")/harness.sh"

configuration=
seconds=120
total=0
lines=()
options=()
while (($#)); do
    case $1 in
    --config)
        configuration=$2
        shift 2
        ;;
    --calls)
        lines+=("calls $2")
        total=$((total + ${2%% *}))
        shift 2
        ;;
    --tls)
        "$top/scripts/certificate.sh" "$folder/certificate.pem" "$folder/key.pem"
        options+=(--certificate "$folder/certificate.pem" --key "$folder/key.pem")
        shift
        ;;
    --seconds)
        seconds=$2
        shift 2
        ;;
    --report)
        options+=(--report)
        shift
        ;;
    --)
        shift
        break
        ;;
    *) fail "unknown option: $1" ;;
    esac
done

# Copies lines, but of warnings only the first few.
few_warnings() {
    awk '$2 != "WARNING" || ++warnings <= 5 { print; fflush() }
        END { if (warnings > 5) print "... and " warnings - 5 " more warnings" }'
}

start_application "$target/venv/bin/python" "$top/examples/python/application.py" --quiet --digit-timeout 100 \
    --calls "$total" --deadline "${seconds}000" ${options[@]+"${options[@]}"}
show_application cat
write_configuration "$configuration"
run_pbx "$seconds" "${lines[@]}" "wait calls ${seconds}000" quit -- "$@" --quiet | few_warnings ||
    fail "minipbx ended with ${PIPESTATUS[0]}"
wait_for_application || fail "the calls did not run as they should"
