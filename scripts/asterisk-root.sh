#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Prepares a root, a folder with a whole Debian system, that has Asterisk and what it takes to build modules for it;
# prints its path. What was prepared before is used again unless this recipe has changed since. Takes about a minute;
# two roots can be prepared at the same time. Needs root. scripts/asterisk-in-root.sh runs commands in it.
#
# usage: scripts/asterisk-root.sh NAME
#   bullseye        Debian 11 with Asterisk 16
#   forky           Debian 14 with Asterisk 22
#   bookworm        Debian 12, which has no Asterisk, with a C compiler
#   bullseye-build  the root bullseye, and what builds Debian packages
#   forky-build     likewise, and lintian, which examines them
#   ARIWS_ROOTS     the folder of the roots (/var/cache/ariws)
#   ARIWS_MIRROR    the mirror to take Debian from (the one that apt uses)

set -euo pipefail

name=${1-}
# The root that this one begins as a copy of, if any.
base=
case $name in
bullseye | forky) packages=(asterisk asterisk-dev gcc libc6-dev make) ;;
bookworm) packages=(gcc libc6-dev pkg-config) ;;
bullseye-build) base=bullseye packages=(build-essential debhelper) ;;
forky-build) base=forky packages=(build-essential debhelper lintian) ;;
*)
    echo "usage: scripts/asterisk-root.sh bullseye|forky|bookworm|bullseye-build|forky-build" >&2
    exit 2
    ;;
esac

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
only_root "prepare and use a root with Asterisk"

scripts=$(cd "$(dirname "$0")" && pwd)
roots=${ARIWS_ROOTS:-/var/cache/ariws}
# Change the number for a change that no other word here shows.
recipe="1 $name ${packages[*]}"
copied=
if [[ -n $base ]]; then
    copied=$("$0" "$base")
    recipe+=", $(<"$copied/.recipe")"
fi

# The mirror of the machine's own release among apt's sources, in whichever of their two formats.
mirror() {
    local codename='' found=''
    if [[ -n ${ARIWS_MIRROR-} ]]; then
        echo "${ARIWS_MIRROR%/}"
        return
    fi
    # Other distributions' mirrors do not have Debian.
    if [[ -r /etc/os-release ]] && grep -qx 'ID=debian' /etc/os-release; then
        codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
        # shellcheck disable=SC2016
        found=$(apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
            awk -v codename="$codename" '
                $1 == "main" && $3 ~ /^https?:/ && ($2 == codename || $2 ~ /^((old)?stable|testing|unstable|sid)$/) {
                    if (!found++) { sub("/*$", "", $3); print $3 }
                }') || found=
    fi
    echo "${found:-http://deb.debian.org/debian}"
}

# usage: bootstrap FOLDER MIRROR
bootstrap() {
    local folder=$1 mirror=$2 script=/usr/share/debootstrap/scripts/$name include=()
    # All of Debian's later releases are made like the unstable one; debootstrap may be older than they are.
    [[ -e $script ]] || script=/usr/share/debootstrap/scripts/sid
    [[ $mirror != https:* ]] || include=(--include=ca-certificates)
    # What debootstrap mounts vanishes with it, even if it is killed.
    unshare --mount --propagation private debootstrap --variant=minbase ${include[@]+"${include[@]}"} \
        "$name" "$folder" "$mirror" "$script" || return
    echo "deb $mirror $name main" >"$folder/etc/apt/sources.list"
    # A mirror that is frozen at some day is good enough for tests, also when that day's signature has expired.
    echo 'Acquire::Check-Valid-Until "false";' >"$folder/etc/apt/apt.conf.d/90ariws"
    # Nothing is to be started: the tests run Asterisk themselves.
    printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
    chmod 755 "$folder/usr/sbin/policy-rc.d"
    # Places for the machine's own, which need not be the same every time.
    touch "$folder/etc/hosts" "$folder/etc/resolv.conf"
}

# usage: prepare FOLDER MIRROR
prepare() {
    local folder=$1 mirror=$2 inside
    if [[ -n $base ]]; then
        cp -a --reflink=auto "$copied" "$folder" && rm "$folder/.recipe" || return
    else
        bootstrap "$folder" "$mirror" || return
    fi
    inside=("$scripts/asterisk-in-root.sh" "$folder" env DEBIAN_FRONTEND=noninteractive)
    "${inside[@]}" apt-get -q update || return
    "${inside[@]}" apt-get -q -y install --no-install-recommends "${packages[@]}" || return
    "${inside[@]}" apt-get -q clean || return
    # Last: only a root that is whole has it.
    echo "$recipe" >"$folder/.recipe"
}

mkdir -p "$roots"
root=$(cd "$roots" && pwd)/$name
exec {lock}>"$root.lock"
flock "$lock"

if [[ -e $root/.recipe && $(<"$root/.recipe") == "$recipe" ]]; then
    echo "$root"
    exit
fi
if [[ -e $root && ! -e $root/.recipe ]]; then
    fail "$root was not prepared by this script, and stays as it is: move it away, or set ARIWS_ROOTS to another folder"
fi

"$scripts/require.sh" debootstrap >&2
echo "preparing $root" >&2
partial=$root.partial
log=$root.log
# Never into anything that is still mounted there.
trap 'rm -rf --one-file-system "$partial"' EXIT
rm -rf --one-file-system "$partial"
mirror=$(mirror)
# Addresses of mirrors may be private, and this has them.
install -m 600 /dev/null "$log"
if ! prepare "$partial" "$mirror" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" | sed -E 's#[a-z]+://[^/ ]*#MIRROR#g' >&2
    fail "the root $name of Debian could not be prepared; all that was said is in $log"
fi
rm -rf --one-file-system "$root" "$log"
mv "$partial" "$root"
echo "$root"
