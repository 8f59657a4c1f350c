#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Compares what the built library exports with include/ariws.exports, and checks its SONAME and that it stays mapped.
#
# usage: scripts/check-exports.sh LIBRARY

set -euo pipefail

library=$1
list=$(dirname "$0")/../include/ariws.exports

if ! difference=$(nm -D --defined-only "$library" | awk '{ print $3 }' | LC_ALL=C sort | diff "$list" -); then
    printf 'exports: %s and %s differ:\n%s\n' "$list" "$library" "$difference" >&2
    exit 1
fi
dynamic=$(readelf --dynamic --wide "$library")
if ! grep -q 'SONAME.*\[libariws\.so\.0\]' <<<"$dynamic"; then
    echo "exports: the SONAME of $library is not libariws.so.0" >&2
    exit 1
fi
if ! grep -q 'FLAGS_1.*NODELETE' <<<"$dynamic"; then
    echo "exports: $library is not linked with -z nodelete" >&2
    exit 1
fi
echo "$library exports $(wc -l <"$list") functions, as listed; SONAME libariws.so.0, NODELETE"
