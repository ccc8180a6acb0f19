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

# Generates the Swift code of the messages in Protos/ anew. Run it after a change there or of the version of
# swift-protobuf, and commit what it writes. The generator is built from the checkout that the package itself has
# resolved, so that it fits the runtime library.
#
# usage: scripts/generate-protobuf.sh [SCRATCH]
#   SCRATCH  a directory to build in, kept for the next time; without it a temporary one is used and removed

set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

if [ $# -gt 0 ]; then
    mkdir -p "$1"
    scratch=$(cd "$1" && pwd)
else
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
fi

if ! command -v protoc >/dev/null 2>&1; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "protoc is missing: install the protocol buffer compiler, for example with 'brew install protobuf'" >&2
        exit 1
    fi
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update
    $sudo apt-get install --yes --no-install-recommends protobuf-compiler
fi

swift package --package-path "$root" --scratch-path "$scratch/package" resolve
checkout="$scratch/package/checkouts/swift-protobuf"

swift build --package-path "$checkout" --scratch-path "$scratch/plugin" --product protoc-gen-swift
plugin="$(swift build --package-path "$checkout" --scratch-path "$scratch/plugin" --show-bin-path)/protoc-gen-swift"

# generate TARGET FILE...: writes Sources/TARGET/Generated/FILE.pb.swift for each FILE.proto
generate() {
    output="$root/Sources/$1/Generated"
    shift
    rm -rf "$output"
    mkdir -p "$output"
    protoc \
        --plugin="$plugin" \
        --proto_path="$root/Protos" \
        --swift_out="$output" \
        --swift_opt=Visibility=Internal \
        --swift_opt=UseAccessLevelOnImports=true \
        "$@"
}

generate PeerIdentity keys.proto envelope.proto peer_record.proto
generate Noise noise.proto
generate LibP2P identify.proto
