#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the Debian packages of packaging/debian: libariws0, libariws-dev, ariws-tools, and asterisk-ariws for the
# Asterisk of each named Debian. The module is compiled in a root of that Debian; the library and ariws-check are those
# that scripts/portable.sh has built, once for all. lintian examines what comes out. Needs root.
#
# usage: scripts/package-debian.sh [bullseye|forky]...
#   the packages are put into target/packages/NAME
#   DEBFULLNAME, DEBEMAIL  who has built them, for their changelogs (those of packaging/debian/control)

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$top"
portable=$target/portable
only_root "build packages in roots of Debian"
(($#)) || set -- bullseye forky

packaged=$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/debian/changelog)
[[ ${packaged%-*} == "$version" ]] ||
    fail "this is ariws $version, and packaging/debian/changelog ends with $packaged: add an entry to it"
for file in libariws.so libariws.a ariws-check; do
    [[ -e $portable/$file ]] || fail "$portable/$file is missing: run 'make portable' first"
done

# A suffix for each Debian, so that a PBX that is upgraded to the next one gets that one's package.
suffix() {
    case $1 in
    bullseye) echo "~deb11" ;;
    forky) echo "~deb14" ;;
    *) fail "no packages are built for '$1': there are bullseye and forky" ;;
    esac
}

# usage: source_tree NAME FOLDER
source_tree() {
    local name=$1 tree=$2 by last
    by=$(sed -n 's/^Maintainer: //p' packaging/debian/control)
    if [[ -n ${DEBFULLNAME-} && -n ${DEBEMAIL-} ]]; then
        by="$DEBFULLNAME <$DEBEMAIL>"
    fi
    mkdir -p "$tree/built"
    cp -R c_examples docs include install packaging scripts ./*.md LICENSE-* Cargo.toml "$tree"
    cp -R packaging/debian "$tree/debian"
    cp -L "$portable/libariws.so" "$portable/libariws.a" "$portable/ariws-check" "$tree/built"
    scripts/package-crates.sh >"$tree/built/crates.txt"
    last=$(sed -n '/^ -- /{s/^ -- .*>  //p;q}' packaging/debian/changelog)
    {
        echo "ariws ($packaged$(suffix "$name")) $name; urgency=medium"
        printf '\n  * Built for the Asterisk of %s.\n\n' "$name"
        # Entries follow each other in time.
        printf ' -- %s  %s\n\n' "$by" "$(date --utc --rfc-email --date "@$(($(date --date "$last" +%s) + 1))")"
        cat packaging/debian/changelog
    } >"$tree/debian/changelog"
}

# usage: build NAME
build() (
    name=$1
    root=$(scripts/asterisk-root.sh "$name-build")
    temporary=$(mktemp -d "$root/tmp/ariws-packages.XXXXXX")
    trap 'rm -rf "$temporary"' EXIT
    source_tree "$name" "$temporary/ariws-$version"
    log=$target/packages/$name.log
    # The options of the make that runs this are not meant for the packages'.
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL PREFIX BINDIR LIBDIR INCLUDEDIR DATADIR MANDIR DESTDIR
    # shellcheck disable=SC2016
    scripts/asterisk-in-root.sh "$root" sh -c 'cd "$1" && dpkg-buildpackage --build=binary --no-sign' build \
        "${temporary#"$root"}/ariws-$version" >"$log" 2>&1 </dev/null || {
        tail -n 40 "$log" >&2
        fail "the packages for $name are not built; all that was said is in $log"
    }
    rm -rf "${target:?}/packages/$name"
    mkdir -p "$target/packages/$name"
    mv "$temporary"/*.deb "$temporary"/*.changes "$temporary"/*.buildinfo "$target/packages/$name"
)

# The newest lintian, for the packages of all.
examine() (
    root=$(scripts/asterisk-root.sh forky-build)
    temporary=$(mktemp -d "$root/tmp/ariws-packages.XXXXXX")
    trap 'rm -rf "$temporary"' EXIT
    for name; do
        cp -R "$target/packages/$name" "$temporary"
        # shellcheck disable=SC2016
        scripts/asterisk-in-root.sh "$root" sh -c 'lintian --allow-root --fail-on error,warning "$1"/*.changes' \
            examine "${temporary#"$root"}/$name" || fail "lintian complains of the packages for $name"
    done
)

mkdir -p "$target/packages"
for name; do
    suffix "$name" >/dev/null
    build "$name"
done
examine "$@"
for name; do
    printf '%s\n' "$target/packages/$name"/*.deb
done
