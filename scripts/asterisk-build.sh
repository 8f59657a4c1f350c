#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Compiles a module inside a root that scripts/asterisk-root.sh prepared, for the Asterisk there.
#
# usage: scripts/asterisk-build.sh ROOT SOURCES MODULE FOLDER
#   SOURCES  the folder with the module's sources and a Makefile whose target `module` makes BUILD/MODULE
#   FOLDER   where the module is put

set -euo pipefail

cd "$(dirname "$0")/.."
if (($# != 4)); then
    echo "usage: scripts/asterisk-build.sh ROOT SOURCES MODULE FOLDER" >&2
    exit 2
fi
root=$1 sources=$2 module=$3 folder=$4
# The options of a make that runs this are not meant for the module's.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

temporary=$(mktemp -d "$root/tmp/ariws-module.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
cp -R "$sources" "$temporary/sources"
cp -R include "$temporary"
if ! scripts/asterisk-in-root.sh "$root" make --silent -C "${temporary#"$root"}/sources" \
    ARIWS_INCLUDE=../include BUILD=../build module; then
    echo "${0##*/}: $module does not compile in $root" >&2
    exit 1
fi
mkdir -p "$folder"
install -m 755 "$temporary/build/$module" "$folder/$module"
