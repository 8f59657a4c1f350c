#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Prints which Rust crates the library contains, with their versions and licences.

set -euo pipefail

cd "$(dirname "$0")/.."
cargo tree --locked --edges normal --prefix none --format '{p}  {l}' |
    sed 's/ (\*)$//; s/ ([^()]*)  /  /' | LC_ALL=C sort --unique | grep -v '^ariws '
