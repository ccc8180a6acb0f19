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
"""Plays what must not go wrong between two nodes with real processes of `glueberry peer`.

    play-rows.py [--left COMMAND] [--right COMMAND] [--row NAME]… [--thorough] [--list]

The left command is the one that is judged; the right one is what it meets. Both run a node with the options and lines of
`glueberry peer`, ours or another implementation's; by default both are .build/debug/glueberry peer. Each row prints one
JSON line with what was counted and whether it passed; the exit status is 0 if none failed. What needs a program that is
not there is skipped and says so. Nothing waits for a fixed time except where a row is about one; every wait has a limit;
whatever was started is killed in the end.
"""

import argparse
import atexit
import collections
import json
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 60.0
# From the end of the TCP connection to the event.
NOTICE = 1.0
# A probe goes out after ten seconds of silence and is waited for five.
KEEP_ALIVE = 15.0
SLACK = 3.0
# How long each piece takes one way where both sides are to do something before they hear of each other.
CROSSING = 0.025
# What a node may grow by when it refuses a message: windows and buffers of the connection, far less than the message.
REFUSAL_KB = 7000

running = []
options = None


class Failure(Exception):
    """What went wrong, and what had been counted by then."""

    def __init__(self, text, **counts):
        super().__init__(text)
        self.counts = counts


class Skipped(Exception):
    pass


def require(condition, text, **counts):
    if not condition:
        raise Failure(text, **counts)


class Node:
    """A process that runs a node: its lines with the moment at which each came."""

    def __init__(self, command, *arguments):
        self.name = ("left" if command is options.left else "right") + " " + " ".join(arguments[:2])
        self.child = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        running.append(self)
        self.lines, self.errors = [], []
        self.ended = False
        self.changed = threading.Condition()
        self.readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    def _read_lines(self):
        for text in self.child.stdout:
            now = time.monotonic()
            try:
                line = json.loads(text)
            except ValueError:
                line = {"event": "no JSON", "text": text.decode("utf-8", "replace")}
            line["at"] = now
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_errors(self):
        for text in self.child.stderr:
            self.errors.append(text.decode("utf-8", "replace").rstrip("\n"))

    def find(self, event, since=0, count=1, **fields):
        """The lines of an event whose fields have these values, from a line on; at most `count`."""
        found = []
        for line in self.lines[since:]:
            if line.get("event") == event and all(line.get(key) == value for key, value in fields.items()):
                found.append(line)
                if len(found) == count:
                    break
        return found

    def count(self, event, since=0, **fields):
        return len(self.find(event, since, count=sys.maxsize, **fields))

    def wait(self, event, limit=LIMIT, since=0, count=1, **fields):
        """Waits for so many lines of an event; returns the last of them."""
        end = time.monotonic() + limit
        with self.changed:
            seen, found, last = since, 0, None
            while True:
                for line in self.lines[seen:]:
                    seen += 1
                    if line.get("event") == event and all(line.get(key) == value for key, value in fields.items()):
                        found += 1
                        last = line
                        if found == count:
                            return last
                rest = end - time.monotonic()
                what = f"{count} × {event} {fields or ''}".replace("1 × ", "", 1)
                require(not self.ended, f"{self} ended before {what}: {self.tail()}")
                require(rest > 0, f"no {what} from {self} within {limit:.0f} s, {found} came: {self.tail()}")
                self.changed.wait(rest)

    def state(self, state, limit=LIMIT, since=0, count=1, **fields):
        return self.wait("state", limit, since, count, state=state, **fields)

    def mark(self):
        """Where the lines end now."""
        return len(self.lines)

    def type(self, *lines):
        self.child.stdin.write("".join(line + "\n" for line in lines).encode())
        self.child.stdin.flush()

    def signal(self, number):
        # The whole group, in case that the command is a script which runs the node.
        if self.child.poll() is None:
            os.killpg(self.child.pid, number)

    def kill(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.child.wait()
        for reader in self.readers:
            reader.join(5)
        # Closing what a thread still reads would wait for it.
        if not any(reader.is_alive() for reader in self.readers):
            for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
                try:
                    stream.close()
                except OSError:
                    pass

    def finish(self, limit=15.0):
        """Ends the node in order; returns its final line and how long it took, in seconds."""
        begin = time.monotonic()
        self.signal(signal.SIGTERM)
        try:
            status = self.child.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self} does not end within {limit:.0f} s: {self.tail()}") from None
        seconds = time.monotonic() - begin
        for reader in self.readers:
            reader.join(5)
        require(status == 0, f"{self} ended with status {status}: {self.tail()}")
        final, stopped = self.find("final"), self.find("stopped")
        require(final and stopped, f"{self} ended without its last lines: {self.tail()}")
        return final[0], seconds

    def tail(self):
        shown = [{key: value for key, value in line.items() if key != "at"} for line in self.lines[-4:]]
        return f"lines {json.dumps(shown)}, errors {self.errors[-3:]}"

    def __str__(self):
        return f"'{self.name}'"


