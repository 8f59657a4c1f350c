#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Checks every link and every block of code of the documentation, beside a library that was installed into a folder of its
# own.

set -euo pipefail

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
installed=$(mktemp -d)
trap 'rm -rf "$installed"' EXIT
env -u DESTDIR -u LIBDIR -u BINDIR -u INCLUDEDIR -u DATADIR -u MANDIR PREFIX="$installed" \
    scripts/install.sh install "$target/release" >/dev/null
"$target/venv/bin/python" tests/documentation/check.py --built "$target" --installed "$installed"
