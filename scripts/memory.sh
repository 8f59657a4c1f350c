#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs 20 calls, half of them on a persistent connection, with a watch on memory: any error or leak fails.
#
# usage: scripts/memory.sh address|valgrind

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
calls=(
    --config "$top/c_examples/demo"
    --calls '10 5 s@stasis-demo_persistent 1#'
    --calls '10 5 s@stasis-demo_per_call 1#'
)

case ${1-} in
address)
    export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
    "$top/scripts/calls.sh" "${calls[@]}" -- "$target/minipbx-address/minipbx"
    ;;
valgrind)
    # Memory that is still reachable at the end is none that is lost.
    "$top/scripts/calls.sh" "${calls[@]}" -- valgrind --quiet --error-exitcode=99 --fair-sched=yes --num-callers=30 \
        --suppressions="$top/scripts/valgrind.supp" --leak-check=full --show-leak-kinds=definite,possible \
        --errors-for-leak-kinds=definite,possible \
        "$target/minipbx/minipbx"
    ;;
*)
    echo "usage: scripts/memory.sh address|valgrind" >&2
    exit 2
    ;;
esac
