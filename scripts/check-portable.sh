#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Fails if a library needs a newer glibc than the given one, or libraries of other packages.
#
# usage: scripts/check-portable.sh LIBRARY GLIBC-VERSION

set -euo pipefail

library=$1
limit=GLIBC_$2

# GLIBC_PRIVATE and other names without a number sort behind every version.
newest=$(readelf --version-info --wide "$library" | grep -o 'GLIBC_[A-Za-z0-9_.]*' | sort --version-sort | tail -n 1)
if [[ $(printf '%s\n' "$newest" "$limit" | sort --version-sort | tail -n 1) != "$limit" ]]; then
    echo "portable: $library needs $newest, newer than $limit" >&2
    exit 1
fi
others=$(readelf --dynamic --wide "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -Ev '^(lib(c|m|dl|pthread|rt|gcc_s)\.so\.[0-9]+|ld-linux.*)$') || true
if [[ -n $others ]]; then
    echo "portable: $library needs other libraries than glibc's: ${others//$'\n'/ }" >&2
    exit 1
fi
echo "$library needs $newest and is $(stat --dereference --format %s "$library") bytes long"
