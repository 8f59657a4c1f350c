#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Packs target/packages/ariws-VERSION-linux-ARCHITECTURE.tar.xz: what scripts/portable.sh has built, the module's
# sources, and packaging/install.sh, which installs them on any Linux with glibc 2.28 or newer. Equal sources make equal
# files.

set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$top"
portable=$target/portable
name=ariws-$version-linux-$(uname -m)
packages=$target/packages

mkdir -p "$packages"
temporary=$(mktemp -d "$packages/tarball.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
folder=$temporary/$name
mkdir -p "$folder"/{bin,docs,lib,include,examples,module/res_ariws}
install -m 755 packaging/install.sh "$folder"
install -m 755 "$portable/ariws-check" "$folder/bin"
install -m 755 "$portable/libariws.so.0" "$folder/lib"
install -m 644 include/ariws.h "$folder/include"
install -m 644 c_examples/asterisk/{LICENSE,Makefile,res_ariws.c} "$folder/module"
install -m 644 c_examples/asterisk/res_ariws/*.[ch] "$folder/module/res_ariws"
install -m 755 c_examples/asterisk/check-build-options.sh "$folder/module"
install -m 644 packaging/examples/* "$folder/examples"
install -m 644 README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$folder"
install -m 644 docs/*.md "$folder/docs"
for page in docs/man/*.[1-9]; do
    install -D -m 644 "$page" "$folder/share/man/man${page##*.}/${page##*/}"
done
install -D -m 644 -t "$folder/share/ariws" packaging/observability/*
scripts/package-crates.sh >"$folder/crates.txt"

tar --create --directory "$temporary" --sort name --owner 0 --group 0 --numeric-owner --mtime '@0' "$name" |
    xz --threads 0 >"$temporary/$name.tar.xz"
mv "$temporary/$name.tar.xz" "$packages"
echo "$packages/$name.tar.xz"
