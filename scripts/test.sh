#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs every part of `make test`, the later ones also if an earlier one fails, and sums up.

set -euo pipefail

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
read -r -a flags <<<"${CARGO_FLAGS-}"
passed=0
failed=()
# More tests at once than there are cores: most wait for a connection, a timeout or a close, and compute little.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) * 4))}

# usage: part NAME COMMAND...
part() {
    local name=$1
    shift
    printf '\n--- %s\n' "$name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed+=("$name")
    fi
}

part "library: unit and integration tests" cargo test ${flags[@]+"${flags[@]}"}
part "sample applications, and a server that is killed" env \
    ARIWS_APPLICATION="$target/release/ariws-application" ARIWS_LIBRARY="$target/release/libariws.so" \
    ARIWS_MINIPBX="$target/minipbx/minipbx" scripts/with-node.sh "$target/venv/bin/python" \
    -m unittest discover --start-directory tests/python
part "20 calls under AddressSanitizer" scripts/memory.sh address
part "20 calls under valgrind" scripts/memory.sh valgrind

printf '\n'
if ((${#failed[@]})); then
    printf 'failed: %s\n' "${failed[@]}"
fi
echo "make test: $passed passed, ${#failed[@]} failed"
((${#failed[@]} == 0))
