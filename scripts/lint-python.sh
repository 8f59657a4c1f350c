#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Reads Python for what is wrong in it, and for what a version of Python does not have yet.
#
# usage: scripts/lint-python.sh VERSION FOLDER...

set -euo pipefail

cd "$(dirname "$0")/.."
programs=${CARGO_TARGET_DIR:-$PWD/target}/lint-python/bin
version=$1
shift
# Syntax, undefined and unused names, types that are evaluated; the other reads what the standard library has.
"$programs/ruff" check --isolated --no-cache --quiet --target-version "py${version/./}" --select E9,F,FA102 "$@"
"$programs/vermin" --quiet --violations --no-tips --target="$version-" "$@"
