#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs the library, its header and its description for pkg-config, and ariws-check.
#
# usage: scripts/install.sh FOLDER-OF-THE-BUILD
#   PREFIX   /usr/local
#   LIBDIR   PREFIX/lib
#   DESTDIR  in front of both, for packages

set -euo pipefail

built=$1
top=$(cd "$(dirname "$0")/.." && pwd)
prefix=${PREFIX:-/usr/local}
libraries=${LIBDIR:-$prefix/lib}
root=${DESTDIR-}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)
soname=$(sed -n 's/^#define ARIWS_ABI_VERSION //p' "$top/include/ariws.h")

install -d "$root$libraries/pkgconfig" "$root$prefix/include" "$root$prefix/bin"
install -m 755 "$built/libariws.so" "$root$libraries/libariws.so.$soname"
ln -sf "libariws.so.$soname" "$root$libraries/libariws.so"
install -m 644 "$built/libariws.a" "$root$libraries/libariws.a"
install -m 755 "$built/ariws-check" "$root$prefix/bin/ariws-check"
install -m 644 "$top/include/ariws.h" "$root$prefix/include/ariws.h"
cat >"$root$libraries/pkgconfig/ariws.pc" <<END
prefix=$prefix
libdir=$libraries
includedir=\${prefix}/include

Name: ariws
Description: ARI outbound WebSockets for any PBX
Version: $version
Libs: -L\${libdir} -lariws
Libs.private: -lgcc_s -lm -lpthread -ldl -lc
Cflags: -I\${includedir}
END
echo "installed ariws $version in $root$prefix"
