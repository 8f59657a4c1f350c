#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes a self-signed certificate for localhost, valid for two days.
#
# usage: scripts/certificate.sh CERTIFICATE KEY

set -euo pipefail

if ! output=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
    -out "$1" -keyout "$2" 2>&1); then
    printf '%s\n' "$output" >&2
    exit 1
fi