def node(command, *arguments):
    """A node, its peer ID and its address."""
    process = Node(command, *arguments)
    first = process.wait("listening")
    return process, first["peer_id"], first["addrs"][0] if first["addrs"] else None


def pair(left, right, left_dials, way=lambda address: address):
    """Two nodes that are established, of which one dialled, by the address that `way` makes of the other's."""
    if left_dials:
        other, other_id, address = node(options.right, *right)
        tested, tested_id, _ = node(options.left, *left, "--connect", way(address))
    else:
        tested, tested_id, address = node(options.left, *left)
        other, other_id, _ = node(options.right, *right, "--connect", way(address))
    tested.wait("established", peer=other_id)
    other.wait("established", peer=tested_id)
    return tested, other, tested_id, other_id


def both_directions(play):
    """Plays with the left node as the one that dials and as the one that listens."""
    return {"dialling": play(True), "listening": play(False)}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def make_key(command, path):
    """A key file; returns its peer ID."""
    maker = Node(command, "--key", path, "--mode", "idle")
    peer = maker.wait("listening")["peer_id"]
    maker.finish()
    return peer


class Distance:
    """Relays connections slowly, one piece after another each way: what both sides do at once crosses on the way."""

    def __init__(self, delay):
        self.delay = delay
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets = [self.listener]

    def __call__(self, address):
        """The address by which to dial the one that listens at `address`."""
        parts = address.split("/")
        target = (parts[2], int(parts[4]))
        threading.Thread(target=self._accept, args=(target,), daemon=True).start()
        parts[2], parts[4] = "127.0.0.1", str(self.listener.getsockname()[1])
        return "/".join(parts)

    def _accept(self, target):
        try:
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(target)
                self.sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    # Pieces stay apart, also those that come while another is under way.
                    pieces = queue.SimpleQueue()
                    threading.Thread(target=self._take, args=(source, pieces), daemon=True).start()
                    threading.Thread(target=self._give, args=(pieces, sink), daemon=True).start()
        except OSError:
            pass

    def _take(self, source, pieces):
        try:
            while piece := source.recv(65536):
                pieces.put(piece)
        except OSError:
            pass
        pieces.put(b"")

    def _give(self, pieces, sink):
        try:
            while piece := pieces.get():
                time.sleep(self.delay)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        for each in self.sockets:
            each.close()


def at(port):
    return ["--listen", f"/ip4/127.0.0.1/tcp/{port}"]


def address_of(port, peer):
    return f"/ip4/127.0.0.1/tcp/{port}/p2p/{peer}"


def texts(receiver, peer):
    return [line.get("text") for line in receiver.find("message", count=sys.maxsize, peer=peer)]


def exchange(tested, other, tested_id, other_id, prefix, count=3):
    """Both say something at once; returns how many of each side's arrived, in order and once."""
    mine = [f"{prefix} left {number}" for number in range(count)]
    theirs = [f"{prefix} right {number}" for number in range(count)]
    tested.type(*mine)
    other.type(*theirs)
    result = []
    for receiver, sender_id, sent in ((other, tested_id, mine), (tested, other_id, theirs)):
        try:
            receiver.wait("message", 20.0, peer=sender_id, text=sent[-1])
        except Failure:
            pass
        came = [text for text in texts(receiver, sender_id) if text in sent]
        result.append(came == sent)
    return result


def echo_works(tested, other_id, text, limit=LIMIT):
    """The left node sends a text and gets it back."""
    before = tested.mark()
    tested.type(text)
    tested.wait("message", limit, since=before, peer=other_id, text=text)


def milliseconds(seconds):
    return round(seconds * 1000, 1)


# A session ends


