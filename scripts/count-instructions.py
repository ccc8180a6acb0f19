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
"""Counts the instructions of codecs and state machines, and holds them against Benchmarks/instructions.json.

Each workload runs under callgrind twice, few times and many times; what the second run took beyond the first, divided
by the further times, is what one time costs: start and set-up cancel out. Nothing is timed. A table goes to standard
error, a line of JSON to standard output, and the status is 1 if a workload is over its budget or has none, or if a
budget has no workload.
"""

import argparse
import concurrent.futures
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUDGETS = os.path.normpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Benchmarks", "instructions.json"))
# Two runs of a workload follow one another, and two workloads run at a time.
WORKERS = 2
# No run takes longer than some seconds.
TIME_LIMIT = 300
# What a budget allows above what was measured: other releases of the C library, and which of several copies of a generic
# function the linker keeps, which alone makes 7 %.
MARGIN = 1.10
# The same for what is mostly ciphers and copies, which are other code on other processors.
MARGIN_OF_BYTES = 1.25
WORKLOADS_OF_BYTES = ("noise-64B", "yamux-64KiB")

# Few and many times, with as many digits: the arguments lie on the stack, and their lengths move what comes after them.
USUAL_COUNTS = (100, 900)
# Where one time is short, more of it, so that what differs between two starts does not show.
COUNTS = {
    "varint": (10_000, 90_000),
    "frame-1.0.0": (1_000, 9_000),
    "frame-2.0.0": (1_000, 9_000),
    "noise-64B": (1_000, 5_000),
    "yamux-64B": (1_000, 9_000),
    # Multiples of the batch.
    "yamux-64B-batch": (1_280, 8_960),
    "yamux-64KiB": (100, 300),
    "peer-lifecycle": (1_000, 9_000),
}


def fail(message):
    sys.exit(f"count-instructions: error: {message}")


def tool(name, advice):
    path = shutil.which(name)
    if path is None:
        fail(f"{name} is missing: {advice}")
    return path


class Counter:
    """A copy of the program that callgrind can read, and the same surroundings for every run of it."""

    def __init__(self, binary, home):
        self.valgrind = tool("valgrind", "scripts/install-prerequisites.sh count installs it")
        self.home = home
        self.program = os.path.join(home, "InstructionCounts")
        # Not every release of valgrind can read Swift's debug information, and reading it takes long.
        strip = tool("strip", "install binutils")
        subprocess.run([strip, "-g", "-o", self.program, binary], check=True)
        # The environment lies on the stack too, and the seed of hashing decides what collides in a dictionary.
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "SWIFT_DETERMINISTIC_HASHING": "1"}

    def run(self, command):
        return subprocess.run(
            command, env=self.environment, cwd=self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=TIME_LIMIT)

    def workloads(self):
        result = self.run([self.program, "list"])
        if result.returncode != 0 or not result.stdout.split():
            fail(f"the program does not list its workloads: {result.stderr.strip()}")
        return result.stdout.split()

    def total(self, workload, count):
        """The instructions of a whole run."""
        with tempfile.NamedTemporaryFile(dir=self.home, prefix="callgrind-") as output:
            result = self.run([
                self.valgrind, "--tool=callgrind", f"--callgrind-out-file={output.name}", self.program, workload,
                str(count)])
        found = re.search(r"^==\d+== Collected : (\d+)", result.stderr, re.MULTILINE)
        if result.returncode != 0 or found is None:
            last = "\n".join(result.stderr.splitlines()[-20:])
            raise RuntimeError(f"{workload} {count} ended with status {result.returncode}\n{last}")
        return int(found.group(1))

    def measure(self, workload):
        """The instructions of one time."""
        few, many = COUNTS.get(workload, USUAL_COUNTS)
        return round((self.total(workload, many) - self.total(workload, few)) / (many - few), 1)


def budget_for(name, found):
    """What was measured and the margin, rounded up to three digits."""
    wanted = found * (MARGIN_OF_BYTES if name in WORKLOADS_OF_BYTES else MARGIN)
    step = 10 ** max(len(str(int(wanted))) - 3, 0)
    return math.ceil(wanted / step) * step


def table(names, found, budgets):
    width = max(map(len, names))
    lines = [f"  {'workload':<{width}}  {'instructions':>12}  {'budget':>9}  {'of it':>7}"]
    for name in names:
        line = f"  {name:<{width}}  {found[name]:>12,.1f}"
        budget = budgets.get(name)
        if budget is None:
            line += "  NO BUDGET"
        else:
            line += f"  {budget:>9,}  {100 * found[name] / budget:>5.1f} %"
            line += "  OVER BUDGET" if found[name] > budget else ""
        lines.append(line)
    return "\n".join(lines)


def complaints(names, known, found, budgets, is_complete):
    for name in names:
        if name not in budgets:
            yield f"{name} has no budget"
        elif found[name] > budgets[name]:
            yield f"{name} takes {found[name]:,} instructions, {budgets[name]:,} are allowed"
    if is_complete:
        for name in budgets:
            if name not in known:
                yield f"the budget of {name} has no workload"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the program InstructionCounts, built for release")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="count these only")
    parser.add_argument("--update", action="store_true", help="make budgets of what is measured; nothing is judged")
    # Names may stand behind an option.
    options = parser.parse_intermixed_args()
    if not os.access(options.binary, os.X_OK):
        fail(f"{options.binary} is no program")
    with open(BUDGETS, encoding="utf-8") as file:
        budgets = json.load(file)

    with tempfile.TemporaryDirectory(prefix="count-instructions-") as home:
        counter = Counter(os.path.abspath(options.binary), home)
        known = counter.workloads()
        if unknown := [name for name in options.workloads if name not in known]:
            fail(f"there is no workload {', '.join(unknown)}; there are {', '.join(known)}")
        names = [name for name in known if name in options.workloads] if options.workloads else known
        try:
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as executor:
                found = dict(zip(names, executor.map(counter.measure, names)))
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            fail(error)

    if options.update:
        new = {name: budget_for(name, found[name]) if name in found else budgets.get(name) for name in known}
        budgets = {name: budget for name, budget in new.items() if budget is not None}
        with open(BUDGETS, "w", encoding="utf-8") as file:
            file.write(json.dumps(budgets, indent=2) + "\n")
    wrong = list(complaints(names, known, found, budgets, not options.workloads))
    print(table(names, found, budgets), file=sys.stderr)
    shown = {name: {"instructions": found[name], "budget": budgets.get(name)} for name in names}
    print(json.dumps({"ok": not wrong, "workloads": shown}), flush=True)
    if wrong:
        fail("; ".join(wrong))


main()
