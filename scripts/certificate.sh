#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes a self-signed certificate for localhost, valid for two days.
#
# usage: scripts/certificate.sh CERTIFICATE KEY

set -euo pipefail

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 \
    -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
    -out "$1" -keyout "$2" 2>/dev/null