def row_killed():
    """The other process is killed with -9: Disconnected, with a reason, within a second."""

    def play(left_dials):
        tested, other, _, other_id = pair(["--mode", "idle"], ["--mode", "idle"], left_dials)
        before, begin = tested.mark(), time.monotonic()
        other.signal(signal.SIGKILL)
        event = tested.state("Disconnected", 20.0, since=before, peer=other_id)
        notice = event["at"] - begin
        require(notice <= NOTICE, f"noticed after {notice:.1f} s", notice_ms=milliseconds(notice))
        require(event.get("err"), "no reason")
        return {"notice_ms": milliseconds(notice), "err": event["err"][:120]}

    return both_directions(play)


def row_closed():
    """The other process ends in order: Disconnected, with a reason, within a second."""

    def play(left_dials):
        tested, other, _, other_id = pair(["--mode", "idle"], ["--mode", "idle"], left_dials)
        before = tested.mark()
        other.finish()
        end = time.monotonic()
        event = tested.state("Disconnected", 20.0, since=before, peer=other_id)
        notice = max(0.0, event["at"] - end)
        require(notice <= NOTICE, f"noticed after {notice:.1f} s", notice_ms=milliseconds(notice))
        require(event.get("err"), "no reason")
        return {"notice_ms": milliseconds(notice), "err": event["err"][:120]}

    return both_directions(play)


def row_silent():
    """The other process is stopped, so that packets just stop: Disconnected within the keep-alive time."""
    pairs = [pair(["--mode", "idle"], ["--mode", "idle"], left_dials) for left_dials in (True, False)]
    begin = time.monotonic()
    for _, other, _, _ in pairs:
        other.signal(signal.SIGSTOP)
    counts = {}
    for name, (tested, _, _, other_id) in zip(("dialling", "listening"), pairs):
        event = tested.state("Disconnected", KEEP_ALIVE + 20, peer=other_id)
        counts[name] = {"notice_s": round(event["at"] - begin, 2), "err": (event.get("err") or "")[:120]}
    for name, count in counts.items():
        require(count["notice_s"] <= KEEP_ALIVE + SLACK, f"{name}: noticed after {count['notice_s']} s", **counts)
    return counts


# A session comes back


def row_late_listener(home):
    """The first dial fails, the listener starts later: Established after the delay, and messages flow."""
    peer, port = make_key(options.right, f"{home}/key"), free_port()
    tested, _, _ = node(
        options.left, "--mode", "chat", "--connect", address_of(port, peer), "--reconnect-base", "500ms",
        "--reconnect-max", "20")
    first = tested.state("Connecting", peer=peer)
    tested.state("Reconnecting", peer=peer)
    second = tested.state("Connecting", count=2, peer=peer)
    delay = second["at"] - first["at"]
    other, _, _ = node(options.right, "--mode", "echo", "--key", f"{home}/key", *at(port))
    begin = time.monotonic()
    tested.wait("established", 30.0, peer=peer)
    echo_works(tested, peer, "after the wait")
    counts = {"first_delay_ms": milliseconds(delay), "established_after_ms": milliseconds(time.monotonic() - begin)}
    require(0.2 <= delay <= 1.5, f"the first try came after {delay:.2f} s, the base delay is 0.5 s", **counts)
    other.kill()
    return counts


def row_loss(home):
    """The other process is killed and started again with the same key and port: Established again, messages flow."""
    counts = {"losses": 0, "established": 0, "echoed": 0}
    key, port = f"{home}/key", free_port()
    peer = make_key(options.right, key)
    arguments = ["--mode", "echo", "--key", key]
    other, _, address = node(options.right, *arguments, *at(port))
    tested, _, left_address = node(
        options.left, "--mode", "chat", "--connect", address, "--reconnect-base", "200ms",
        "--reconnect-max", "20")
    tested.wait("established", peer=peer)
    for number in range(3):
        before = tested.mark()
        other.kill()
        counts["losses"] += 1
        tested.state("Disconnected", 20.0, since=before, peer=peer)
        # The last time the other side, which had listened, dials.
        dials = number == 2
        other, _, _ = node(options.right, *arguments, *at(free_port() if dials else port),
                           *(["--connect", left_address] if dials else []))
        tested.wait("established", 30.0, since=before, peer=peer)
        counts["established"] += 1
        echo_works(tested, peer, f"after loss {number}")
        counts["echoed"] += 1
    return counts


