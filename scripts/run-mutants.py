#!/usr/bin/env python3
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

"""Breaks one promise of the concurrency guide after another, and demands that the test which names it goes red.

A mutant is a file Tests/Mutants/NAME.patch: lines "Promise: …" and "Test: REGEX", then a patch that breaks the promise. Each is
applied to the sources in place, the tests that the expression names are built and run, and the patch is taken back, whatever
happens. A mutant under which the tests stay green has survived, and that is a failure: the test cannot fail. So is one that
does not apply or does not compile.

Before the first mutant the named tests run without any, and must be green.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = ROOT / "Tests" / "Mutants"


class Stopped(Exception):
    pass


class Mutant:
    def __init__(self, path: Path):
        self.name = path.stem
        self.path = path
        text = path.read_text()
        self.promise = self.field(text, "Promise")
        self.test = self.field(text, "Test")
        self.files = re.findall(r"^\+\+\+ b/(.+)$", text, re.MULTILINE)
        if not self.files:
            raise SystemExit(f"run-mutants: error: {path} holds no patch")

    def field(self, text: str, name: str) -> str:
        found = re.search(rf"^{name}: (.+)$", text, re.MULTILINE)
        if not found:
            raise SystemExit(f"run-mutants: error: {self.path} has no line '{name}: …'")
        return found.group(1).strip()

    def apply(self, *arguments: str) -> subprocess.CompletedProcess:
        command = ["git", "apply", *arguments, str(self.path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def run(command: list[str], timeout: float) -> tuple[int | None, str]:
    """The status and the output; a command that takes too long is killed with its children, and has no status."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
        return process.returncode, output
    except BaseException as error:
        kill_session(process.pid)
        output, _ = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            return None, output
        raise


def kill_session(session: int) -> None:
    """Kills every process of a session: the package manager gives the tests a process group of their own."""
    os.killpg(session, signal.SIGKILL)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which is in parentheses and may hold anything: state, parent, group, session.
            if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                os.kill(int(stat.parent.name), signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            continue


def tail(output: str, lines: int = 15) -> str:
    return "\n".join("    " + line for line in output.splitlines()[-lines:])


class Runner:
    def __init__(self, options: argparse.Namespace):
        self.swift = os.environ.get("SWIFT", "swift")
        self.flags = ["--scratch-path", options.scratch, *(flag for flag in options.flags if flag != "--")]
        self.timeout = options.timeout

    def build(self) -> tuple[int | None, str]:
        return run([self.swift, "build", "--build-tests", *self.flags], 1800)

    def test(self, expression: str) -> tuple[int | None, str]:
        command = [self.swift, "test", "--skip-build", "--disable-xctest", *self.flags, "--filter", expression]
        return run(command, self.timeout)

    def baseline(self, mutants: list[Mutant]) -> None:
        status, output = self.build()
        if status != 0:
            raise SystemExit(f"run-mutants: error: the sources do not build\n{tail(output)}")
        for expression in sorted({mutant.test for mutant in mutants}):
            status, output = self.test(expression)
            if status != 0:
                raise SystemExit(f"run-mutants: error: {expression} fails without any mutant\n{tail(output)}")
            if not re.search(r"Test run with [1-9]\d* tests?", output):
                raise SystemExit(f"run-mutants: error: no test is named {expression}")

    def verdict(self, mutant: Mutant) -> tuple[bool, str]:
        status, output = self.build()
        if status != 0:
            return False, f"does not compile\n{tail(output)}"
        status, output = self.test(mutant.test)
        if status is None:
            return True, f"red (the tests hung for {self.timeout:.0f} s)"
        if status == 0:
            return False, "SURVIVED: the tests stay green"
        if failed := re.findall(r'^. Test "?(\w+)\(.*failed after', output, re.MULTILINE):
            return True, f"red ({', '.join(sorted(set(failed)))})"
        return True, f"red (status {status})"


def chosen(options: argparse.Namespace) -> list[Mutant]:
    mutants = [Mutant(path) for path in sorted(MUTANTS.glob("*.patch"))]
    if options.only:
        known = {mutant.name for mutant in mutants}
        for name in options.only:
            if name not in known:
                raise SystemExit(f"run-mutants: error: there is no mutant {name}; see --list")
        mutants = [mutant for mutant in mutants if mutant.name in options.only]
    if options.rotate is not None and mutants:
        count = min(options.rotate, len(mutants))
        start = options.turn * count % len(mutants)
        mutants = [mutants[(start + index) % len(mutants)] for index in range(count)]
    return mutants


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the mutants and do nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="just this mutant; can be repeated")
    parser.add_argument("--rotate", type=int, metavar="N", help="just N of them, others every day")
    parser.add_argument("--turn", type=int, default=int(time.time() // 86400), help="whose turn it is with --rotate")
    parser.add_argument("--scratch", default=".build", help="where to build")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for the tests of one mutant")
    parser.add_argument("flags", nargs=argparse.REMAINDER, help="flags for swift build and swift test, after --")
    options = parser.parse_args()
    mutants = chosen(options)
    if options.list:
        for mutant in mutants:
            print(f"{mutant.name}: {mutant.promise} ({mutant.test})")
        return 0
    for mutant in mutants:
        if mutant.apply("--check").returncode != 0:
            raise SystemExit(f"run-mutants: error: {mutant.name} does not apply to the sources; bring it up to date")

    def stop(*_: object) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    runner = Runner(options)
    bad = []
    applied = None
    try:
        runner.baseline(mutants)
        for number, mutant in enumerate(mutants, 1):
            began = time.monotonic()
            originals = {file: (ROOT / file).read_bytes() for file in mutant.files}
            applied = originals
            if (result := mutant.apply()).returncode != 0:
                raise SystemExit(f"run-mutants: error: {mutant.name} does not apply\n{result.stderr}")
            is_killed, verdict = runner.verdict(mutant)
            restore(originals)
            applied = None
            print(f"[{number}/{len(mutants)}] {mutant.name}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
            if not is_killed:
                bad.append(mutant.name)
    except Stopped:
        print("run-mutants: stopped; the sources are as they were", file=sys.stderr)
        return 130
    finally:
        if applied:
            restore(applied)
    if bad:
        print(f"run-mutants: error: {len(bad)} of {len(mutants)} failed: {', '.join(bad)}", file=sys.stderr)
        return 1
    print(f"run-mutants: every one of {len(mutants)} mutants went red")
    return 0


def restore(originals: dict[str, bytes]) -> None:
    for file, content in originals.items():
        (ROOT / file).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
