#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs what `make build` has built, or removes it. It compiles nothing, so that root needs no Rust: where something
# is not built, or its sources are newer, it says so and installs nothing.
#
# usage: scripts/install.sh install FOLDER-OF-THE-BUILD
#        scripts/install.sh uninstall
#   PREFIX      /usr/local
#   BINDIR      PREFIX/bin
#   LIBDIR      PREFIX/lib
#   INCLUDEDIR  PREFIX/include
#   DATADIR     PREFIX/share
#   MANDIR      DATADIR/man
#   DESTDIR     in front of them all, for packages

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
prefix=${PREFIX:-/usr/local}
binaries=${BINDIR:-$prefix/bin}
libraries=${LIBDIR:-$prefix/lib}
headers=${INCLUDEDIR:-$prefix/include}
data=${DATADIR:-$prefix/share}
manuals=${MANDIR:-$data/man}
root=${DESTDIR-}
cmake=$libraries/cmake/ariws
monitoring=$data/ariws
# The library's own name of itself; its file has the whole version in its name.
soname=libariws.so.$(sed -n 's/^#define ARIWS_ABI_VERSION //p' "$top/include/ariws.h")
library=libariws.so.$version

for folder in "$prefix" "$binaries" "$libraries" "$headers" "$data" "$manuals"; do
    [[ $folder == /* ]] || fail "$folder is no absolute path"
done

# Fails unless cargo would find nothing to do for what it has built: beside it, it says what that was made of.
check() {
    local file=$1/$2 list=$1/${2%.*}.d sources source
    [[ -e $file ]] || fail "$file is not there; run 'make build' first, as the user who has Rust"
    [[ -e $list ]] || return 0
    # Blanks in names stand behind backslashes, which `read` takes away without -r.
    # shellcheck disable=SC2162
    read -a sources <"$list"
    for source in "${sources[@]:1}"; do
        [[ ! $source -nt $file ]] ||
            fail "$source is newer than $file; run 'make build' first, as the user who has Rust"
    done
}

# usage: place MODE FILE PATH
# A process that uses the one before keeps it: it is replaced, not written to.
place() {
    install -D --mode="$1" "$2" "$root$3.new"
    mv -fT "$root$3.new" "$root$3"
}

# usage: link NAME PATH
link() {
    ln -sfn "$1" "$root$2.new"
    mv -fT "$root$2.new" "$root$2"
}

# A file of the folder `install` with the places in it.
filled() {
    local text to_headers
    # What is below the prefix moves with it (pkg-config --define-prefix).
    # shellcheck disable=SC2016
    local below='${prefix}/'
    to_headers=$(realpath --canonicalize-missing --no-symlinks --relative-to="$cmake" "$headers")
    text=$(<"$top/install/$1.in")
    text=${text//@prefix@/"$prefix"}
    text=${text//@libdir@/"${libraries/#"$prefix/"/"$below"}"}
    text=${text//@includedir@/"${headers/#"$prefix/"/"$below"}"}
    text=${text//@headers_from_here@/"$to_headers"}
    text=${text//@version@/"$version"}
    text=${text//@major@/"${version%%.*}"}
    text=${text//@soname@/"$soname"}
    text=${text//@pointer_size@/"$pointer_size"}
    printf '%s\n' "$text"
}

# usage: place_filled NAME FOLDER
place_filled() {
    local file
    file=$(mktemp)
    filled "$1" >"$file"
    place 644 "$file" "$2/$1"
    rm -f "$file"
}

# Libraries of the same ABI of other versions: of those, ldconfig would take the newest.
other_versions() {
    local file
    for file in "$root$libraries/$soname".*; do
        [[ ! -e $file || $file == "$root$libraries/$library" ]] || printf '%s\n' "$file"
    done
}

put_in_place() {
    local built=$1 pointer_size others page function file
    check "$built" libariws.so
    check "$built" libariws.a
    check "$built" ariws-check
    # The version stands in no source: cargo takes it from Cargo.toml.
    grep -qaF "ariws/$version" "$built/libariws.so" ||
        fail "$built/libariws.so is not of version $version; run 'make build' first, as the user who has Rust"
    # The class of an ELF file: 1 for 32 bits, 2 for 64.
    pointer_size=$(($(od -An -tu1 -j4 -N1 "$built/libariws.so") * 4))

    place 755 "$built/ariws-check" "$binaries/ariws-check"
    place 644 "$built/libariws.so" "$libraries/$library"
    link "$library" "$libraries/$soname"
    link "$soname" "$libraries/libariws.so"
    mapfile -t others < <(other_versions)
    rm -f ${others[@]+"${others[@]}"}
    place 644 "$built/libariws.a" "$libraries/libariws.a"
    place 644 "$top/include/ariws.h" "$headers/ariws.h"
    place_filled ariws.pc "$libraries/pkgconfig"
    place_filled ariws-config.cmake "$cmake"
    place_filled ariws-config-version.cmake "$cmake"
    for page in "$top"/docs/man/*.[1-9]; do
        place 644 "$page" "$manuals/man${page##*.}/${page##*/}"
    done
    while read -r function; do
        link libariws.3 "$manuals/man3/$function.3"
    done <"$top/include/ariws.exports"
    for file in "$top"/packaging/observability/*; do
        place 644 "$file" "$monitoring/${file##*/}"
    done

    echo "installed ariws $version in $root$prefix"
    if [[ -z $root ]]; then
        echo "programs find $soname in $libraries after 'ldconfig', if that is a folder of /etc/ld.so.conf"
    fi
}

remove() {
    local others page function file folder
    mapfile -t others < <(other_versions)
    rm -f "$root$binaries/ariws-check" "$root$libraries"/{libariws.so,"$soname","$library",libariws.a} \
        ${others[@]+"${others[@]}"} "$root$headers/ariws.h" "$root$libraries/pkgconfig/ariws.pc" \
        "$root$cmake"/{ariws-config.cmake,ariws-config-version.cmake}
    for page in "$top"/docs/man/*.[1-9]; do
        rm -f "$root$manuals/man${page##*.}/${page##*/}"
    done
    while read -r function; do
        rm -f "$root$manuals/man3/$function.3"
    done <"$top/include/ariws.exports"
    for file in "$top"/packaging/observability/*; do
        rm -f "$root$monitoring/${file##*/}"
    done
    # The only folders that nobody else puts anything into.
    for folder in "$root$cmake" "$root$monitoring"; do
        if [[ -d $folder ]]; then
            rmdir "$folder"
        fi
    done
    echo "removed ariws from $root$prefix"
}

case ${1-} in
install) put_in_place "$2" ;;
uninstall) remove ;;
*)
    echo "usage: scripts/install.sh install FOLDER-OF-THE-BUILD | uninstall" >&2
    exit 2
    ;;
esac
