#!/bin/sh
#===----------------------------------------------------------------------===#
#
# This source file is part of the Glueberry open source project
#
# Copyright (c) 2026 the Glueberry project authors
# Licensed under Apache License v2.0
#
# SPDX-License-Identifier: Apache-2.0
#
#===----------------------------------------------------------------------===#

# Installs what the interop tests talk to into .tools (ignored by git):
#   .tools/bin/p2pd      the go-libp2p daemon, taken out of a wheel on PyPI, checked against its SHA-256
#   .tools/venv          a Python environment with the pinned `cryptography`, for Tests/InteropTests/Peers
# Running it again is quick and changes nothing. Needs python3 with its venv module; on a Debian machine they are
# installed when the script runs as root. To start over, remove .tools.

set -eu

hivemind_version=1.1.12
p2pd_sha256=42f8f48e62583b97cdba3c31439c08029fb2b9fc506b5bdd82c46b7cc1d279d8
cryptography_version=50.0.2
cffi_version=2.1.1
pycparser_version=3.12

root=$(cd "$(dirname "$0")/.." && pwd)
tools="$root/.tools"
venv="$tools/venv"
p2pd="$tools/bin/p2pd"
requirements="cryptography==$cryptography_version cffi==$cffi_version pycparser==$pycparser_version"

say() { printf '%s\n' "install-test-peers: $*"; }
fail() {
    printf '%s\n' "install-test-peers: error: $*" >&2
    exit 1
}

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

has_p2pd() { [ -x "$p2pd" ] && [ "$(sha256_of "$p2pd")" = "$p2pd_sha256" ]; }
has_venv() { [ -x "$venv/bin/python3" ] && [ "$(cat "$venv/.requirements" 2>/dev/null)" = "$requirements" ]; }

[ "$(uname -s)" = Linux ] || fail "the Go daemon is published for Linux only; run the interop tests there"
[ "$(uname -m)" = x86_64 ] || fail "the Go daemon is published for x86_64 only, this machine is $(uname -m)"

if has_p2pd && has_venv; then
    say "p2pd and the Python environment are there already"
    exit 0
fi

# The venv module may be there without ensurepip, which Debian keeps in python3-venv.
python=
for candidate in python3 /usr/bin/python3; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    command -v apt-get >/dev/null 2>&1 || fail "python3 with its venv module is missing; install it and run this again"
    [ "$(id -u)" = 0 ] || fail "python3 or its venv module is missing; as root: apt-get install python3 python3-venv"
    say "installing python3 and python3-venv with apt-get"
    apt-get update -qq || fail "apt-get update failed"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ca-certificates python3 python3-venv >/dev/null || fail "apt-get could not install python3 and python3-venv"
    python=/usr/bin/python3
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "python3 is older than 3.9"

mkdir -p "$tools/bin"

if has_venv; then
    say "the Python environment is there already"
else
    say "making the Python environment in .tools/venv with cryptography $cryptography_version"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "the Python environment could not be made in $venv"
    # Unquoted on purpose: one argument for each requirement.
    # shellcheck disable=SC2086
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check --only-binary :all: $requirements ||
        fail "pip could not install $requirements; is PyPI reachable?"
    "$venv/bin/python3" -c 'from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305' ||
        fail "cryptography $cryptography_version is installed but does not load"
    printf '%s\n' "$requirements" >"$venv/.requirements"
fi

if has_p2pd; then
    say "p2pd is there already"
else
    say "fetching p2pd out of hivemind $hivemind_version"
    download=$(mktemp -d "$tools/download.XXXXXX")
    trap 'rm -rf "$download"' EXIT
    trap 'exit 1' HUP INT TERM
    "$venv/bin/python3" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --dest "$download" "hivemind==$hivemind_version" ||
        fail "pip could not download hivemind==$hivemind_version; is PyPI reachable?"
    # Python's own zip reader: no unzip is needed.
    "$venv/bin/python3" - "$download" <<'PYTHON' || fail "the wheel holds no p2pd"
import glob, sys, zipfile
directory = sys.argv[1]
wheel, = glob.glob(directory + "/hivemind-*.whl")
with zipfile.ZipFile(wheel) as archive, open(directory + "/p2pd", "wb") as output:
    output.write(archive.read("hivemind/hivemind_cli/p2pd"))
PYTHON
    found=$(sha256_of "$download/p2pd")
    [ "$found" = "$p2pd_sha256" ] || fail "p2pd has SHA-256 $found, expected $p2pd_sha256; it was not installed"
    chmod 755 "$download/p2pd"
    mv -f "$download/p2pd" "$p2pd"
    say "p2pd is in .tools/bin, its SHA-256 is as expected"
fi

say "done"