def row_sessions():
    """Twenty sessions in quick succession: the end of an old one never harms the new one."""
    other, other_id, address = node(options.right, "--mode", "echo", "--quiet")
    tested, _, _ = node(options.left, "--mode", "chat", "--connect", address)
    tested.wait("established", peer=other_id)
    echoed = 0
    for number in range(20):
        before = tested.mark()
        tested.type(f"/reconnect {other_id}")
        tested.state("Disconnected", since=before, peer=other_id)
        tested.wait("established", since=before, peer=other_id)
        echo_works(tested, other_id, f"session {number}")
        echoed += 1
    return {"sessions": echoed}


# Messages


def check_digests(received, sent, count):
    """Compares what was received with what was sent, as closely as both sides tell."""
    got = [line["sha256"] for line in received.find("message", count=sys.maxsize) if "sha256" in line]
    gave = [line["sha256"] for line in sent.find("sent", count=sys.maxsize) if "sha256" in line]
    counts = {"received": received.count("message"), "digests_compared": 0}
    if got and gave:
        lost = sum((collections.Counter(gave) - collections.Counter(got)).values())
        doubled = sum((collections.Counter(got) - collections.Counter(gave)).values())
        counts.update(digests_compared=len(gave), lost=lost, doubled_or_altered=doubled, in_order=got == gave)
        require(not lost and not doubled and got == gave, "not the same messages in the same order", **counts)
    require(counts["received"] == count, f"{counts['received']} of {count} messages arrived", **counts)
    return counts


def row_pause():
    """The receiving application pauses 8 s while 10,000 messages arrive: none lost, the sender held back."""
    count, pause = 10_000, 8.0
    receiver, _, address = node(options.left, "--mode", "pause", "--pause", f"{int(pause)}s", "--hash")
    sender, sender_id, _ = node(
        options.right, "--mode", "bench", "--connect", address, "--count", str(count), "--size", "1000", "--hash",
        "--linger", "120s")
    established = receiver.wait("established", peer=sender_id)["at"]
    # Meanwhile others come, are established and go.
    guests = Node(options.right, "--mode", "hs", "--connect", address, "--count", "5")
    series = guests.wait("hs", 30.0)
    went_on = series["at"] - established
    bench = sender.wait("bench", 120.0)
    try:
        receiver.wait("message", 60.0, count=count)
    except Failure:
        pass
    counts = check_digests(receiver, sender, count)
    first = receiver.find("message")[0]["at"] - established
    final, _ = receiver.finish()
    counts.update(sent=bench["sent"], send_errors=bench["errors"], sending_s=round(bench["at"] - established, 2),
                  first_read_s=round(first, 2), others_established=series["ok"], others_s=round(went_on, 2), dropped=final["dropped"], hwm_kb=final["hwm_kb"])
    require(bench["sent"] == count and bench["errors"] == 0, "not everything was sent", **counts)
    require(final["msgs"] == count and final["dropped"] == 0, "the final line differs", **counts)
    require(first >= pause - 0.5, "it did not pause", **counts)
    require(series["ok"] == 5 and went_on < pause, "other peers did not go on", **counts)
    if options.same:
        require(bench["at"] - established >= pause - 1, "the sender was not held back", **counts)
    return counts


def row_flood():
    """400,000 messages of 64 bytes, the receiver keeping up: none lost."""
    count = 400_000
    receiver, _, address = node(options.left, "--mode", "sink", "--quiet", "--hash")
    sender, _, _ = node(
        options.right, "--mode", "bench", "--connect", address, "--count", str(count), "--size", "64", "--quiet",
        "--hash", "--linger", "120s")
    bench = sender.wait("bench", 400.0)
    # The receiver says nothing while it counts; what is on its way gets time to arrive.
    time.sleep(5)
    final, _ = receiver.finish()
    counts = {"sent": bench["sent"], "send_errors": bench["errors"], "received": final["msgs"],
              "dropped": final["dropped"], "msgs_per_s": final["msgs_per_s"], "digests_compared": False}
    require(bench["sent"] == count, "not everything was sent", **counts)
    require(final["msgs"] == count and final["dropped"] == 0, f"{count - final['msgs']} messages lost", **counts)
    if "digest_sum" in bench and "digest_sum" in final:
        counts["digests_compared"] = True
        require(bench["digest_sum"] == final["digest_sum"], "not the same messages", **counts)
    return counts


