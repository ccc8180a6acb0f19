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
"""Checks the command `glueberry` with real processes; see check-command.sh.

A check is a function whose name begins with `check_`; it fails by raising. Each gets a directory of its own, and whatever
it started is killed when it ends. Nothing waits for a fixed time: everything waits for a line or an end, with a limit.
"""

import hashlib
import json
import os
import queue
import random
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 60.0
MEMORY_LIMIT_KB = 150_000
STRANGER = "12D3KooWGC6RxDLAwb9YTTPLMVPCzuCT5r4hrsWRSj3D5W2qJkuq"

binary = ""
running = []


class Failure(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failure(what)


class Process:
    """A running command: its lines of output as they come, its errors, and at the end its status and peak memory."""

    def __init__(self, *arguments, stdin=None):
        self.arguments = arguments
        self.child = subprocess.Popen(
            [binary, *arguments],
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.lines = queue.Queue()
        self.output = []
        self.errors = []
        self.status = None
        self.peak_kb = 0
        self.readers = [
            threading.Thread(target=self._read, args=(self.child.stdout, self.output, self.lines), daemon=True),
            threading.Thread(target=self._read, args=(self.child.stderr, self.errors, None), daemon=True),
        ]
        for reader in self.readers:
            reader.start()
        threading.Thread(target=self._sample, daemon=True).start()
        running.append(self)

    @staticmethod
    def _read(stream, kept, lines):
        for line in stream:
            text = line.decode("utf-8", "replace").rstrip("\n")
            kept.append(text)
            if lines is not None:
                lines.put(text)
        if lines is not None:
            lines.put(None)

    def _sample(self):
        while self.status is None:
            self.peak_kb = max(self.peak_kb, peak_kb(self))
            time.sleep(0.01)

    def line(self, wanted, what, limit=LIMIT):
        """The next line of output that `wanted` says yes to."""
        end = time.monotonic() + limit
        while True:
            try:
                text = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise Failure(f"no {what} from {self}: {self.tail()}") from None
            if text is None:
                raise Failure(f"{self} ended before {what}: {self.tail()}")
            if wanted(text):
                return text

    def event(self, name, limit=LIMIT, **fields):
        """The next JSON line of an event whose fields have these values."""

        def wanted(text):
            value = json.loads(text)
            return value["event"] == name and all(value.get(key) == field for key, field in fields.items())

        return json.loads(self.line(wanted, f"{name} {fields}", limit))

    def error_line(self, part, limit=LIMIT):
        """Waits for a line of standard error that contains a text."""
        end = time.monotonic() + limit
        while not any(part in line for line in list(self.errors)):
            require(time.monotonic() < end and self.status is None, f"no '{part}' from {self}: {self.tail()}")
            time.sleep(0.01)

    def type(self, text):
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()

    def signal(self, number):
        os.kill(self.child.pid, number)

    def end(self, limit=LIMIT):
        """Waits for the end; returns the status."""
        end = time.monotonic() + limit
        while self.status is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.child.returncode = self.status
                # On Linux the peak in `usage` is at least that of this script, which the child begins as a copy of;
                # there it is sampled.
                if sys.platform == "darwin":
                    self.peak_kb = usage.ru_maxrss // 1024
            else:
                require(time.monotonic() < end, f"{self} does not end: {self.tail()}")
                time.sleep(0.005)
        for reader in self.readers:
            reader.join(5)
        return self.status

    def kill(self):
        if self.status is None:
            # Not Popen.kill, which takes the status away. Until it is taken the number is this process's.
            os.kill(self.child.pid, signal.SIGKILL)
            self.end()
        self.child.stdin and self.child.stdin.close()

    def tail(self):
        return f"output {self.output[-3:]}, errors {self.errors[-3:]}"

    def __str__(self):
        return "'" + " ".join(self.arguments[:3]) + " …'"


def run(*arguments, stdin=subprocess.DEVNULL, limit=LIMIT):
    process = Process(*arguments, stdin=stdin)
    process.end(limit)
    return process


def must_fail(*arguments, says, limit=LIMIT, noise=0):
    """The command fails with exactly one line on standard error that contains a text, and prints nothing."""
    process = run(*arguments, limit=limit)
    check_failure(process, says, noise)
    require(not process.output, f"{process} printed {process.output}")
    return process


def check_failure(process, says, noise=0):
    require(process.status not in (0, None), f"{process} succeeded")
    require(process.status > 0, f"{process} died of signal {-process.status}: {process.errors[-5:]}")
    lines = process.errors[noise:]
    require(len(lines) == 1, f"{process} wrote {len(lines)} lines: {process.errors[:6]}")
    require(lines[0].startswith("glueberry: "), f"{process}: {lines[0]}")
    require(says in lines[0], f"{process} does not say '{says}': {lines[0]}")
    for word in ("Fatal error", "GlueberryError", "HostError", "Optional(", "NIO"):
        require(word not in lines[0], f"{process} is not for people: {lines[0]}")


def peer(*arguments, **options):
    """A node for scripts, its peer ID and its address."""
    process = Process("peer", *arguments, **options)
    first = process.event("listening")
    return process, first["peer_id"], first["addrs"][0] if first["addrs"] else None


def receiver(directory, *arguments):
    process = Process("receive", directory, "--listen", "/ip4/127.0.0.1/tcp/0", "--quiet", *arguments)
    invitation = process.line(lambda line: line.startswith("glueberry send"), "invitation")
    return process, invitation.split()[-1]


def as_name(name):
    return ["--as", name] if not name.startswith("-") else ["--as=" + name]


def make_file(path, length, seed=1):
    content = random.Random(seed).randbytes(length)
    with open(path, "wb") as file:
        file.write(content)
    return content


def read(path):
    with open(path, "rb") as file:
        return file.read()


def taken_port():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, listener.getsockname()[1]


def free_port():
    listener, port = taken_port()
    listener.close()
    return port


def peak_kb(process):
    """The greatest resident size so far of a process that runs; 0 where the system does not tell."""
    try:
        # Until it runs the command, a new process is a copy of this script, and as large.
        if os.readlink(f"/proc/{process.child.pid}/exe") != os.path.realpath(binary):
            return 0
        with open(f"/proc/{process.child.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition, what, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        require(time.monotonic() < end, what)
        time.sleep(0.02)


# Keys


def check_keygen_makes_a_key_file_and_id_reads_it(home):
    made = run("keygen", f"{home}/key")
    require(made.status == 0 and len(made.output) == 1, made.tail())
    status = os.stat(f"{home}/key")
    require(stat.S_IMODE(status.st_mode) == 0o600 and status.st_size == 64, "mode or size")
    shown = run("id", "--key", f"{home}/key")
    require(shown.status == 0 and shown.output == made.output, shown.tail())


def check_keygen_leaves_an_existing_file_alone(home):
    make_file(f"{home}/key", 10)
    before = read(f"{home}/key")
    must_fail("keygen", f"{home}/key", says="exists already")
    require(read(f"{home}/key") == before, "overwritten")
    must_fail("keygen", f"{home}/no/key", says="directory")


def check_id_refuses_what_is_no_key_file(home):
    must_fail("id", "--key", f"{home}/none", says="glueberry keygen")
    make_file(f"{home}/short", 10)
    must_fail("id", "--key", f"{home}/short", says="10 bytes")
    make_file(f"{home}/random", 64)
    must_fail("id", "--key", f"{home}/random", says="does not belong")
    must_fail("id", "--key", home, says="not a regular file")


# Bad input


def check_arguments_that_make_no_sense_are_one_line(home):
    for arguments, says in [
        (["nonsense"], "nonsense"),
        (["send"], "Missing"),
        (["peer", "--mode", "juggle"], "swarm"),
        (["peer", "--mode", "bench", "--count", "0"], "--count"),
        (["peer", "--mode", "bench", "--size", "-1"], "--size"),
        (["peer", "--mode", "bench", "--size", "2000", "--max-message", "1000"], "--size"),
        (["peer", "--mode", "bench", "--rate", "nan"], "--rate"),
        (["peer", "--mode", "bench", "--warmup", "-3"], "--warmup"),
        (["peer", "--mode", "hs"], "--connect"),
        (["peer", "--mode", "swarm", "--connect", ""], "--connect"),
        (["peer", "--policy", "dropAll"], "dropAll"),
        (["peer", "--connect-at", "tomorrow"], "tomorrow"),
        (["peer", "--state-tick", "0s"], "--state-tick"),
        (["peer", "--cooldown", "soon"], "soon"),
        (["peer", "--cooldown", "-3s"], "cooldown"),
        (["peer", "--cooldown", "99999999999999999999h"], "invalid"),
        (["peer", "--max-message", "0"], "invalid"),
        (["peer", "--max-message", "99999999999GiB"], "invalid"),
        (["peer", "--max-message", "1GiB"], "64 MiB"),
        (["peer", "--receive-buffer", "0"], "receiveBufferMessages"),
        (["peer", "--receive-buffer", "99999999999999999999"], "invalid"),
        (["peer", "--reconnect-max", "-1"], "reconnect-max"),
        (["peer", "--handshake-timeout", "0s"], "handshakeTimeout"),
        (["peer", "--streams", ""], "stream"),
        (["peer", "--streams", "a,b c"], "stream name"),
        (["peer", "--streams", "handshake"], "stream name"),
        (["peer", "--streams", "x" * 65], "stream name"),
        (["peer", "--log-level", "loud"], "loud"),
        (["ping", "--count", "0", "/ip4/127.0.0.1/tcp/1"], "--count"),
        (["demo", "--size-mib", "0"], "--size-mib"),
    ]:
        require(must_fail(*arguments, says=says).status == 64, f"status of {arguments}")


def check_malformed_addresses_are_one_line(home):
    make_file(f"{home}/file", 10)
    def is_refused(*arguments, says="address"):
        require(must_fail(*arguments, says=says).status == 64, f"status of {arguments}")

    for address in ["", "x", "/", "/ip4", "/ip4/1.2.3.4.5/tcp/1", "/ip4/127.0.0.1/tcp/99999", "/ip4/\x1b[31m", "/" * 9000]:
        is_refused("ping", address)
        is_refused("chat", address)
        is_refused("send", f"{home}/file", address)
        if address:
            is_refused("peer", "--listen", address)
            is_refused("peer", "--connect", address)
    is_refused("chat", "/ip4/127.0.0.1/tcp/1", says="/p2p/")
    is_refused("peer", "--connect", "/ip4/127.0.0.1/tcp/1", says="/p2p/")
    is_refused("chat", "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWnonsense")


def check_listening_failures_are_one_line(home):
    listener, port = taken_port()
    for command in (["peer"], ["chat"], ["receive", home, "--yes"]):
        must_fail(*command, "--listen", f"/ip4/127.0.0.1/tcp/{port}", says="choose another port")
        must_fail(*command, "--listen", "/ip4/192.0.2.1/tcp/0", says="no address of this machine")
        must_fail(*command, "--listen", "/ip4/127.0.0.1/udp/0/quic-v1", says="/tcp/")
    listener.close()


def check_unreachable_peers_are_one_line(home):
    address = f"/ip4/127.0.0.1/tcp/{free_port()}"
    make_file(f"{home}/file", 10)
    must_fail("ping", address, says="Connection refused")
    must_fail("send", f"{home}/file", f"{address}/p2p/{STRANGER}", "--quiet", says="Connection refused")
    chat = run("chat", f"{address}/p2p/{STRANGER}")
    check_failure(chat, "Connection refused")
    must_fail("ping", f"/dns/does-not-exist.invalid/tcp/1/p2p/{STRANGER}", says="resolve")


def check_a_peer_that_is_another_is_refused(home):
    node, _, address = peer()
    other = address.rsplit("/", 1)[0] + "/" + STRANGER
    make_file(f"{home}/file", 10)
    must_fail("ping", other, says="cannot be reached")
    must_fail("send", f"{home}/file", other, "--quiet", says="cannot be reached")
    node.kill()


def check_something_that_is_no_libp2p_peer_is_one_line(home):
    listener, port = taken_port()

    def answer():
        try:
            while True:
                connection, _ = listener.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()
        except OSError:
            pass

    threading.Thread(target=answer, daemon=True).start()
    must_fail("ping", f"/ip4/127.0.0.1/tcp/{port}", says="cannot be reached")
    listener.close()


def check_a_silent_listener_is_given_up(home):
    listener, port = taken_port()
    must_fail("ping", f"/ip4/127.0.0.1/tcp/{port}", says="cannot be reached")
    listener.close()


def check_bad_key_files_are_one_line(home):
    make_file(f"{home}/key", 10)
    make_file(f"{home}/file", 10)
    target = f"/ip4/127.0.0.1/tcp/1/p2p/{STRANGER}"
    for arguments in (["peer"], ["chat"], ["receive", home, "--yes"], ["send", f"{home}/file", target]):
        must_fail(*arguments, "--key", f"{home}/key", says="10 bytes")


def check_bad_files_and_directories_are_one_line(home):
    target = f"/ip4/127.0.0.1/tcp/1/p2p/{STRANGER}"
    make_file(f"{home}/file", 10)
    os.mkfifo(f"{home}/pipe")
    must_fail("send", f"{home}/none", target, says="No such file")
    must_fail("send", home, target, says="no regular file")
    must_fail("send", f"{home}/pipe", target, says="no regular file")
    must_fail("receive", f"{home}/none", says="make it first")
    must_fail("receive", f"{home}/file", says="name a directory")
    must_fail("receive", home, "--from", "me", says="peer ID")
    must_fail("receive", home, "--exit-on-eof", says="--yes")


# ping


def check_ping_measures_round_trips(home):
    node, peer_id, address = peer("--mode", "idle")
    result = run("ping", address, "--count", "3", "--interval", "1ms")
    require(result.status == 0 and len(result.output) == 5, result.tail())
    require(result.output[0].startswith(peer_id) and "min/avg/max" in result.output[-1], result.tail())
    unnamed = run("ping", address.split("/p2p/")[0], "--count", "1")
    require(unnamed.status == 0 and unnamed.output[0].startswith(peer_id), unnamed.tail())
    node.kill()


# peer


def chat_with_echo(*arguments, echo=()):
    node, node_id, address = peer(*echo)
    client, client_id, _ = peer("--mode", "chat", "--connect", address, "--listen", "", *arguments)
    client.event("established", peer=node_id)
    node.event("established", peer=client_id)
    return node, client, node_id, client_id


def check_peers_echo_messages(home):
    node, client, node_id, client_id = chat_with_echo("--hash")
    for text in ["hello", "", "grüße \u202e\x1b[31m", "x" * 100_000]:
        client.type(text)
        sent = client.event("sent", stream="a", bytes=len(text.encode()))
        require(sent["peers"] == 1, sent)
        echoed = client.event("message", peer=node_id, stream="a")
        require(echoed["text"] == text and echoed["bytes"] == len(text.encode()), echoed)
        require(echoed["sha256"] == hashlib.sha256(text.encode()).hexdigest(), echoed)
        seen = node.event("message", peer=client_id)
        require("text" not in seen and seen["bytes"] == len(text.encode()), seen)
    require(all("\x1b" not in line and "\u202e" not in line for line in client.output), "control characters in the output")


def check_peers_report_states_times_and_ends(home):
    node, client, node_id, client_id = chat_with_echo()
    states = [json.loads(line)["state"] for line in client.output if '"event":"state"' in line]
    require(states[:3] == ["Connecting", "Connected", "Established"], states)
    established = json.loads(next(line for line in client.output if '"event":"established"' in line))
    require(established["outbound"] is True, established)
    require(abs(established["connect_us"] + established["handshake_us"] - established["total_us"]) <= 1, established)
    first = json.loads(client.output[0])
    require(first["pid"] == client.child.pid and first["rss_kb"] > 0 and first["version"] == "1.2.9", first)
    client.type("one")
    client.event("message")
    client.signal(signal.SIGTERM)
    node.event("state", state="Disconnected", peer=client_id)
    node.signal(signal.SIGINT)
    for process in (client, node):
        final = process.event("final")
        require(final["msgs"] == 1 and final["bytes"] == 3 and final["dropped"] == 0, final)
        keys = "span_s msgs_per_s MB_per_s decrypt_errors cpu_user_s cpu_sys_s rss_kb hwm_kb".split()
        require(all(isinstance(final[key], (int, float)) for key in keys), final)
        require(final["hwm_kb"] > 0 and final["cpu_user_s"] > 0, final)
        require(process.event("stopped")["stop_ms"] >= 0, "stop_ms")
        require(process.end() == 0 and not process.errors, process.tail())
        require(json.loads(process.output[-1])["event"] == "stopped", process.tail())


def check_peer_commands_in_chat(home):
    node, client, node_id, client_id = chat_with_echo("--max-message", "64KiB")
    address = json.loads(node.output[0])["addrs"][0]
    client.type("/state")
    require(client.event("state", tick=True)["state"] == "Established", "state")
    client.type("/dump")
    dump = client.event("dump")
    require(dump["peers"] == 1 and dump["connections_out"] == 1 and dump["dropped"] == 0, dump)
    require(dump["node"]["peers"] and node_id in json.dumps(dump["node"]), dump)
    client.type("/big 65536")
    client.event("message", bytes=65536)
    client.type("/big 65537")
    client.event("error", what="input")
    client.type("/dance")
    client.event("error", what="input")
    client.type("/disconnect " + STRANGER)
    client.type("/disconnect " + node_id)
    client.event("state", state="Disconnected", peer=node_id)
    client.type("nobody hears this")
    require(client.event("sent")["peers"] == 0, "sent to nobody")
    client.type("/connect " + address)
    client.event("established")
    client.type("/reconnect " + node_id)
    client.event("state", state="Disconnected", peer=node_id)
    client.event("established")
    client.type("again")
    client.event("message", text="again")
    client.type("/quit")
    client.event("stopped")
    require(client.end() == 0, client.tail())


def check_peer_modes_and_options(home):
    node, client, node_id, client_id = chat_with_echo(
        echo=["--mode", "sink", "--hash", "--slow", "10ms", "--state-tick", "50ms", "--streams", "a"])
    node.event("state", tick=True, state="Established")
    for number in range(10):
        client.type(f"message {number}")
    for number in range(10):
        seen = node.event("message")
        require(seen["sha256"] == hashlib.sha256(f"message {number}".encode()).hexdigest(), seen)
    node.signal(signal.SIGTERM)
    final = node.event("final")
    require(final["msgs"] == 10 and final["span_s"] >= 0.08, final)
    idle = run("peer", "--mode", "idle", "--exit-after", "200ms", "--quiet")
    require(idle.status == 0 and json.loads(idle.output[-1])["event"] == "stopped", idle.tail())
    ended = run("peer", "--exit-on-eof")
    require(ended.status == 0, ended.tail())


def check_echo_takes_more_than_it_can_send(home):
    node, client, node_id, client_id = chat_with_echo("--quiet", echo=["--quiet"])
    count, size = 400, 100_000
    for _ in range(count):
        client.type(f"/big {size}")
    for _ in range(count):
        client.event("sent", peers=1)

    def arrived():
        client.type("/dump")
        return client.event("dump")["msgs"] == count

    wait_until(arrived, "echoes are missing")
    for process in (node, client):
        process.signal(signal.SIGTERM)
        final = process.event("final")
        require(final["msgs"] == count and final["bytes"] == count * size and final["errors"] == 0, final)
        require(final["hwm_kb"] < MEMORY_LIMIT_KB, final)


def check_a_peer_reconnects_after_a_crash(home):
    arguments = ["--key", f"{home}/key", "--listen", f"/ip4/127.0.0.1/tcp/{free_port()}"]
    node, node_id, address = peer(*arguments)
    client, _, _ = peer("--mode", "chat", "--connect", address, "--reconnect-base", "50ms", "--reconnect-max", "200ms")
    client.event("established")
    for _ in range(2):
        node.kill()
        client.event("state", state="Disconnected")
        client.event("state", state="Reconnecting")
        node, again, _ = peer(*arguments)
        require(again == node_id, "another key")
        client.event("established")
        client.type("are you there")
        client.event("message", text="are you there")


def check_a_handshake_that_does_not_end_leads_to_cooldown(home):
    door, address = receiver(home)
    client, _, _ = peer(
        "--connect", address, "--handshake-timeout", "300ms", "--cooldown", "100ms", "--reconnect-base", "50ms")
    client.event("state", state="Cooldown")
    client.event("state", state="Connected")


def check_giving_up_after_a_number_of_tries(home):
    address = f"/ip4/127.0.0.1/tcp/{free_port()}/p2p/{STRANGER}"
    client, _, _ = peer("--connect", address, "--reconnect-base", "10ms", "--reconnect-max", "2", "--exit-after", "3s")
    require(client.end() == 0, client.tail())
    tries = sum('"state":"Connecting"' in line for line in client.output)
    require(2 <= tries <= 3, f"{tries} tries")


def digest_sum(digests):
    """What `digest_sum` is of these SHA-256 digests: four numbers of 64 bits, each added up."""
    lanes = [0] * 4
    for digest in digests:
        for index in range(4):
            lanes[index] = (lanes[index] + int(digest[index * 16 : index * 16 + 16], 16)) % 2**64
    return "".join(f"{lane:016x}" for lane in lanes)


def check_peer_sends_and_measures(home):
    node, node_id, address = peer("--mode", "sink", "--hash")
    bench, bench_id, _ = peer(
        "--mode", "bench", "--connect", address, "--count", "50", "--size", "100", "--hash", "--linger", "60s")
    line = bench.event("bench", kind="oneway")
    require(line["sent"] == 50 and line["errors"] == 0 and line["size"] == 100 and line["secs"] > 0, line)
    keys = "msgs_per_s MB_per_s cpu_user_s cpu_sys_s hwm_kb".split()
    require(all(isinstance(line[key], (int, float)) for key in keys), line)
    sent = [json.loads(text)["sha256"] for text in bench.output if '"event":"sent"' in text]
    came = [node.event("message", peer=bench_id, stream="a", bytes=100)["sha256"] for _ in range(50)]
    require(sent == came and len(set(sent)) == 50, "other messages")
    node.signal(signal.SIGTERM)
    require(line["digest_sum"] == node.event("final")["digest_sum"] == digest_sum(sent), line)
    bench.signal(signal.SIGTERM)
    require(bench.end() == 0 and node.end() == 0, bench.tail())


def check_peer_sends_to_all_at_a_rate_and_ends(home):
    first, first_id, first_address = peer("--mode", "sink")
    second, second_id, second_address = peer("--mode", "sink")
    begin = time.monotonic()
    bench = run("peer", "--mode", "bench", "--connect", f"{first_address},{second_address}", "--count", "20",
                "--rate", "100", "--size", "0", "--linger", "100ms")
    require(bench.status == 0 and time.monotonic() - begin >= 0.19, bench.tail())
    lines = {line["peer"]: line for line in map(json.loads, bench.output) if line["event"] == "bench"}
    require(set(lines) == {first_id, second_id} and all(line["sent"] == 20 for line in lines.values()), lines)
    for node in (first, second):
        for _ in range(20):
            node.event("message", bytes=0)


def check_peer_measures_round_trips(home):
    node, _, address = peer("--quiet")
    for size in (64, 4, 0, 100_000):
        bench = run("peer", "--mode", "bench", "--pingpong", "--connect", address, "--count", "30", "--warmup", "5",
                    "--size", str(size))
        require(bench.status == 0, bench.tail())
        line = next(line for line in map(json.loads, bench.output) if line["event"] == "bench")
        require(line["kind"] == "pingpong" and line["n"] == 30 and line["lost"] == 0 and line["size"] == size, line)
        require(0 < line["p50_us"] <= line["p90_us"] <= line["p99_us"] <= line["max_us"], line)
        require(line["rt_per_s"] > 0, line)
        final = json.loads(bench.output[-2])
        require(final["event"] == "final" and final["msgs"] == 35, final)


def check_peer_measures_round_trips_beside_bulk(home):
    node, _, address = peer("--streams", "vote,bulk", "--discard", "bulk")
    bench = run("peer", "--mode", "bench", "--pingpong", "--connect", address, "--count", "200", "--size", "64",
                "--streams", "vote,bulk", "--bulk", "100000", "--priorities", "vote=high,bulk=low:2")
    require(bench.status == 0, bench.tail())
    line = next(line for line in map(json.loads, bench.output) if line["event"] == "bench")
    require(line["n"] == 200 and line["lost"] == 0 and line["bulk_MB_per_s"] > 0, line)
    require(json.loads(bench.output[-2])["msgs"] == 200, bench.output[-2])
    node.event("message", stream="bulk", bytes=100000)
    refused = run("peer", "--priorities", "no name=high")
    require(refused.status == 64 and len(refused.errors) == 1 and "streamPriorities" in refused.errors[0], refused.tail())


def check_peer_leaves_messages_unread_for_a_while(home):
    node, node_id, address = peer("--mode", "pause", "--pause", "2s", "--hash")
    client, client_id, _ = peer("--mode", "chat", "--connect", address)
    client.event("established")
    established = time.monotonic()
    for number in range(3):
        client.type(f"message {number}")
    for number in range(3):
        seen = node.event("message", peer=client_id)
        require(seen["sha256"] == hashlib.sha256(f"message {number}".encode()).hexdigest(), seen)
        require(time.monotonic() - established >= 1.5, "read too early")


def check_the_end_of_a_peer_counts_what_it_received_and_tells_what_it_ended(home):
    node, _, address = peer("--mode", "pause", "--pause", "1h", "--hash", "--max-message", "1000")
    client, client_id, _ = peer("--mode", "chat", "--connect", address)
    client.event("established")
    for number in range(50):
        client.type(f"message {number}")
    for number in range(50):
        client.event("sent", peers=1)
    # Its end flushes what it has sent.
    client.signal(signal.SIGTERM)
    require(client.end() == 0, client.tail())
    node.event("state", state="Disconnected", peer=client_id)
    other, other_id, _ = peer("--mode", "idle", "--connect", address)
    node.event("established", peer=other_id)
    node.signal(signal.SIGTERM)
    require(node.end() == 0, node.tail())
    lines = [json.loads(text) for text in node.output]
    came = [line["sha256"] for line in lines if line["event"] == "message"]
    require(came == [hashlib.sha256(f"message {number}".encode()).hexdigest() for number in range(50)], came)
    final = next(line for line in lines if line["event"] == "final")
    require(final["msgs"] == 50 and final["digest_sum"] == digest_sum(came), final)
    ended = [line for line in lines if line["event"] == "state" and line.get("peer") == other_id]
    require(ended[-1]["state"] == "Disconnected" and ended[-1]["err"], ended[-1])
    require(lines.index(ended[-1]) < lines.index(final), "the end of a session is told after the end")


def check_a_peer_that_takes_nothing_holds_up_no_other_in_chat(home):
    stuck, stuck_id, stuck_address = peer("--mode", "pause", "--pause", "1h", "--receive-buffer", "1", "--quiet")
    fine, fine_id, fine_address = peer("--mode", "sink")
    chat, _, _ = peer("--mode", "chat", "--connect", f"{stuck_address},{fine_address}")
    wait_until(lambda: sum('"event":"established"' in text for text in chat.output) == 2, "not both are established")
    # More than the queues of both sides and the window between them hold.
    for _ in range(8):
        chat.type("/big 900000")
        fine.event("message", bytes=900000)
    chat.type("after them")
    fine.event("message", bytes=len("after them"))
    chat.type(f"/disconnect {stuck_id}")
    chat.type("and after that")
    fine.event("message", bytes=len("and after that"))
    chat.type("/quit")
    require(chat.end() == 0, chat.tail())


def check_work_that_cannot_be_done_has_a_result_too(home):
    nobody = f"/ip4/127.0.0.1/tcp/{free_port()}/p2p/{STRANGER}"
    for mode, event in (("bench", "bench"), ("hs", "hs"), ("swarm", "swarm")):
        ended = run("peer", "--mode", mode, "--connect", nobody, "--count", "3", "--exit-after", "300ms")
        require(ended.status == 0, ended.tail())
        line = next((line for line in map(json.loads, ended.output) if line["event"] == event), None)
        require(line is not None, f"{mode}: {ended.tail()}")
        require(line["sent"] == 0 and line["errors"] == 3 if mode == "bench" else line["ok"] == 0, line)


def check_a_peer_remembers_others_in_its_book(home):
    node, node_id, address = peer()
    client, _, _ = peer("--mode", "chat", "--book", f"{home}/book.json")
    client.type("/connect " + address)
    client.event("established", peer=node_id)
    client.signal(signal.SIGTERM)
    require(client.end() == 0, client.tail())
    require(node_id.encode() in read(f"{home}/book.json"), "the book does not know the peer")
    # Whoever is in the book is dialled.
    again, _, _ = peer("--book", f"{home}/book.json")
    again.event("established", peer=node_id)


def check_policies_of_a_full_queue(home):
    count = 2000
    for policy in ("dropNewest", "dropOldest", "backpressure"):
        node, node_id, address = peer(
            "--mode", "pause", "--pause", "2s", "--hash", "--receive-buffer", "100", "--policy", policy)
        bench, _, _ = peer("--mode", "bench", "--connect", address, "--count", str(count), "--size", "8", "--hash",
                           "--linger", "60s")
        line = bench.event("bench")
        require(line["sent"] == count, line)
        sent = [json.loads(text)["sha256"] for text in bench.output if '"event":"sent"' in text]
        node.event("reading")
        # The sender stays until everything is read: of what an ended session leaves behind a queue holds only so much.
        wait_until(lambda: settled(node), "messages go on coming")
        bench.signal(signal.SIGTERM)
        require(bench.end() == 0, bench.tail())
        node.signal(signal.SIGTERM)
        require(node.end() == 0, node.tail())
        came = [json.loads(text)["sha256"] for text in node.output if '"event":"message"' in text]
        final = next(line for line in map(json.loads, node.output) if line["event"] == "final")
        require(final["msgs"] == len(came) and final["msgs"] + final["dropped"] == count, f"{policy}: {final}")
        require(came == [digest for digest in sent if digest in set(came)], f"{policy}: reordered")
        if policy == "backpressure":
            require(final["dropped"] == 0, final)
        else:
            require(final["dropped"] > 0, f"{policy}: nothing was dropped, the queue was not full")
            require(any('"kind":"messagesDropped"' in text for text in node.output), "nobody was told")
            require((came[0] == sent[0]) == (policy == "dropNewest"), f"{policy}: others were dropped")
    node, _, address = peer("--mode", "pause", "--pause", "60s", "--receive-buffer", "100", "--policy", "disconnect")
    bench, _, _ = peer("--mode", "bench", "--connect", address, "--count", str(count), "--size", "8", "--quiet")
    node.event("state", state="Disconnected")


def settled(node):
    """No line has come for a while."""
    before = len(node.output)
    time.sleep(0.3)
    return len(node.output) == before


def check_peer_establishes_nodes_one_after_another_and_many(home):
    node, _, address = peer("--mode", "idle")
    total = 0
    for mode, count in (("hs", 5), ("swarm", 40)):
        series = run("peer", "--mode", mode, "--connect", address, "--count", str(count), "--linger", "50ms")
        require(series.status == 0, series.tail())
        line = next(line for line in map(json.loads, series.output) if line["event"] == mode)
        require(line["n"] == count and line["ok"] == count, line)
        require(0 < line["total_p50_us"] <= line["total_p90_us"] <= line["total_p99_us"], line)
        require(line["connect_p50_us"] > 0 and line["hs_p50_us"] > 0, line)
        wait_until(lambda: sum('"Disconnected"' in text for text in node.output) == total + count, "sessions are left")
        total += count
        require(sum('"event":"established"' in text for text in node.output) == total, node.tail())
    nobody = f"/ip4/127.0.0.1/tcp/{free_port()}/p2p/{STRANGER}"
    failing = run("peer", "--mode", "hs", "--connect", nobody, "--count", "2")
    line = next(line for line in map(json.loads, failing.output) if line["event"] == "hs")
    require(failing.status == 0 and line["n"] == 2 and line["ok"] == 0, failing.tail())
    require(sum('"event":"error"' in text for text in failing.output) == 2, failing.tail())


def check_peer_sends_from_many_nodes_at_once(home):
    sink, _, address = peer("--mode", "sink", "--quiet", "--exit-on-eof")
    swarm, _, _ = peer(
        "--mode", "swarm", "--connect", address, "--count", "7", "--messages", "100", "--size", "50", "--linger", "60s")
    line = swarm.event("bench", kind="oneway", size=50)
    require(line["sent"] == 100 and line["errors"] == 0, line)

    def arrived():
        sink.type("/usage")
        usage = sink.event("usage")
        require(usage["msgs"] <= 100 and usage["rss_kb"] > 0, usage)
        return usage["msgs"] == 100

    wait_until(arrived, "messages are missing")
    swarm.signal(signal.SIGTERM)
    require(swarm.end() == 0, swarm.tail())
    sink.signal(signal.SIGTERM)
    require(sink.event("final")["msgs"] == 100 and sink.end() == 0, sink.tail())
    echo, _, address = peer("--quiet")
    trips = run("peer", "--mode", "swarm", "--connect", address, "--count", "3", "--messages", "20", "--pingpong",
                "--linger", "0s")
    require(trips.status == 0, trips.tail())
    line = next(line for line in map(json.loads, trips.output) if line["event"] == "bench")
    require(line["kind"] == "pingpong" and line["n"] == 20 and line["lost"] == 0, line)
    require(0 < line["p50_us"] <= line["p99_us"] and line["rt_per_s"] > 0, line)
    echo.signal(signal.SIGTERM)
    require(echo.end() == 0, echo.tail())


def check_peer_dials_at_a_moment(home):
    node, _, address = peer()
    moment = time.time() + 1.0
    client, client_id, _ = peer("--connect", address, "--connect-at", str(int(moment * 1000)))
    client.event("state", state="Connecting")
    require(-0.01 <= time.time() - moment < 5, f"dialled {time.time() - moment:.3f} s after the moment")
    client.event("established")
    late, _, _ = peer("--connect", address, "--connect-at", "1000")
    late.event("established")
    for mode in ("hs", "swarm"):
        moment = time.time() + 0.7
        series, _, _ = peer("--mode", mode, "--connect", address, "--count", "1", "--connect-at", str(int(moment * 1000)))
        line = series.event(mode)
        require(line["ok"] == 1 and time.time() >= moment, f"{mode}: {line}, {time.time() - moment:.3f} s after the moment")
        series.signal(signal.SIGTERM)


def check_every_mode_ends_in_order(home):
    node, _, address = peer("--quiet")
    for mode in ["echo", "sink", "pause", "bench", "chat", "idle", "hs", "swarm"]:
        count = "20" if mode == "swarm" else "1000000"
        arguments = ["--mode", mode, "--connect", address, "--count", count, "--quiet", "--size", "10"]
        before = sum('"event":"established"' in text for text in node.output)
        process, _, _ = peer(*arguments)
        wait_until(lambda: sum('"event":"established"' in text for text in node.output) > before, "no session")
        process.signal(signal.SIGTERM)
        require(process.end(20) == 0 and not process.errors, process.tail())
        for ended in (process, run("peer", *arguments, "--exit-after", "300ms")):
            events = [json.loads(line)["event"] for line in ended.output]
            require(ended.status == 0 and events[0] == "listening", f"{mode}: {ended.tail()}")
            require(events[-2:] == ["final", "stopped"], f"{mode}: {events[-5:]}")


def check_a_reader_that_goes_away_ends_the_peer_quietly(home):
    for mode in ("echo", "chat", "bench"):
        reader, writer = os.pipe()
        os.close(reader)
        piped = subprocess.Popen(
            [binary, "peer", "--mode", mode], stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        _, errors = piped.communicate(timeout=LIMIT)
        require(piped.returncode == 1 and not errors, f"status {piped.returncode}, errors {errors!r}")


def check_logs_go_to_standard_error_one_line_each(home):
    node = run("peer", "--log-level", "debug", "--exit-after", "100ms")
    require(node.status == 0 and node.errors and all(json.loads(line) for line in node.output), node.tail())
    require(all(" glueberry" in line for line in node.errors), node.errors[:3])


# chat


def check_chat_through_pipes(home):
    host = Process("chat", "--listen", "/ip4/127.0.0.1/tcp/0", "--name", "Anna")
    address = host.line(lambda line: "glueberry chat /" in line, "invitation").split()[-1]
    guest = Process("chat", address, "--name", "Bert\x1b[31m")
    guest.type("hello Anna")
    host.line(lambda line: line.startswith("<Bert") and line.endswith("> hello Anna"), "message")
    host.type("hello Bert, it's \x1b[2Jme")
    shown = guest.line(lambda line: line.startswith("<Anna"), "message")
    require("hello Bert, it's" in shown, shown)
    guest.type("/who")
    guest.line(lambda line: line.startswith("* here: Anna"), "who")
    guest.type("the last words")
    guest.child.stdin.close()
    require(guest.end() == 0 and not guest.errors, guest.tail())
    guest.child.stdin = None
    host.line(lambda line: line.endswith("> the last words"), "last words")
    host.line(lambda line: "Disconnected" in line, "disconnection")
    host.type("/quit")
    require(host.end() == 0, host.tail())
    require(all("\x1b" not in line for line in host.output + guest.output), "control characters on the terminal")


def check_chat_ends_with_a_signal(home):
    host = Process("chat", "--listen", "/ip4/127.0.0.1/tcp/0")
    host.line(lambda line: "glueberry chat /" in line, "invitation")
    host.signal(signal.SIGINT)
    require(host.end() == 0, host.tail())


# send and receive


def check_a_file_of_64_mib_arrives_in_little_memory(home):
    os.mkdir(f"{home}/in")
    content = make_file(f"{home}/big.bin", 64 * 1024 * 1024)
    door, address = receiver(f"{home}/in", "--yes", "--once")
    sender = run("send", f"{home}/big.bin", address, "--quiet")
    require(sender.status == 0 and not sender.errors, sender.tail())
    require(hashlib.sha256(content).hexdigest() in sender.output[-1], sender.tail())
    require(door.end() == 0, door.tail())
    require(read(f"{home}/in/big.bin") == content and os.listdir(f"{home}/in") == ["big.bin"], "content")
    for process in (sender, door):
        require(process.peak_kb < MEMORY_LIMIT_KB, f"{process} took {process.peak_kb} KiB")
    return f"peak {sender.peak_kb} KiB sending, {door.peak_kb} KiB receiving"


def check_files_of_all_sizes_and_names_arrive(home):
    os.mkdir(f"{home}/in")
    door, address = receiver(f"{home}/in", "--yes")
    names = {"empty": 0, "one byte": 1, "-dash": 262_143, "chunk": 262_144, "größe 👩‍💻.txt": 262_145, "n" * 255: 1_000_000}
    for name, length in names.items():
        content = make_file(f"{home}/source", length)
        sender = run("send", f"{home}/source", address, "--as=" + name, "--quiet")
        require(sender.status == 0, f"{name}: {sender.tail()}")
        require(read(f"{home}/in/{name}") == content, name)
    require(set(os.listdir(f"{home}/in")) == set(names), os.listdir(f"{home}/in"))
    door.signal(signal.SIGINT)
    require(door.end() == 0, door.tail())


def check_hostile_file_names_are_refused(home):
    os.makedirs(f"{home}/outer/in")
    make_file(f"{home}/file", 100)
    door, address = receiver(f"{home}/outer/in", "--yes")
    names = ["", ".", "..", "../x", "/tmp/x", "a/b", "a/", "..\\x", ".hidden", "a\nb", "a\x1b[2J", "a\x7f", "n" * 256,
             "\u202egpj.exe", "a\u2028b", "a\u0085b", "../" * 100 + "etc/x", "n" * 4000]
    for name in names:
        sender = run("send", f"{home}/file", address, *as_name(name), "--quiet")
        check_failure(sender, "the file name")
    require(not os.listdir(f"{home}/outer/in") and os.listdir(f"{home}/outer") == ["in"], "something was written")
    require(all("\x1b" not in line and "\u202e" not in line for line in door.output), "control characters")
    fine = run("send", f"{home}/file", address, "--quiet")
    require(fine.status == 0 and os.listdir(f"{home}/outer/in") == ["file"], "the receiver goes on")


def check_nothing_is_overwritten_and_no_link_followed(home):
    inbox, outside = f"{home}/in", f"{home}/outside"
    os.mkdir(inbox)
    make_file(f"{home}/source", 100)
    make_file(f"{inbox}/file", 5, seed=2)
    make_file(outside, 7, seed=3)
    os.mkdir(f"{inbox}/directory")
    os.symlink(outside, f"{inbox}/link")
    os.symlink(f"{home}/nowhere", f"{inbox}/dangling")
    before = (read(f"{inbox}/file"), read(outside))
    door, address = receiver(inbox, "--yes")
    for name in ["file", "directory", "link", "dangling"]:
        sender = run("send", f"{home}/source", address, "--as", name, "--quiet")
        check_failure(sender, "already")
    require((read(f"{inbox}/file"), read(outside)) == before and not os.path.exists(f"{home}/nowhere"), "overwritten")
    require(sorted(os.listdir(inbox)) == ["dangling", "directory", "file", "link"], os.listdir(inbox))


def check_a_file_that_appears_meanwhile_is_not_overwritten(home):
    os.mkdir(f"{home}/in")
    with open(f"{home}/big", "wb") as file:
        file.truncate(256 * 1024 * 1024)
    door, address = receiver(f"{home}/in", "--yes")
    sender = Process("send", f"{home}/big", address)
    door.line(lambda line: line.startswith("receiving"), "beginning")
    make_file(f"{home}/in/big", 5)
    sender.end(180)
    require(sender.status == 1 and "already" in sender.errors[-1], sender.tail())
    require(os.listdir(f"{home}/in") == ["big"] and os.path.getsize(f"{home}/in/big") == 5, "overwritten")


def check_files_that_are_too_large_are_refused(home):
    os.mkdir(f"{home}/in")
    make_file(f"{home}/file", 1025)
    door, address = receiver(f"{home}/in", "--yes", "--max-size", "1KiB")
    check_failure(run("send", f"{home}/file", address, "--quiet"), "larger than 1024")
    require(not os.listdir(f"{home}/in"), "something was written")


def check_only_named_senders_are_let_in(home):
    os.mkdir(f"{home}/in")
    make_file(f"{home}/file", 100)
    friend = run("keygen", f"{home}/friend").output[0]
    door, address = receiver(f"{home}/in", "--from", STRANGER, "--from", friend)
    check_failure(run("send", f"{home}/file", address, "--quiet", limit=20), "did not let us in")
    require(not os.listdir(f"{home}/in"), "something was written")
    sent = run("send", f"{home}/file", address, "--key", f"{home}/friend")
    require(sent.status == 0, sent.tail())


def check_the_prompt_decides_whom_to_let_in(home):
    os.mkdir(f"{home}/in")
    make_file(f"{home}/file", 100)
    door, address = receiver(f"{home}/in")
    refused = Process("send", f"{home}/file", address, "--quiet")
    # A question does not end its line; it is seen when the next line does.
    door.type("no")
    refused.end()
    check_failure(refused, "did not let us in")
    friend = Process("send", f"{home}/file", address, "--quiet")
    door.type("y")
    require(friend.end() == 0, friend.tail())
    require(os.listdir(f"{home}/in") == ["file"], "nothing was written")
    closed = Process("receive", f"{home}/in", "--listen", "/ip4/127.0.0.1/tcp/0", stdin=subprocess.DEVNULL)
    address = closed.line(lambda line: line.startswith("glueberry send"), "invitation").split()[-1]
    check_failure(run("send", f"{home}/file", address, "--as", "x", "--quiet"), "did not let us in")


def begin_large_transfer(home, *arguments):
    os.makedirs(f"{home}/in", exist_ok=True)
    with open(f"{home}/huge", "wb") as file:
        file.truncate(4 * 1024 * 1024 * 1024)
    door, address = receiver(f"{home}/in", "--yes")
    sender = Process("send", f"{home}/huge", address, "--quiet", *arguments)
    door.line(lambda line: line.startswith("receiving"), "beginning")

    def has_begun():
        files = os.listdir(f"{home}/in")
        return files and os.path.getsize(f"{home}/in/{files[0]}") > 1_000_000

    wait_until(has_begun, "nothing arrives")
    return door, sender, address


def check_a_sender_that_dies_leaves_nothing_behind(home):
    door, sender, address = begin_large_transfer(home)
    sender.kill()
    door.line(lambda line: line.startswith("not received: huge"), "report")
    require(not os.listdir(f"{home}/in"), os.listdir(f"{home}/in"))
    make_file(f"{home}/file", 100)
    require(run("send", f"{home}/file", address, "--quiet").status == 0, "the receiver goes on")


def check_a_receiver_that_dies_fails_the_sender(home):
    door, sender, _ = begin_large_transfer(home)
    door.kill()
    sender.end()
    check_failure(sender, "lost")


def check_signals_end_both_sides_in_order(home):
    door, sender, _ = begin_large_transfer(home)
    sender.signal(signal.SIGINT)
    require(sender.end() == 130, sender.tail())
    check_failure(sender, "interrupted")
    door.line(lambda line: line.startswith("not received"), "report")
    door, sender, _ = begin_large_transfer(home)
    door.signal(signal.SIGTERM)
    require(door.end() == 0, door.tail())
    require(not os.listdir(f"{home}/in"), os.listdir(f"{home}/in"))
    sender.end()
    check_failure(sender, "lost")


def check_a_receiver_that_stalls_costs_the_sender_no_memory(home):
    door, sender, _ = begin_large_transfer(home, "--stall-timeout", "2s")
    door.signal(signal.SIGSTOP)
    sender.end()
    door.signal(signal.SIGCONT)
    check_failure(sender, "has taken nothing")
    require(sender.peak_kb < MEMORY_LIMIT_KB, f"{sender.peak_kb} KiB")
    return f"peak {sender.peak_kb} KiB"


def check_several_senders_at_once(home):
    os.mkdir(f"{home}/in")
    content = make_file(f"{home}/file", 8 * 1024 * 1024)
    door, address = receiver(f"{home}/in", "--yes")
    senders = [Process("send", f"{home}/file", address, "--as", f"copy{number}", "--quiet") for number in range(4)]
    rivals = [Process("send", f"{home}/file", address, "--as", "same", "--quiet") for number in range(3)]
    require([sender.end() for sender in senders] == [0] * 4, [sender.tail() for sender in senders])
    require(sorted(sender.end() for sender in rivals) == [0, 1, 1], [sender.tail() for sender in rivals])
    for name in os.listdir(f"{home}/in"):
        require(read(f"{home}/in/{name}") == content, name)
    require(len(os.listdir(f"{home}/in")) == 5, os.listdir(f"{home}/in"))


def check_progress_is_shown_sparsely_without_a_terminal(home):
    os.mkdir(f"{home}/in")
    make_file(f"{home}/file", 4 * 1024 * 1024)
    door, address = receiver(f"{home}/in", "--yes")
    sender = run("send", f"{home}/file", address)
    require(sender.status == 0 and 2 <= len(sender.errors) <= 6, sender.tail())
    require(all("\r" not in line and "\x1b" not in line for line in sender.errors), sender.tail())


# demo


def children(process):
    try:
        found = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    pairs = (line.split() for line in found.splitlines())
    return [int(pid) for pid, parent in pairs if int(parent) == process.child.pid]


def check_demo_ends_well(home):
    os.environ["TMPDIR"] = home
    demo = run("demo", limit=180)
    require(demo.status == 0 and len(demo.output) == 1, demo.tail())
    report = json.loads(demo.output[0])
    require(report["ok"] is True and report["sha256_ok"] is True and report["file_bytes"] == 64 * 1024 * 1024, report)
    require(report["established_ms"] > 0 and report["messages"] > 0 and report["file_seconds"] > 0, report)
    require(list(report) == ["ok", "established_ms", "messages", "file_bytes", "file_seconds", "sha256_ok"], report)
    require(not os.listdir(home), os.listdir(home))
    require(any("Established" in line for line in demo.errors), "no states")
    require(all("\x1b" not in line for line in demo.errors), "colours without a terminal")
    return demo.output[0]


def check_demo_ends_its_processes_whatever_happens(home):
    os.environ["TMPDIR"] = home
    for number, status in [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]:
        demo = Process("demo", "--size-mib", "2048")
        demo.error_line("Established")
        started = children(demo)
        demo.signal(number)
        require(demo.end() == status, f"{demo.status}: {demo.tail()}")
        if number != signal.SIGKILL:
            require(len(demo.output) == 1 and json.loads(demo.output[0])["ok"] is False, demo.tail())
            require(not os.listdir(home), os.listdir(home))
        for child in started or []:
            wait_until(lambda: not exists(child), f"process {child} is left", 10)


def check_demo_has_a_time_limit(home):
    os.environ["TMPDIR"] = home
    demo = run("demo", "--time-limit", "1ms")
    require(demo.status == 1 and json.loads(demo.output[0])["ok"] is False, demo.tail())
    require(demo.errors[-1].startswith("glueberry: the demo took too long"), demo.tail())


def check_bench_measures_and_ends_with_json(home):
    bench = run("bench", "--quick", "--only", "establishment", limit=120)
    require(bench.status == 0 and len(bench.output) == 1, bench.tail())
    report = json.loads(bench.output[0])
    require(list(report) == ["ok", "establishment"] and report["ok"] is True, report)
    row = report["establishment"][0]
    require(row["n"] == row["ok"] == 50 and 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"], report)
    require(bench.errors[0].startswith("From the dial to Established"), bench.tail())
    return bench.output[0]


def check_bench_has_a_time_limit_and_ends_its_processes(home):
    bench = run("bench", "--quick", "--only", "pingpong", "--time-limit", "1ms")
    require(bench.status == 1 and not bench.output, bench.tail())
    require(bench.errors[-1].startswith("glueberry: the benchmark took too long"), bench.tail())
    refused = run("bench", "--only", "nothing")
    require(refused.status == 64 and len(refused.errors) == 1, refused.tail())


def main():
    global binary
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit("usage: check-command.sh PATH-OF-THE-BINARY [WORD…]")
    binary = os.path.abspath(sys.argv[1])
    words = sys.argv[2:]
    passed, failed = 0, 0
    for name, check in list(globals().items()):
        if not name.startswith("check_") or name == "check_failure":
            continue
        title = name.removeprefix("check_").replace("_", " ")
        if words and not any(word in title for word in words):
            continue
        begin = time.monotonic()
        temporary = os.environ.get("TMPDIR")
        with tempfile.TemporaryDirectory(prefix="check-command-") as home:
            try:
                note = check(home)
                passed += 1
                print(f"ok      {title} ({time.monotonic() - begin:.1f} s{', ' + note if note else ''})", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED  {title}: {error!r}", flush=True)
            finally:
                for process in running:
                    process.kill()
                    # Whatever else happened, nothing may end in a trap.
                    if process.status < 0 and process.status != -signal.SIGKILL:
                        print(f"FAILED  {title}: {process} died of signal {-process.status}: {process.errors[-5:]}")
                        failed += 1
                running.clear()
                os.environ.pop("TMPDIR", None)
                if temporary is not None:
                    os.environ["TMPDIR"] = temporary
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
