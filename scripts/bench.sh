#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Measures the library beside bare websockets and writes docs/benchmarks.md; then compares the instructions that an
# event, a request and a start take with those that were recorded.
#
# usage: scripts/bench.sh
#   QUICK        one short round of everything, into the target folder; the page in docs/ stays as it is
#   BENCH_FLAGS  further options for ariws-bench run, such as --only events
#   RECORD       record the instructions instead of comparing them

set -euo pipefail

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
library=$target/release/libariws.so
read -r -a cargo_flags <<<"${CARGO_FLAGS-}"
read -r -a flags <<<"${BENCH_FLAGS-}"

# With the library, so that they share what both depend on.
"${CARGO:-cargo}" build --release -p ariws -p ariws-bench ${cargo_flags[@]+"${cargo_flags[@]}"}
bench=$target/release/ariws-bench
page=docs/benchmarks.md
if [[ -n ${QUICK-} ]]; then
    mkdir -p "$target/bench"
    cp "$page" "$target/bench/benchmarks.md"
    page=$target/bench/benchmarks.md
    flags+=(--quick)
fi
"$bench" run --library "$library" --page "$page" ${flags[@]+"${flags[@]}"}
"$bench" instructions --library "$library" --recorded bench/instructions.json --page "$page" ${RECORD:+--write}
