#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs the module for Asterisk on any Linux: compiles it for the Asterisk that is there, puts it and the library
# into that one's module folder, and lets it have Stasis in modules.conf. Never restarts Asterisk.

set -eu

usage() {
    cat <<'TEXT'
usage: install.sh [options]
  --dry-run         say what would be done, and do nothing
  --uninstall       remove what was installed, and give Stasis back to Asterisk
  --modules DIR     Asterisk's module folder, which has res_ari.so (found)
  --include DIR     the folder with Asterisk's headers, which has asterisk.h (found)
  --etc DIR         Asterisk's configuration (found, such as /etc/asterisk)
  --prefix DIR      where ariws-check, man pages, alerts and a dashboard go (/usr/local)
  --keep-modules-conf  leave modules.conf alone
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
# The mark of our lines in modules.conf.
mark='; by the installer of ariws'
action=install
dry=
modules=
include=
etc=
prefix=/usr/local
edit=yes

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

say() {
    echo "install.sh: $*"
}

# usage: run WORDS COMMAND...: does it, or says that it would.
run() {
    if [ -n "$dry" ]; then
        say "would $1"
    else
        say "$1"
        shift
        "$@"
    fi
}

while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes ;;
    --uninstall) action=uninstall ;;
    --keep-modules-conf) edit= ;;
    --modules | --include | --etc | --prefix)
        [ $# -gt 1 ] || fail "$1 needs a folder"
        case $1 in
        --modules) modules=$2 ;;
        --include) include=$2 ;;
        --etc) etc=$2 ;;
        --prefix) prefix=$2 ;;
        esac
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done

# usage: directory NAME: what asterisk.conf says of one of its folders.
directory() {
    sed -n "s/^[[:space:]]*$1[[:space:]]*=>*[[:space:]]*\([^[:space:];]*\).*/\1/p" "$etc/asterisk.conf" 2>/dev/null |
        tail -n 1
}

# usage: first FILE FOLDER...: the first folder that has the file.
first() {
    file=$1
    shift
    for folder; do
        if [ -e "$folder/$file" ]; then
            echo "$folder"
            return
        fi
    done
}

find_asterisk() {
    if [ -z "$etc" ]; then
        etc=$(first asterisk.conf /etc/asterisk /usr/local/etc/asterisk)
        etc=${etc:-/etc/asterisk}
    fi
    if [ -z "$modules" ]; then
        modules=$(first res_ari.so "$(directory astmoddir)" /usr/lib/*-linux-gnu*/asterisk/modules \
            /usr/lib64/asterisk/modules /usr/lib/asterisk/modules /usr/local/lib64/asterisk/modules \
            /usr/local/lib/asterisk/modules)
        [ -n "$modules" ] || fail "no module folder of an Asterisk with res_ari.so found: install Asterisk with ARI," \
            "or name the folder with --modules"
    fi
    [ -e "$modules/res_ari.so" ] ||
        fail "$modules has no res_ari.so: it is not the module folder of an Asterisk with ARI"
}

find_tools() {
    if [ -z "$include" ]; then
        include=$(first asterisk.h /usr/include /usr/local/include)
    fi
    if [ -z "$include" ] || [ ! -e "$include/asterisk.h" ]; then
        fail "no asterisk.h${include:+ in $include}: install the headers of exactly this Asterisk (Debian and Ubuntu:" \
            "asterisk-dev; Fedora and RHEL: asterisk-devel; from source: make install-headers in the tree it was" \
            "built from), or name their folder with --include"
    fi
    for tool in "${CC:-cc}" make; do
        command -v "$tool" >/dev/null || fail "no $tool: install a C compiler, the headers of libc, and make (Debian" \
            "and Ubuntu: gcc libc6-dev make; Fedora and RHEL: gcc glibc-devel make)"
    done
}

# The library needs glibc 2.28 and libgcc_s; its loader says which is missing.
check_library() {
    answer=$("$here/bin/ariws-check" --help 2>&1) || fail "this system cannot run ariws: $answer"
}

# By a rename: a running Asterisk has the file before mapped, and goes on with it.
# usage: put MODE FILE TARGET
put() {
    mkdir -p "$(dirname "$3")"
    cp "$2" "$3.new"
    chmod "$1" "$3.new"
    mv "$3.new" "$3"
}

# usage: modules_say WORDS: whether a line of modules.conf that is not a comment is like that.
modules_say() {
    grep -Eq "^[[:space:]]*$1" "$etc/modules.conf"
}

# usage: rewrite SED-SCRIPT: of modules.conf, whose owner and mode stay.
rewrite() {
    file=$(readlink -f "$etc/modules.conf")
    cp -p "$file" "$file.ariws"
    sed "$1" "$file" >"$file.ariws"
    mv "$file.ariws" "$file"
}