def row_first():
    """Both send first on the same stream name at once, 60 times, 54 of them really: nothing lost, doubled or reordered."""
    trials = 60
    counts = {"trials": trials, "left_whole": 0, "right_whole": 0, "collisions": 0, "observed": 0}
    for trial in range(trials):
        left_dials = trial % 2 == 0
        way = Distance(CROSSING)
        # These send of themselves, one side right after the last word of the handshake, which now and then wins the race.
        if trial % 5 == 4:
            tested, other, _, _ = pair(bench_arguments(50), bench_arguments(50), left_dials, way)
            (left, right), finals = compare_benches(tested, other, 50)
        else:
            tested, other, tested_id, other_id = pair(["--mode", "chat"], ["--mode", "chat"], left_dials, way)
            left, right = exchange(tested, other, tested_id, other_id, f"trial {trial}", 5)
            finals = [process.finish()[0] for process in (tested, other)]
        way.close()
        counts["left_whole"] += left
        counts["right_whole"] += right
        # Each side opened a stream of the name, and both came about.
        opened = [final["streams_opened"].get("a", 0) for final in finals if "streams_opened" in final]
        counts["observed"] += bool(opened)
        counts["collisions"] += any(number >= 2 for number in opened)
    require(counts["left_whole"] == trials, "what left sent did not all arrive once and in order", **counts)
    if options.same:
        require(counts["right_whole"] == trials, "what right sent did not all arrive once and in order", **counts)
        require(counts["observed"] == trials, "a node did not say how many streams it had opened", **counts)
        require(counts["collisions"] >= 0.9 * trials, "too few real collisions", **counts)
    return counts


def bench_arguments(count):
    """A node that sends as soon as it is established, without waiting for this script."""
    return ["--mode", "bench", "--count", str(count), "--size", "64", "--hash", "--quiet", "--linger", "120s"]


def compare_benches(tested, other, count):
    """Two nodes sent so many messages to each other: whether all of each side's arrived, and their final lines."""
    sent = [process.wait("bench") for process in (tested, other)]
    time.sleep(0.5)
    finals = [process.finish()[0] for process in (tested, other)]
    whole = []
    for given, taken in ((sent[0], finals[1]), (sent[1], finals[0])):
        same = given.get("digest_sum") == taken.get("digest_sum") or not options.same
        whole.append(given["sent"] == count == taken["msgs"] and same)
    return whole, finals


def row_collision():
    """Both dial each other at the same moment: one session each, no message lost."""
    trials = 200 if options.thorough else 20
    bench = bench_arguments(50)
    counts = {"trials": trials, "established": 0, "single": 0, "whole": 0, "collisions": 0, "observed": 0}
    with tempfile.TemporaryDirectory(prefix="play-rows-") as home:
        left_id = make_key(options.left, f"{home}/left")
        right_id = make_key(options.right, f"{home}/right")
        for trial in range(trials):
            ports = (free_port(), free_port())
            moment = str(int((time.time() + 1.0) * 1000))
            sends = bench if trial % 3 == 2 else ["--mode", "chat"]
            tested = Node(
                options.left, *sends, "--key", f"{home}/left", *at(ports[0]), "--connect",
                address_of(ports[1], right_id), "--connect-at", moment)
            other = Node(
                options.right, *sends, "--key", f"{home}/right", *at(ports[1]), "--connect",
                address_of(ports[0], left_id), "--connect-at", moment)
            try:
                tested.wait("established", 20.0, peer=right_id)
                other.wait("established", 20.0, peer=left_id)
                counts["established"] += 1
                if sends is bench:
                    for process in (tested, other):
                        process.wait("bench", 20.0)
                else:
                    counts["whole"] += all(exchange(tested, other, left_id, right_id, f"trial {trial}"))
                counts["single"] += all(
                    process.count("established") == 1 and not process.find("state", state="Disconnected")
                    for process in (tested, other))
                if sends is bench:
                    whole, finals = compare_benches(tested, other, 50)
                    counts["whole"] += all(whole)
                else:
                    finals = [process.finish()[0] for process in (tested, other)]
                # Both connections were secured if either side had one of each direction.
                observed = [final for final in finals if "connections_in" in final]
                counts["observed"] += bool(observed)
                counts["collisions"] += any(
                    final["connections_in"] and final["connections_out"] for final in observed)
            except Failure as failure:
                counts["first_failure"] = counts.get("first_failure") or str(failure)[:400]
            for process in (tested, other):
                process.kill()
    require(counts["established"] == trials, "not every trial ended Established on both sides", **counts)
    if options.same:
        require(counts["single"] == trials, "a session did not last", **counts)
        require(counts["whole"] == trials, "messages were lost", **counts)
        require(not counts["observed"] or counts["collisions"] >= 0.9 * trials, "too few real collisions", **counts)
    return counts


