#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs the tests in networks of their own: tests/network. Part of `make network-test`.
#
# usage: scripts/network-test.sh [ARGUMENT...]
#   ARGUMENT  for the test program, such as a part of the names of the tests to run

set -euo pipefail

cd "$(dirname "$0")/.."
read -r -a flags <<<"${CARGO_FLAGS-}"
if ((EUID != 0)); then
    echo "make network-test: it makes networks of its own, which only root may do; run it as root" >&2
    exit 1
fi
if ! mountpoint -q /; then
    echo "make network-test: the root folder is no mount point, as in a chroot; use a machine or a container" >&2
    exit 1
fi
cargo test --test network ${flags[@]+"${flags[@]}"} -- "$@"
