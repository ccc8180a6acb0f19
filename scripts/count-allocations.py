#!/usr/bin/env python3
# ===----------------------------------------------------------------------===#
#
# This source file is part of the Glueberry open source project
#
# Copyright (c) 2026 the Glueberry project authors
# Licensed under Apache License v2.0
#
# SPDX-License-Identifier: Apache-2.0
#
# ===----------------------------------------------------------------------===#
"""Counts the allocations per message of a sender and of a receiver, and holds them against Benchmarks/allocations.json.

usage: count-allocations.py PATH-OF-THE-RELEASE-BINARY [--measure]

Two processes exchange a few messages, then many more; what the second time took beyond the first, divided by the further
messages, is what one message costs. Nothing is timed. How many messages travel together depends on the moment, so the best of
three tries counts. With --measure nothing is judged. Needs Linux with glibc and a C compiler.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BENCHMARKS = os.path.join(HERE, "..", "Benchmarks")
TRIES = 3

# Name, size, messages, whether each waits for its echo, version of the streams' protocol.
CASES = [
    ("round trip, 64 B", 64, 20_000, True, "transport"),
    ("one way, 64 B", 64, 400_000, False, "transport"),
    ("one way, 1 KiB", 1024, 100_000, False, "transport"),
    ("one way, 64 KiB", 65_536, 4_000, False, "transport"),
    ("one way, 64 B, layered", 64, 200_000, False, "layered"),
    ("one way, 64 KiB, layered", 65_536, 4_000, False, "layered"),
]


def build_counter(home):
    compiler = next((found for name in ("cc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        sys.exit("count-allocations: error: there is no C compiler; install one, such as clang")
    library = os.path.join(home, "allocation-counter.so")
    source = os.path.join(BENCHMARKS, "allocation-counter.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def begin(binary, library, count_file, arguments):
    environment = dict(os.environ, LD_PRELOAD=library, ALLOCATION_COUNT_FILE=count_file)
    return subprocess.Popen(
        [binary, "peer", "--quiet", "--exit-on-eof", "--streams", "a", *arguments], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process, event):
    for text in process.stdout:
        value = json.loads(text)
        if value["event"] == event:
            return value
        if value["event"] == "error":
            sys.exit(f"count-allocations: error: {text.strip()}")
    sys.exit(f"count-allocations: error: a node ended before its line '{event}'")


def end(process):
    process.stdin.close()
    final = line(process, "final")
    process.stdout.read()
    if process.wait() != 0:
        sys.exit("count-allocations: error: a node did not end in order")
    return final


def run(binary, library, home, case, count):
    """The allocations of both processes for so many messages."""
    _, size, _, is_round_trip, encryption = case
    files = [os.path.join(home, name) for name in ("sender", "receiver")]
    receiver = begin(
        binary, library, files[1],
        ["--mode", "echo" if is_round_trip else "sink", "--stream-encryption", encryption])
    address = line(receiver, "listening")["addrs"][0]
    sender = begin(
        binary, library, files[0],
        ["--mode", "bench", "--listen", "", "--connect", address, "--size", str(size), "--count", str(count),
         "--stream-encryption", encryption] + (["--pingpong"] if is_round_trip else []))
    bench = line(sender, "bench")
    if bench.get("errors", bench.get("lost")) != 0:
        sys.exit(f"count-allocations: error: not everything was sent: {bench}")
    end(sender)
    if end(receiver)["msgs"] != count:
        sys.exit("count-allocations: error: not everything arrived")
    counts = []
    for path in files:
        with open(path, encoding="utf-8") as file:
            counts.append(int(file.read()))
    return counts


def measure(binary, library, home, case):
    count = case[2]
    few, many = (run(binary, library, home, case, number) for number in (count // 10, count))
    return [round((after - before) / (count - count // 10), 2) for before, after in zip(few, many)]


def main():
    arguments = sys.argv[1:]
    if not arguments or not os.access(arguments[0], os.X_OK) or arguments[1:] not in ([], ["--measure"]):
        sys.exit("usage: count-allocations.py PATH-OF-THE-RELEASE-BINARY [--measure]")
    with open(os.path.join(BENCHMARKS, "allocations.json"), encoding="utf-8") as file:
        budgets = json.load(file)
    is_over = False
    print("allocations per message: sender, receiver (budgets)")
    with tempfile.TemporaryDirectory(prefix="count-allocations-") as home:
        library = build_counter(home)
        for case in CASES:
            best = None
            budget = [budgets.get(case[0], {}).get(side) for side in ("sender", "receiver")]
            for _ in range(TRIES):
                found = measure(arguments[0], library, home, case)
                best = found if best is None else [min(pair) for pair in zip(best, found)]
                if None not in budget and all(count <= bound for count, bound in zip(best, budget)):
                    break
            note = ""
            if "--measure" not in arguments and (
                    None in budget or any(count > bound for count, bound in zip(best, budget))):
                is_over = True
                note = "  OVER BUDGET"
            print(f"  {case[0]}: {best[0]}, {best[1]} ({budget[0]}, {budget[1]}){note}", flush=True)
    if is_over:
        sys.exit("count-allocations: error: a message costs more allocations than Benchmarks/allocations.json allows")


main()
