#!/bin/bash
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

# Builds and runs the tests under the thread sanitizer: all of them, but for those that Tests/tsan-exceptions.txt names.
# Any report of the sanitizer is a failure, whatever the tests themselves say.
#
# usage: scripts/run-thread-sanitizer.sh [SCRATCH [FLAG…]]
#   SCRATCH  the directory to build in, .build-tsan by default
#   FLAG     for swift build and swift test

set -euo pipefail

cd "$(dirname "$0")/.."

swift=${SWIFT:-swift}
scratch=${1:-.build-tsan}
[ $# -eq 0 ] || shift
exceptions=Tests/tsan-exceptions.txt

fail() {
    printf 'run-thread-sanitizer: error: %s\n' "$*" >&2
    exit 1
}

# A line is a regular expression for `swift test --skip`, then " # " and the reason; others begin with # or are empty.
skips=()
number=0
while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case "$line" in
        '' | '#'*) continue ;;
        *' # '?*) ;;
        *) fail "$exceptions:$number: an exception has the form 'REGEX # REASON'" ;;
    esac
    pattern=${line%% # *}
    pattern=${pattern%"${pattern##*[![:space:]]}"}
    printf 'skipping %s: %s\n' "$pattern" "${line#* # }"
    skips+=(--skip "$pattern")
done <"$exceptions"

log=$(mktemp)
planted=$(mktemp -d)
trap 'rm -rf "$log" "$planted"' EXIT

# Every report counts, and the first does not hide the others.
export TSAN_OPTIONS="exitcode=66 halt_on_error=0 ${TSAN_OPTIONS:-}"

# A sanitizer that finds nothing is worth nothing: first it has to find a race that is there.
cat >"$planted/race.swift" <<'EOF'
import Dispatch

final class Counter: @unchecked Sendable { var value = 0 }

let counter = Counter()
let arrived = [DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)]
let done = DispatchGroup()
for own in 0...1 {
    DispatchQueue.global().async(group: done) {
        arrived[own].signal()
        arrived[1 - own].wait()
        for _ in 0..<10_000 { counter.value &+= 1 }
    }
}
done.wait()
EOF
"${swift}c" -sanitize=thread "$planted/race.swift" -o "$planted/race"
if "$planted/race" >"$log" 2>&1 || ! grep -q 'WARNING: ThreadSanitizer: data race' "$log"; then
    fail "the thread sanitizer did not find a planted race; it would not find a real one"
fi

"$swift" build --build-tests --sanitize=thread --scratch-path "$scratch" "$@"

status=0
"$swift" test --disable-xctest --sanitize=thread --scratch-path "$scratch" "$@" ${skips[@]+"${skips[@]}"} 2>&1 |
    tee "$log" || status=$?

if grep -q 'WARNING: ThreadSanitizer' "$log"; then
    grep 'SUMMARY: ThreadSanitizer' "$log" | sort | uniq -c >&2 || true
    fail "the thread sanitizer reported what is listed above"
fi
exit "$status"
