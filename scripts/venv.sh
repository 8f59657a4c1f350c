#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes the Python environment of the sample application and its tests, unless it is there and up to date.
#
# usage: scripts/venv.sh FOLDER

set -euo pipefail

folder=$1
requirements=$(dirname "$0")/../examples/python/requirements.txt

mkdir -p "$(dirname "$folder")"
exec {lock}>"$folder.lock"
flock "$lock"
# The copy is written last: it is there only if everything before it went well.
if cmp -s "$requirements" "$folder/requirements.txt"; then
    exit 0
fi
python3 -m venv --clear "$folder"
"$folder/bin/pip" --quiet --disable-pip-version-check install --requirement "$requirements" </dev/null
cp "$requirements" "$folder/requirements.txt"
