#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Simulates the library with one seed after the other, on every core, until one fails: it is shortened and shown. `cargo
# test` does it with a few.
#
# usage: scripts/simulate.sh
#   SEEDS  how many (1000)
#   SEED   the first (any)
#   TIME   seconds after which no more are begun (none)

set -euo pipefail

cd "$(dirname "$0")/.."
read -r -a flags <<<"${CARGO_FLAGS-}"
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
seeds=${SEEDS:-1000}
cargo test ${flags[@]+"${flags[@]}"} --profile simulation --lib --no-run
printf 'from SEED=%s on\n' "$seed"
ARIWS_SIMULATE_SEED=$seed ARIWS_SIMULATE_SEEDS=$seeds ARIWS_SIMULATE_TIME=${TIME-} RUST_BACKTRACE=0 \
    cargo test ${flags[@]+"${flags[@]}"} --profile simulation --lib -- --nocapture --exact \
    engine::simulation::runner::what_has_to_hold_holds_whatever_happens
