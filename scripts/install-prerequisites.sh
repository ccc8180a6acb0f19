#!/bin/sh
##===----------------------------------------------------------------------===##
##
## This source file is part of the Glueberry open source project
##
## Copyright (c) 2026 the Glueberry project authors
## Licensed under Apache License v2.0
##
## SPDX-License-Identifier: Apache-2.0
##
##===----------------------------------------------------------------------===##

# Checks that what a build needs is there, and installs with apt-get what is missing, if this is a Debian-like machine
# and the script runs as root. Otherwise it says in one line what to install. Swift itself is never installed.
#
# usage: scripts/install-prerequisites.sh [count] [measure] [sqlite]
#   count    valgrind, with which instructions are counted
#   measure  GNU time as well, with which the memory of the demo is measured
#   sqlite   the system's SQLite library, for the trait SQLite

set -eu

required_major=6
required_minor=2

say() { printf '%s\n' "install-prerequisites: $*"; }
fail() {
    printf '%s\n' "install-prerequisites: error: $*" >&2
    exit 1
}

command -v swift >/dev/null 2>&1 ||
    fail "swift is missing: install Swift $required_major.$required_minor or newer from https://www.swift.org/install"

# "Swift version 6.3.1 (…)" or "Apple Swift version 6.3 (…)" gives "6.3".
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
[ -n "$version" ] || fail "'swift --version' does not work; is the toolchain complete?"
major=${version%%.*}
minor=${version#*.}
if [ "$major" -lt "$required_major" ] ||
    { [ "$major" -eq "$required_major" ] && [ "$minor" -lt "$required_minor" ]; }; then
    fail "this is Swift $version; Swift $required_major.$required_minor or newer is needed"
fi

missing=
need() { missing="$missing $1"; }

command -v git >/dev/null 2>&1 || need git
if [ "$(uname -s)" = Linux ]; then
    # The C and C++ parts of the dependencies are compiled with the toolchain's clang, against the system's headers.
    [ -e /usr/include/stdio.h ] || need libc6-dev
    [ -d /usr/include/c++ ] || need g++
    # The linker that swift calls by default; newer releases of Debian have it in a package of its own.
    command -v ld.gold >/dev/null 2>&1 || need binutils
    [ -d /etc/ssl/certs ] || need ca-certificates
    for group in "$@"; do
        case "$group" in
            count) command -v valgrind >/dev/null 2>&1 || need valgrind ;;
            sqlite) [ -e /usr/include/sqlite3.h ] || need libsqlite3-dev ;;
            measure) [ -x /usr/bin/time ] || need time ;;
            *) fail "'$group' is no group of prerequisites" ;;
        esac
    done
fi

[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 || fail "please install:$missing"
[ "$(id -u)" -eq 0 ] || fail "please install what is missing, as root: apt-get install --yes$missing"

say "installing with apt-get:$missing"
apt-get update -qq >&2 || fail "apt-get update failed"
case "$missing" in
    *binutils*) [ -z "$(apt-cache search --names-only '^binutils-gold$')" ] || need binutils-gold ;;
esac
# Unquoted on purpose: one argument for each package.
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends $missing >&2 ||
    fail "apt-get could not install:$missing"
