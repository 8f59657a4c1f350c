#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Measures Asterisk's own outbound WebSockets beside ours, in one and the same Asterisk 22 of Debian, which only root
# can do; writes the figures into docs/benchmarks.md and bench-asterisk.json in the target folder.
#
# usage: scripts/bench-asterisk.sh
#   QUICK                 one short round instead of several, which leaves the page as it is
#   BENCH_ASTERISK_FLAGS  further options for bench/asterisk/run.py, such as --figure ping*

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$top"
built=$target/asterisk
read -r -a cargo_flags <<<"${CARGO_FLAGS-}"
read -r -a flags <<<"${BENCH_ASTERISK_FLAGS-}"
if [[ -n ${QUICK-} ]]; then
    flags+=(--quick)
fi
only_root "measure in Debian's Asterisk"

root=$(scripts/asterisk-root.sh forky)
scripts/portable.sh
"${CARGO:-cargo}" build --release -p ariws-bench --bin bench_application ${cargo_flags[@]+"${cargo_flags[@]}"}
scripts/asterisk-build.sh "$root" c_examples/asterisk res_ariws.so "$built/forky"
scripts/asterisk-build.sh "$root" bench/asterisk bench_pump.so "$built/forky"

# Nothing is written beside the sources.
PYTHONDONTWRITEBYTECODE=1 exec "$target/venv/bin/python" bench/asterisk/run.py --root "$root" \
    --library "$target/portable/libariws.so.0" --module "$built/forky/res_ariws.so" \
    --pump "$built/forky/bench_pump.so" \
    --application "$target/release/bench_application" \
    --output "$target/bench-asterisk.json" --page docs/benchmarks.md ${flags[@]+"${flags[@]}"} </dev/null
