# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# Sourced by other scripts: where everything is, which version this is, and how a failure is told.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# usage: only_root WHAT: which only root can do.
only_root() {
    ((EUID == 0)) || fail "only root can $*"
}
