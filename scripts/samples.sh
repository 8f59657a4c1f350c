#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The sample applications in Python, JavaScript and Rust: against a scripted PBX, in the same calls of minipbx, and killed
# in the middle of a thousand calls.
#
# usage: scripts/samples.sh [TEST...], modules of tests/python

set -euo pipefail

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
(($#)) || set -- test_applications test_same_calls test_exact_delivery
ARIWS_APPLICATION=$target/release/ariws-application ARIWS_LIBRARY=$target/release/libariws.so \
    ARIWS_MINIPBX=$target/minipbx/minipbx PYTHONPATH=tests/python \
    scripts/with-node.sh "$target/venv/bin/python" -m unittest "$@"
