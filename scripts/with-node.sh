#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command that finds Node.js and its package ws: what scripts/venv.sh has installed where the system's Node.js is
# too old, else the system's, and Debian's package in one of its two places.
#
# usage: scripts/with-node.sh COMMAND...

set -euo pipefail

target=${CARGO_TARGET_DIR:-$(cd "$(dirname "$0")/.." && pwd)/target}
NODE_PATH=${NODE_PATH-}$(printf ':%s' /usr/share/nodejs /usr/lib/*-linux-gnu/nodejs)
export NODE_PATH PATH="$target/venv/bin:$PATH"
exec "$@"