def row_oversize():
    """A message over the maximum size arrives: refused, and the session stays."""

    def play(left_dials):
        limit, size = 65536, 10_000_000
        tested, other, tested_id, other_id = pair(
            ["--mode", "chat", "--max-message", str(limit)], ["--mode", "chat"], left_dials)
        resident = tested.find("listening")[0]["rss_kb"]
        other.type(f"/big {size}", "after")
        tested.wait("message", 30.0, peer=other_id, text="after")
        tested.type("back")
        other.wait("message", 30.0, peer=tested_id, text="back")
        require(tested.count("message") == 1, "the message was delivered")
        for process in (tested, other):
            require(not process.find("state", state="Disconnected"), f"{process} lost its session: {process.tail()}")
        final, _ = tested.finish()
        counts = {"delivered": 0, "refused": final.get("malformed"), "grown_kb": final["hwm_kb"] - resident}
        if options.same or counts["refused"] is not None:
            require((counts["refused"] or 0) >= 1, "nothing was counted as refused", **counts)
        require(counts["grown_kb"] <= REFUSAL_KB, "the message was held before it was refused", **counts)
        return counts

    return both_directions(play)


def row_foreign_key(home):
    """A public key that is not the peer ID's: refused."""
    daemon = os.path.join(ROOT, ".tools/bin/p2pd")
    python = os.path.join(ROOT, ".tools/venv/bin/python3")
    program = os.path.join(ROOT, "Tests/InteropTests/Peers/glueberry_peer.py")
    if not os.access(daemon, os.X_OK) or not os.access(python, os.X_OK):
        raise Skipped("needs .tools/bin/p2pd and .tools/venv: make test-peers")
    hostile = [python, program, "--p2pd", daemon, "--hostile", "foreign-key", "--wait", "5"]

    def verdict(tested, liar):
        deed = liar.wait("hostile", 30.0)
        require(deed["outcome"] != "answered", f"the handshake was completed: {deed}")
        require(not tested.find("established"), "the left node is Established")
        state = tested.find("state", count=sys.maxsize)[-1]
        liar.kill()
        return {"outcome": deed["outcome"], "last_state": state["state"]}

    tested, _, address = node(options.left, "--mode", "idle")
    listening = verdict(tested, Node(hostile, "--role", "dial", "--connect", address))
    liar, _, address = node(hostile, "--role", "listen")
    tested, _, _ = node(options.left, "--mode", "idle", "--connect", address)
    return {"listening": listening, "dialling": verdict(tested, liar)}


def row_slow_peer():
    """A peer that reads nothing: the sender's messages to another peer on the same stream name go on."""
    count = 20_000
    slow, slow_id, slow_address = node(options.right, "--mode", "pause", "--pause", "300s")
    fast, fast_id, fast_address = node(options.right, "--mode", "sink", "--quiet", "--hash")
    sender, _, _ = node(
        options.left, "--mode", "bench", "--connect", f"{slow_address},{fast_address}", "--count", str(count),
        "--size", "1000", "--quiet", "--hash", "--linger", "120s")
    begin = sender.wait("established", peer=fast_id)["at"]
    sender.wait("established", peer=slow_id)
    bench = sender.wait("bench", 120.0, peer=fast_id)
    counts = {"fast_sent": bench["sent"], "fast_s": round(bench["at"] - begin, 2),
              "slow_done": sender.count("bench", peer=slow_id)}
    require(bench["sent"] == count, "not everything was sent to the fast peer", **counts)
    require(not counts["slow_done"], "the slow peer took everything", **counts)
    require(not sender.find("state", state="Disconnected"), f"a session was lost: {sender.tail()}", **counts)
    time.sleep(2)
    final, _ = fast.finish()
    counts["fast_received"] = final["msgs"]
    require(final["msgs"] == count, "the fast peer lost messages", **counts)
    if "digest_sum" in bench and "digest_sum" in final:
        require(bench["digest_sum"] == final["digest_sum"], "not the same messages", **counts)
    final, seconds = sender.finish(25.0)
    counts.update(stop_s=round(seconds, 2), hwm_kb=final["hwm_kb"])
    slow.kill()
    return counts


