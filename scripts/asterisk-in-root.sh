#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command in a root that scripts/asterisk-root.sh prepared, with the machine's /proc and /dev in it, its network,
# and the names of hosts that it knows: without its own host's name Asterisk asks DNS at every call. The mounts are the
# command's own and vanish with it. The command takes the place of this script: a signal to the script's process is one
# to the command.
#
# usage: scripts/asterisk-in-root.sh ROOT COMMAND...

set -euo pipefail

if (($# < 2)); then
    echo "usage: scripts/asterisk-in-root.sh ROOT COMMAND..." >&2
    exit 2
fi
if ((EUID != 0)); then
    echo "${0##*/}: only root can run a command in another root" >&2
    exit 1
fi
if [[ ! -d $1/proc || ! -d $1/dev ]]; then
    echo "${0##*/}: no system in $1" >&2
    exit 1
fi

# What the machine has here need not exist in there.
unset TMPDIR
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8

# shellcheck disable=SC2016
exec unshare --mount --propagation private "$BASH" -euc '
    mount --rbind /proc "$1/proc"
    mount --rbind /dev "$1/dev"
    for file in /etc/hosts /etc/resolv.conf; do
        if [[ -e $file && -e $1$file ]]; then
            mount --bind "$file" "$1$file"
        fi
    done
    exec chroot "$@"
' asterisk-in-root "$@"
