#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs the tests whose names begin with `hostile` as often as it takes to see what is left behind. `cargo test` runs
# them too, a few times.
#
# usage: scripts/test-hostile.sh
#   ROUNDS  how often everything is done (100)

set -euo pipefail

cd "$(dirname "$0")/.."
read -r -a flags <<<"${CARGO_FLAGS-}"
# What it may take at most, far more than it does: a test that hangs is to fail here and to be named.
seconds=1200

targets=()
for folder in tests/hostile_*/; do
    targets+=(--test "$(basename "$folder")")
done
cargo test ${flags[@]+"${flags[@]}"} "${targets[@]}" --no-run
ARIWS_HOSTILE_ROUNDS=${ROUNDS:-100} timeout --kill-after=10 "$seconds" \
    cargo test ${flags[@]+"${flags[@]}"} "${targets[@]}" --no-fail-fast
