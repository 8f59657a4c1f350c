#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Makes sure that tools are there: what is missing is installed from Debian's packages when run as root, else named.
#
# usage: scripts/require.sh TOOL...
#   TOOL is one of cargo rustfmt clippy clang-format cc c++ address-sanitizer valgrind binutils make openssl pkg-config
#   python python3.11 shellcheck debootstrap sipp iproute2 nftables dnsmasq haproxy nginx squid tinyproxy socat
#   node cmake meson ninja mandoc chromium prometheus xz

set -euo pipefail

# Whether the tool works, not only whether a file of its name exists.
works() {
    case $1 in
    cargo) cargo --version ;;
    rustfmt) cargo fmt --version ;;
    clippy) cargo clippy --version ;;
    cc) compiles c '#include <pthread.h>' "${CC:-cc}" ;;
    c++) compiles c++ '#include <cstddef>' "${CXX:-c++}" ;;
    address-sanitizer) compiles c '#include <pthread.h>' "${CC:-cc}" -fsanitize=address,undefined ;;
    valgrind) valgrind -q true ;;
    binutils) nm --version && readelf --version ;;
    python) python_since 9 ;;
    python3.11) python_since 11 ;;
    iproute2) command -v ip ;;
    nftables) command -v nft ;;
    node)
        "$(dirname "$0")/with-node.sh" node -e \
            'require("ws"); process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'
        ;;
    prometheus) prometheus --version && promtool --version ;;
    chromium | clang-format | cmake | debootstrap | dnsmasq | haproxy | make | mandoc | meson | nginx | ninja | \
        openssl | pkg-config | shellcheck | sipp | socat | squid | tinyproxy | xz)
        command -v "$1"
        ;;
    esac >/dev/null 2>&1
}

# usage: python_since MINOR
python_since() {
    python3 -c "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, $1))"
}

# usage: compiles LANGUAGE INCLUDE COMPILER [OPTION]...
compiles() {
    local language=$1 include=$2
    shift 2
    printf '%s\nint main(void) { return 0; }\n' "$include" | "$@" -x "$language" -o /dev/null -
}

# Debian's packages with the tool; none for what Rust's installer brings.
packages() {
    case $1 in
    cc | address-sanitizer) echo gcc libc6-dev ;;
    c++) echo g++ libc6-dev ;;
    valgrind) echo valgrind libc6-dbg ;;
    python | python3.11) echo python3-venv ;;
    debootstrap) echo debootstrap debian-archive-keyring ;;
    sipp) echo sip-tester ;;
    # The programs alone, without the services.
    dnsmasq) echo dnsmasq-base ;;
    tinyproxy) echo tinyproxy-bin ;;
    node) echo nodejs node-ws ;;
    xz) echo xz-utils ;;
    ninja) echo ninja-build ;;
    # It brings no font along.
    chromium) echo chromium fonts-dejavu-core ;;
    binutils | clang-format | cmake | haproxy | iproute2 | make | mandoc | meson | nftables | nginx | openssl | \
        pkg-config | prometheus | shellcheck | socat | squid)
        echo "$1"
        ;;
    esac
}

# What to call the tool where its own name does not say enough.
describe() {
    case $1 in
    cargo | rustfmt | clippy) echo "$1 (comes with Rust)" ;;
    cc | c++) echo "$1 with its headers" ;;
    python) echo "Python 3.9 or newer with venv" ;;
    python3.11) echo "Python 3.11 or newer with venv, as Debian 12 has it" ;;
    node) echo "Node.js 18 or newer with its package ws" ;;
    *) echo "$1" ;;
    esac
}

missing() {
    local tool
    for tool in "$@"; do
        works "$tool" || echo "$tool"
    done
}

install() {
    local log policy=/usr/sbin/policy-rc.d
    log=$(mktemp)
    # Only their programs are wanted: no server starts by itself because it was installed.
    if [[ ! -e $policy ]]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    echo "installing: $*"
    if ! {
        apt-get -o DPkg::Lock::Timeout=300 update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
    fi
    rm -f "$log"
}

for tool in "$@"; do
    case $tool in
    cargo | rustfmt | clippy | clang-format | cc | c++ | address-sanitizer | valgrind | binutils | make | openssl | \
        pkg-config | python | python3.11 | shellcheck | debootstrap | sipp | iproute2 | nftables | dnsmasq | haproxy | \
        nginx | squid | tinyproxy | socat | node | cmake | meson | ninja | mandoc | chromium | prometheus | xz) ;;
    *)
        echo "require.sh: unknown tool: $tool" >&2
        exit 2
        ;;
    esac
done

wanted=()
mapfile -t lacking < <(missing "$@")
for tool in ${lacking[@]+"${lacking[@]}"}; do
    read -r -a names <<<"$(packages "$tool")"
    wanted+=(${names[@]+"${names[@]}"})
done
if ((${#wanted[@]})) && ((EUID == 0)) && command -v apt-get >/dev/null; then
    install "${wanted[@]}"
    mapfile -t lacking < <(missing "$@")
fi
if ((${#lacking[@]})); then
    hint=
    if ((${#wanted[@]})); then
        hint="; on Debian, as root: apt-get install ${wanted[*]}"
    fi
    list=
    for tool in "${lacking[@]}"; do
        list+=${list:+, }$(describe "$tool")
    done
    echo "missing: $list$hint" >&2
    exit 1
fi