# usage: add_line LINE: to the section [modules].
add_line() {
    run "add '$1' to $etc/modules.conf" rewrite "/^[[:space:]]*\\[modules\\]/a\\
$1 $mark"
}

configure() {
    if [ ! -e "$etc/ari_outbound.conf" ] && [ -d "$etc" ]; then
        run "write $etc/ari_outbound.conf, in which everything is a comment" put_configuration
    fi
    if [ -z "$edit" ]; then
        say "add 'noload => app_stasis.so' to modules.conf, if it is not there"
    elif [ ! -e "$etc/modules.conf" ]; then
        say "there is no $etc/modules.conf: write one with 'autoload = yes' and 'noload => app_stasis.so' in [modules]"
    else
        modules_say 'noload[[:space:]]*=>?[[:space:]]*app_stasis' || add_line 'noload => app_stasis.so'
        modules_say 'autoload[[:space:]]*=>?[[:space:]]*(yes|true|y|t|1|on)' ||
            modules_say '(load|preload|require)[[:space:]]*=>?[[:space:]]*res_ariws' || add_line 'load => res_ariws.so'
    fi
    if grep -Eqs '^[[:space:]]*type[[:space:]]*=>?[[:space:]]*outbound_websocket' "$etc/ari.conf"; then
        say "ari.conf has sections of type outbound_websocket: move them to ari_outbound.conf"
    fi
}

put_configuration() {
    put 640 "$here/examples/ari_outbound.conf" "$etc/ari_outbound.conf"
    if [ -e "$etc/modules.conf" ]; then
        chown --reference="$etc/modules.conf" "$etc/ari_outbound.conf"
    fi
}

restart() {
    if [ -z "$dry" ]; then
        say "done. Asterisk is not restarted, and calls go on. This takes effect at its next start, such as by:"
        say "  asterisk -rx 'core restart when convenient'"
    fi
}

install_all() {
    find_asterisk
    find_tools
    check_library
    # A library beside the module would go before that of the package.
    if dpkg-query --search "$modules/res_ariws.so" >/dev/null 2>&1; then
        fail "$modules/res_ariws.so belongs to a Debian package: upgrade or remove that"
    fi
    say "Asterisk's modules are in $modules, its headers in $include, its configuration in $etc"
    if [ -z "$dry" ] && [ ! -w "$modules" ]; then
        fail "$modules cannot be written to: run this as root"
    fi
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
    cp -R "$here/module" "$build/module"
    say "compile the module for this Asterisk"
    make -s -C "$build/module" module ASTERISK_INCLUDE="$include" MODULES="$modules" ARIWS_INCLUDE="$here/include" \
        BUILD="$build/out" >&2 || fail "the module does not compile for this Asterisk; the lines above say why"
    run "install $modules/libariws.so.0" put 755 "$here/lib/libariws.so.0" "$modules/libariws.so.0"
    run "install $modules/res_ariws.so" put 755 "$build/out/res_ariws.so" "$modules/res_ariws.so"
    run "install $prefix/bin/ariws-check" put 755 "$here/bin/ariws-check" "$prefix/bin/ariws-check"
    for file in "$here"/share/ariws/* "$here"/share/man/man[157]/*; do
        place=$prefix/${file#"$here/"}
        run "install $place" put 644 "$file" "$place"
    done
    configure
    restart
}

# usage: remove_shared FILE: with its folder, unless others are in there.
remove_shared() {
    rm "$1"
    rmdir "$(dirname "$1")" 2>/dev/null || true
}

uninstall_all() {
    find_asterisk
    for file in "$modules/res_ariws.so" "$modules/libariws.so.0" "$prefix/bin/ariws-check"; do
        [ ! -e "$file" ] || run "remove $file" rm "$file"
    done
    for file in "$here"/share/ariws/* "$here"/share/man/man[157]/*; do
        place=$prefix/${file#"$here/"}
        [ ! -e "$place" ] || run "remove $place" remove_shared "$place"
    done
    if [ -e "$etc/modules.conf" ] && grep -qF "$mark" "$etc/modules.conf"; then
        run "remove what the installer added to $etc/modules.conf" rewrite "/$mark\$/d"
    fi
    if cmp -s "$here/examples/ari_outbound.conf" "$etc/ari_outbound.conf"; then
        run "remove $etc/ari_outbound.conf" rm "$etc/ari_outbound.conf"
    elif [ -e "$etc/ari_outbound.conf" ]; then
        say "$etc/ari_outbound.conf was changed, and stays"
    fi
    restart
}

"${action}_all"
