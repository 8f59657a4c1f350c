#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Asterisk refuses a module that was compiled with other build options than itself ("module was not compiled with the same
# compile-time options"). Its headers carry a checksum of theirs, and every module that it loads has the same one inside.
#
# usage: check-build-options.sh INCLUDE_FOLDER MODULE_FOLDER

set -eu

include=$1
modules=$2
if [ -z "$modules" ] || [ ! -f "$modules/res_ari.so" ]; then
    echo "The build options are not compared: no Asterisk modules in '$modules' (set MODULES)." >&2
    exit 0
fi
sum=$(sed -n 's/^#define AST_BUILDOPT_SUM "\(.*\)"$/\1/p' "$include/asterisk/buildopts.h")
if [ -n "$sum" ] && ! grep -aqF "$sum" "$modules/res_ari.so"; then
    cat >&2 <<TEXT
This module has other build options than the Asterisk of $modules, which would refuse it.
Its headers in $include are not those of that Asterisk:
$(sed -n 's/^#define AST_BUILDOPTS "\(.*\)"$/  built with: \1/p' "$include/asterisk/buildopts.h")
Install the headers of exactly that Asterisk (Debian: asterisk-dev of the same version; from source: 'make install-headers'
in the tree it was built from, which 'make install' does not do in most versions), or set ASTERISK_INCLUDE to them.
TEXT
    exit 1
fi
