#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Compiles include/ariws.h by itself, then included twice with its initializers and the types of its functions used, as
# C99 and as C++17.

set -euo pipefail

cd "$(dirname "$0")/.."
warnings=(-Wall -Wextra -Werror -pedantic)
twice='#include <ariws.h>
#include <ariws.h>
ariws_host host = ARIWS_HOST_INIT;
ariws_options options = ARIWS_OPTIONS_INIT;
ariws_inbound inbound = ARIWS_INBOUND_INIT;
ariws_cli_command command = ARIWS_CLI_COMMAND_INIT;
#define POINTER(name) ariws_##name##_function name##_pointer = ariws_##name;
ARIWS_FUNCTIONS(POINTER)'

# usage: check LANGUAGE STANDARD COMPILER
check() {
    local language=$1 standard=$2 compiler=$3
    "$compiler" -std="$standard" "${warnings[@]}" -fsyntax-only -x "$language" include/ariws.h
    "$compiler" -std="$standard" "${warnings[@]}" -fsyntax-only -Iinclude -x "$language" - <<<"$twice"
    echo "include/ariws.h is good $standard"
}

check c c99 "${CC:-cc}"
check c++ c++17 "${CXX:-c++}"
