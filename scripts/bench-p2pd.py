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
"""Measures raw streams between two go-libp2p daemons, and messages between two nodes of ours in the same run.

usage: bench-p2pd.py P2PD GLUEBERRY [--quick]

  P2PD       the daemon, which scripts/install-test-peers.sh installs
  GLUEBERRY  a release build of the command

A table goes to standard error, one line of JSON to standard output. A daemon is driven through Unix sockets: what is written
to one end of a stream comes out at the other end. CPU is that of both daemons, or of both nodes; what this script itself takes
to write and read is not counted, but it runs on the same cores. A raw stream knows no messages: a size is that of the writes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "InteropTests", "Peers"))

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from p2pd_control import Daemon

SINK, ECHO = "/glueberry/bench/sink", "/glueberry/bench/echo"
SECURITY = {"noise": ("-tls=false",), "tls": ("-noise=false",)}
TICKS = os.sysconf("SC_CLK_TCK")
SIZES = [64, 1024, 64 * 1024, 900 * 1024]


def daemon(executable, home, number, arguments):
    directory = os.path.join(home, str(number))
    os.mkdir(directory)
    key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    started = Daemon(executable, directory, bytes([number]) * 32, public, arguments=arguments)
    started.start()
    return started


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as file:
        columns = file.read().rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / TICKS


class Sink:
    """Reads streams to their end, and knows when the bytes of the present one came."""

    def __init__(self):
        self.buffer = bytearray(1 << 20)
        self.expected, self.first, self.last = 0, None, None
        self.complete = threading.Event()

    def expect(self, count):
        self.expected, self.first = count, None
        self.complete.clear()

    def handle(self, stream):
        left = self.expected
        while left > 0:
            count = stream.connection.recv_into(self.buffer)
            if count == 0:
                return
            if self.first is None:
                self.first = time.perf_counter()
            left -= count
        self.last = time.perf_counter()
        self.complete.set()


def flood(sender, receiver, sink, size, total):
    count = max(total // size, 1)
    sink.expect(count * size)
    stream = sender.open_stream(receiver.peer, SINK)
    payload = bytes(size)
    before = cpu_seconds(sender.process) + cpu_seconds(receiver.process)
    for _ in range(count):
        stream.connection.sendall(payload)
    if not sink.complete.wait(60):
        sys.exit(f"bench-p2pd: error: bytes of a stream of writes of {size} bytes were lost")
    cpu = cpu_seconds(sender.process) + cpu_seconds(receiver.process) - before
    stream.connection.close()
    return {
        "size": size, "MB_per_s": count * size / (sink.last - sink.first) / 1e6,
        "cpu_ns_per_byte": cpu * 1e9 / (count * size),
    }


def echo(stream):
    while data := stream.connection.recv(65536):
        stream.connection.sendall(data)


def round_trips(sender, receiver, size, count):
    stream = sender.open_stream(receiver.peer, ECHO)
    stream.connection.settimeout(10)
    payload, samples = bytes(size), []
    for number in range(count + count // 10):
        begin = time.perf_counter_ns()
        stream.connection.sendall(payload)
        left = size
        while left > 0:
            part = stream.connection.recv(left)
            if not part:
                sys.exit("bench-p2pd: error: the daemon ended a stream")
            left -= len(part)
        if number >= count // 10:
            samples.append(time.perf_counter_ns() - begin)
    stream.connection.close()
    samples.sort()
    return {"size": size, "p50_us": samples[len(samples) // 2] / 1e3, "p99_us": samples[len(samples) * 99 // 100] / 1e3}


def go(executable, security, total, trips):
    with tempfile.TemporaryDirectory() as home:
        daemons = []
        try:
            for number in (1, 2):
                daemons.append(daemon(executable, home, number, SECURITY[security]))
            sender, receiver = daemons
            sink = Sink()
            receiver.handle(SINK, sink.handle)
            receiver.handle(ECHO, echo)
            sender.connect(receiver.peer, receiver.addresses)
            flood(sender, receiver, sink, 65536, total // 10)
            # Small writes cost this script more than the daemons; fewer of them do.
            rows = [flood(sender, receiver, sink, size, min(total, size * 1_000_000)) for size in SIZES]
            return rows, [round_trips(sender, receiver, size, trips) for size in (64, 1024)]
        finally:
            for started in daemons:
                started.stop()


def ours(executable, section, quick):
    arguments = [executable, "bench", "--only", section] + (["--quick"] if quick else [])
    finished = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    try:
        result = json.loads(finished.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        sys.exit(f"bench-p2pd: error: '{' '.join(arguments)}' ended with {finished.returncode} and no result")
    return result[section]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("p2pd")
    parser.add_argument("glueberry")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    for path in (options.p2pd, options.glueberry):
        if not os.access(path, os.X_OK):
            sys.exit(f"bench-p2pd: error: {path} is no program; build for release and run scripts/install-test-peers.sh")
    total = (400 if options.quick else 2000) * 1_000_000

    one_way, trips = [], []
    for security in SECURITY:
        rows, samples = go(options.p2pd, security, total, 2000 if options.quick else 20_000)
        one_way += [{"what": f"p2pd, {security}", **row} for row in rows]
        trips += [{"what": f"p2pd, {security}", **row} for row in samples]
    for row in ours(options.glueberry, "oneway", options.quick):
        one_way.append({
            "what": f"ours, version {row['version']}", "size": row["size"], "MB_per_s": row["MB_per_s"],
            "cpu_ns_per_byte": row["cpu_us"] * 1e3 / row["size"],
        })
    for row in ours(options.glueberry, "pingpong", options.quick):
        trips.append({"what": "ours, version 2", "size": row["size"], "p50_us": row["p50_us"], "p99_us": row["p99_us"]})

    go_rate = {row["size"]: row["MB_per_s"] for row in one_way if row["what"] == "p2pd, noise"}
    print("One way                 bytes      MB/s  CPU ns/byte  x p2pd with Noise", file=sys.stderr)
    for row in sorted(one_way, key=lambda row: (row["size"], row["what"])):
        row["ratio"] = row["MB_per_s"] / go_rate[row["size"]]
        print(f"{row['what']:<20}{row['size']:>9}{row['MB_per_s']:>10.1f}{row['cpu_ns_per_byte']:>13.3f}{row['ratio']:>19.2f}",
              file=sys.stderr)
    print("\nRound trips             bytes    p50 µs    p99 µs", file=sys.stderr)
    for row in sorted(trips, key=lambda row: (row["size"], row["what"])):
        print(f"{row['what']:<20}{row['size']:>9}{row['p50_us']:>10.1f}{row['p99_us']:>10.1f}", file=sys.stderr)
    for rows in (one_way, trips):
        for row in rows:
            row.update({key: round(value, 3) for key, value in row.items() if isinstance(value, float)})
    print(json.dumps({"ok": True, "oneway": one_way, "pingpong": trips}))


if __name__ == "__main__":
    main()