# The end


def row_stop(home):
    """A stop in the midst of traffic ends in time with nothing left, and what is known of peers is on disk."""
    counts = {}
    flood = ["--mode", "bench", "--count", "100000000", "--size", "1000", "--quiet"]
    for name, left, right in (
        ("echo", ["--mode", "echo", "--quiet"], flood),
        ("sink", ["--mode", "sink", "--quiet"], flood),
        ("pause", ["--mode", "pause", "--pause", "300s", "--quiet"], flood),
        ("bench", flood, ["--mode", "sink", "--quiet"]),
    ):
        tested, other, _, _ = pair(left, right, left_dials=name == "bench")
        time.sleep(1)
        _, seconds = tested.finish()
        counts[f"{name}_s"] = round(seconds, 2)
        other.kill()
    require(max(counts.values()) <= 12, "a stop took too long", **counts)
    counts["book"] = book_is_flushed(home)
    return counts


def book_is_flushed(home):
    path = f"{home}/book.json"
    tested, _, _ = node(options.left, "--mode", "chat", "--book", path)
    other, other_id, other_address = node(options.right, "--mode", "echo")
    tested.type(f"/connect {other_address}")
    tested.wait("established", peer=other_id)
    moment = time.time()
    tested.finish()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    require(other_id in text, "the book does not have the peer")
    seen = find_last_seen(json.loads(text), other_id)
    require(seen and not seen.startswith("0001-"), f"the book says last seen {seen!r}")
    require(time.strftime("%Y-%m-%d", time.gmtime(moment)) <= seen[:10], f"the book says last seen {seen!r}")
    return f"last seen {seen}"


def find_last_seen(value, peer):
    """The `last_seen` of a peer's entry, wherever in the file it is."""
    if isinstance(value, dict):
        if peer in (value.get("peer_id"), value.get("id")) and "last_seen" in value:
            return value["last_seen"]
        if isinstance(value.get(peer), dict) and "last_seen" in value[peer]:
            return value[peer]["last_seen"]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for part in value if (found := find_last_seen(part, peer))), None)
    return None


ROWS = {
    name.removeprefix("row_").replace("_", "-"): row
    for name, row in list(globals().items())
    if name.startswith("row_")
}


def kill_all():
    for process in running:
        try:
            process.kill()
        except OSError:
            pass
    running.clear()


def play(name, row):
    begin = time.monotonic()
    line = {"row": name, "pass": False}
    with tempfile.TemporaryDirectory(prefix="play-rows-") as home:
        try:
            line.update(row(home) if row.__code__.co_argcount else row())
            line["pass"] = True
        except Skipped as skipped:
            line = {"row": name, "pass": None, "skipped": str(skipped)}
        except Failure as failure:
            line.update(failure.counts)
            line["err"] = str(failure)
        except Exception as error:  # noqa: BLE001 - a broken row is a failed one
            line["err"] = repr(error)
        finally:
            kill_all()
    line["seconds"] = round(time.monotonic() - begin, 1)
    print(json.dumps(line), flush=True)
    return line["pass"] is not False


def main():
    global options
    default = os.path.join(ROOT, ".build/debug/glueberry") + " peer"
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--left", default=default, help="the command that is judged")
    parser.add_argument("--right", help="the command that it meets (default: the same)")
    parser.add_argument("--row", action="append", choices=ROWS, help="play only this row; may be given several times")
    parser.add_argument("--thorough", action="store_true", help="200 collisions in the place of 20")
    parser.add_argument("--list", action="store_true", help="list the rows")
    options = parser.parse_args()
    if options.list:
        for name, row in ROWS.items():
            print(f"{name}: {row.__doc__}")
        return 0
    options.left = shlex.split(options.left)
    options.right = shlex.split(options.right) if options.right else list(options.left)
    options.same = options.left == options.right
    passed = [play(name, ROWS[name]) for name in options.row or ROWS]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    atexit.register(kill_all)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    sys.exit(main())
