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
"""A Glueberry peer that is independent of the Swift one: the wire format in Python, libp2p by go-libp2p's p2pd.

    glueberry_peer.py --p2pd PATH --role listen|dial [--connect ADDRESS] [options]
    glueberry_peer.py --p2pd PATH --self-test

It prints one JSON object per line on standard output and takes one JSON object per line on standard input; logs go to
standard error. It ends, and p2pd with it, at the end of standard input, at `quit`, and at SIGTERM.

Options
    --role R             listen (waits to be dialled) or dial (dials --connect, which ends in /p2p/ID)
    --order O            readme: each side sends Hello, answers each Hello with Hello and PubKey, each PubKey with
                         Complete, and is done when it has the key and Complete. simple-chat: the initiator sends Hello
                         and PubKey at once and is done as soon as it has the key; it sends Complete in the same step
    --answer-hello A     every (as the original's applications do, the default) or once
    --streams a,b        names of the encrypted streams
    --seed HEX           Ed25519 seed, 32 bytes; a random one when absent
    --security S         noise (p2pd without TLS) or default (TLS proposed first, then Noise)
    --wait SECONDS       how long a hostile deed waits for the end of its stream, 5 by default
    --echo               send messages back; without it they are only reported
    --timeout SECONDS    for a request, the handshake and an echo, 30 by default
    --hostile NAME       a deed that comes before or in the place of the handshake:
        foreign-key          PubKey carries another peer's key
        early-stream         an encrypted stream is opened, and a well-sealed message sent, before the handshake, which
                             follows all the same
        handshake-varint     the handshake stream begins with a varint of eleven bytes
        handshake-announce   the handshake stream begins with a frame announced at 64 MiB, then silence

With --echo, messages that arrive are sent back on the stream they came on, unless a `send` waits for echoes on that
name.

Commands on standard input
    {"do":"send","stream":"a","sizes":[0,1]}   sends random payloads one after another, waits for each to come back;
                                               "fresh":true closes the streams of that name first and opens a new one
    {"do":"hostile","name":NAME,"stream":"a"}  a deed on a fresh stream of that name, after Established:
        announce             a frame announced at 64 MiB, then silence
        undecryptable        "count" (1) frames whose ciphertext does not open
        short-ciphertext     a frame shorter than nonce and tag
        same-name-twice      the name opened a second time while the first stream is in use
        malformed-varint     a varint of eleven bytes
        inner-mismatch       an inner length that does not fill the outer one
        oversize             a whole well-sealed message of "bytes" (10 MiB + 1) bytes
        unprepared           a stream of the name "unprepared", which nobody prepared
    {"do":"disconnect"}                        closes the connection
    {"do":"quit"}

Lines on standard output
    {"event":"listening","peer_id":…,"addrs":["…/p2p/ID"],"pid":…}   first
    {"event":"connected","peer":…,"outbound":…}                      dialled, or the first handshake stream arrived
    {"event":"handshake","received":"hello|pubkey|complete|other"}   each message of the handshake that came
    {"event":"established","peer":…}                                 done with the handshake
    {"event":"stream","stream":…,"state":"opened|ended|refused"}     an incoming encrypted stream; a handshake stream
                                                                     beside another or after Established is refused
    {"event":"message","stream":…,"bytes":…,"sha256":…}              a message that no `send` waited for
    {"event":"echo","stream":…,"bytes":…,"ok":…,"err":…}             for each size of a send
    {"event":"sent","stream":…,"count":…,"ok":…}                     at the end of a send
    {"event":"hostile","name":…,"outcome":…,"received":…}            the end of a deed. The outcome is
        refused    the stream could not be opened
        ended      the other side ended it (through p2pd a reset and a FIN look alike)
        open       it was still open when the wait was over
        answered   an authentic message came back on it, or the handshake that must fail was completed
        For same-name-twice also "first_alive": the first stream still echoes.
    {"event":"error","what":…,"err":…}
    {"event":"self-test","check":…,"ok":…} and {"event":"final","ok":…}   the final line of a run; status 0 when ok
"""

import argparse
import hashlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import glueberry_wire as wire
from p2pd_control import ControlError, Cursor, Daemon, base58_decode, base58_encode, uvarint

HELLO, PUBKEY, COMPLETE = 1, 2, 3
TYPE_NAMES = {HELLO: "hello", PUBKEY: "pubkey", COMPLETE: "complete"}
HANDSHAKE = "handshake"
HANDSHAKE_DEEDS = ("foreign-key", "early-stream", "handshake-varint", "handshake-announce")
DEFAULT_MAXIMUM_MESSAGE = 10 * 1024 * 1024
LINGER = 1.0
output_lock = threading.Lock()


def emit(event, **values):
    with output_lock:
        sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
        sys.stdout.flush()


def protocol_of(name):
    return "/glueberry/stream/%s/1.0.0" % name


class Session:
    """What is known of the remote peer since the handshake stream came up."""

    def __init__(self, peer):
        self.peer = peer
        self.key = None
        self.public_key_sent = self.complete_sent = self.complete_received = False
        self.hellos_answered = 0
        self.established = threading.Event()
        self.report_lock, self.reported = threading.Lock(), False

    def report_once(self, outcome):
        """The one line about the foreign key: whichever of answer, end and time-out comes first."""
        with self.report_lock:
            if self.reported:
                return
            self.reported = True
        emit("hostile", name="foreign-key", outcome=outcome, received=0)


class Peer:
    def __init__(self, options, directory):
        self.options = options
        self.names = options.streams.split(",")
        self.seed = bytes.fromhex(options.seed) if options.seed else os.urandom(32)
        self.public_key = wire.public_key_of(self.seed)
        arguments = ["-tls=false"] if options.security == "noise" else []
        self.daemon = Daemon(options.p2pd, directory, self.seed, self.public_key, arguments=arguments)
        self.session = None
        self.handshaking = False
        self.streams = {name: [] for name in self.names}
        self.echoes = {name: queue.Queue() for name in self.names}
        self.expecting = dict.fromkeys(self.names, 0)
        self.lock = threading.Lock()

    # Coming up

    def start(self):
        self.daemon.start()
        self.daemon.handle(protocol_of(HANDSHAKE), self.incoming_handshake)
        for name in self.names:
            self.daemon.handle(protocol_of(name), lambda stream, name=name: self.incoming_encrypted(name, stream))
        me = base58_encode(self.daemon.peer)
        emit("listening", peer_id=me, addrs=[a + "/p2p/" + me for a in self.daemon.addresses], pid=os.getpid())
        if self.options.role == "dial":
            threading.Thread(target=self.dial, daemon=True).start()

    def dial(self):
        self.handshaking = True
        address, _, text = self.options.connect.rpartition("/p2p/")
        peer = base58_decode(text)
        try:
            self.daemon.connect(peer, [address], self.options.timeout)
            if self.options.hostile == "early-stream":
                self.open_early(peer)
            stream = self.daemon.open_stream(peer, protocol_of(HANDSHAKE), self.options.timeout)
        except (ControlError, OSError, EOFError) as error:
            emit("error", what="dial", err=str(error))
            return
        emit("connected", peer=text, outbound=True)
        self.run_handshake(stream, initiator=True)

    def incoming_handshake(self, stream):
        with self.lock:
            session = self.session
            busy = self.handshaking or (session is not None and session.established.is_set())
            self.handshaking = self.handshaking or not busy
        if busy:
            # Like the original, which has one stream for each peer and name and resets another one.
            emit("stream", stream=HANDSHAKE, state="refused")
            return
        emit("connected", peer=base58_encode(stream.peer), outbound=False)
        if self.options.hostile == "early-stream":
            self.open_early(stream.peer)
        self.run_handshake(stream, initiator=False)

    # The handshake

    def run_handshake(self, stream, initiator):
        try:
            self.exchange_handshake(stream, initiator)
        finally:
            self.handshaking = False

    def exchange_handshake(self, stream, initiator):
        session = self.session = Session(stream.peer)
        if self.options.hostile in ("handshake-varint", "handshake-announce"):
            varint = self.options.hostile == "handshake-varint"
            try:
                stream.write(b"\x80" * 11 if varint else uvarint(wire.LARGEST_FRAME))
            except OSError:
                pass
            ended, received = stream.ended_within(self.options.wait)
            emit("hostile", name=self.options.hostile, outcome="ended" if ended else "open", received=received)
            stream.close()
            return
        at_once = initiator and self.options.order == "simple-chat"
        watch = None
        if self.options.hostile == "foreign-key":
            watch = threading.Timer(self.options.wait, session.report_once, ["open"])
            watch.daemon = True
            watch.start()
        try:
            self.send_handshake(stream, HELLO, b"glueberry_peer.py")
            if at_once:
                self.send_public_key(stream, session)
            while not session.established.is_set():
                message = wire.read_frame(stream.read_exactly, largest=1 << 20)
                self.take_handshake(stream, session, message, at_once)
        except (OSError, EOFError, ValueError, wire.FrameError) as error:
            if watch is not None:
                watch.cancel()
                session.report_once("ended")
            else:
                emit("error", what="handshake", err=str(error) or type(error).__name__)
            stream.close()
            return
        emit("established", peer=base58_encode(session.peer))
        # p2pd has no half-close: what the other side still writes must find a reader for a while.
        stream.ended_within(LINGER)
        stream.close()

    def send_handshake(self, stream, kind, body=b""):
        stream.write(wire.frame(bytes([kind]) + body))

    def send_public_key(self, stream, session):
        foreign = self.options.hostile == "foreign-key"
        self.send_handshake(stream, PUBKEY, wire.public_key_of(b"\x07" * 32) if foreign else self.public_key)
        session.public_key_sent = True

    def take_handshake(self, stream, session, message, at_once):
        kind, body = (message[0], message[1:]) if message else (0, b"")
        emit("handshake", received=TYPE_NAMES.get(kind, "other"))
        if kind == HELLO:
            if self.options.answer_hello == "once" and session.hellos_answered:
                return
            session.hellos_answered += 1
            self.send_handshake(stream, HELLO, b"glueberry_peer.py")
            self.send_public_key(stream, session)
        elif kind == PUBKEY:
            if body != wire.public_key_in(session.peer):
                raise ValueError("a public key that is not the peer ID's")
            session.key = wire.pair_key(self.seed, body)
            self.send_handshake(stream, COMPLETE)
            session.complete_sent = True
        elif kind == COMPLETE:
            session.complete_received = True
            if self.options.hostile == "foreign-key":
                session.report_once("answered")
        ready = session.key is not None and session.public_key_sent and self.options.hostile != "foreign-key"
        if ready and (session.complete_received or at_once):
            session.established.set()

    def open_early(self, peer):
        """An encrypted stream before the handshake: the key is static, so that the message is well sealed."""
        key = wire.pair_key(self.seed, wire.public_key_in(peer))
        self.deed_on_new_stream(
            "early-stream", peer, self.names[0], lambda stream: stream.write(wire.frame(wire.seal(key, b"early"))), key
        )

    # Encrypted streams

    def incoming_encrypted(self, name, stream):
        session = self.session
        if session is None or session.key is None or session.peer != stream.peer:
            emit("stream", stream=name, state="refused")
            return
        emit("stream", stream=name, state="opened")
        with self.lock:
            self.streams[name].append(stream)
        self.read_encrypted(name, stream, session)

    def read_encrypted(self, name, stream, session):
        try:
            while True:
                payload = wire.open_sealed(session.key, wire.read_frame(stream.read_exactly))
                if payload is None:
                    emit("error", what="decrypt", err="a frame on stream %s does not open" % name)
                    continue
                with self.lock:
                    expected = self.expecting[name] > 0
                if expected:
                    self.echoes[name].put(payload)
                else:
                    if self.options.echo:
                        stream.write(wire.frame(wire.seal(session.key, payload)))
                    emit("message", stream=name, bytes=len(payload), sha256=hashlib.sha256(payload).hexdigest())
        except (OSError, EOFError):
            pass
        except (ValueError, wire.FrameError) as error:
            emit("error", what="frame", err=str(error))
        with self.lock:
            if stream in self.streams[name]:
                self.streams[name].remove(stream)
        stream.close()
        emit("stream", stream=name, state="ended")

    def require_session(self):
        session = self.session
        if session is None or not session.established.wait(self.options.timeout):
            raise ControlError("there is no established session")
        return session

    def stream_for_sending(self, name, session):
        with self.lock:
            if self.streams[name]:
                return self.streams[name][0]
        stream = self.daemon.open_stream(session.peer, protocol_of(name), self.options.timeout)
        with self.lock:
            self.streams[name].append(stream)
        threading.Thread(target=self.read_encrypted, args=(name, stream, session), daemon=True).start()
        return stream

    def close_streams(self, name):
        with self.lock:
            streams, self.streams[name] = self.streams[name], []
        for stream in streams:
            stream.close()

    def echo_once(self, name, session, size):
        """Sends a random payload and waits for it to come back; returns what went wrong, or None."""
        payload = os.urandom(size)
        try:
            self.stream_for_sending(name, session).write(wire.frame(wire.seal(session.key, payload)))
            answer = self.echoes[name].get(timeout=self.options.timeout)
        except queue.Empty:
            return "no echo"
        except (ControlError, OSError, EOFError) as error:
            return str(error) or type(error).__name__
        return None if answer == payload else "another payload of %d bytes came back" % len(answer)

    def echo_all(self, name, sizes, fresh=False):
        session, right = self.require_session(), 0
        if fresh:
            self.close_streams(name)
        with self.lock:
            self.expecting[name] += 1
        try:
            for size in sizes:
                error = self.echo_once(name, session, size)
                emit("echo", stream=name, bytes=size, ok=error is None, err=error)
                if error is not None:
                    break
                right += 1
        finally:
            with self.lock:
                self.expecting[name] -= 1
        return right == len(sizes)

    # Hostile deeds after Established

    def deed_on_new_stream(self, event_name, peer, stream_name, deed, key, afterwards=dict):
        """Does `deed(stream)` on a new stream and reports how that ended; `afterwards()` adds to the line."""
        try:
            stream = self.daemon.open_stream(peer, protocol_of(stream_name), self.options.timeout)
        except (ControlError, OSError, EOFError):
            emit("hostile", name=event_name, outcome="refused", received=0, **afterwards())
            return
        received, answered = bytearray(), threading.Event()

        def act():
            try:
                deed(stream)
            except OSError:
                pass

        def watch():
            try:
                while part := stream.read_some():
                    received.extend(part)
                    try:
                        payload = wire.read_frame(Cursor(received).take)
                    except (ValueError, wire.FrameError):
                        continue
                    if wire.open_sealed(key, bytes(payload)) is not None:
                        answered.set()
            except OSError:
                pass

        # In threads of their own: a write blocks for as long as the other side gives no credit.
        threading.Thread(target=act, daemon=True).start()
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        watcher.join(self.options.wait)
        outcome = "answered" if answered.is_set() else "open" if watcher.is_alive() else "ended"
        more = afterwards()
        stream.close()
        emit("hostile", name=event_name, outcome=outcome, received=len(received), **more)

    def hostile(self, command):
        name, stream_name = command["name"], command.get("stream", self.names[0])
        session = self.require_session()
        key = session.key

        def flipped(payload):
            sealed = bytearray(wire.seal(key, payload))
            sealed[-1] ^= 1
            return wire.frame(bytes(sealed))

        deeds = {
            "announce": lambda stream: stream.write(uvarint(wire.LARGEST_FRAME)),
            "undecryptable": lambda stream: [stream.write(flipped(b"x")) for _ in range(command.get("count", 1))],
            "short-ciphertext": lambda stream: stream.write(wire.frame(bytes(wire.NONCE_LENGTH + wire.TAG_LENGTH - 1))),
            "malformed-varint": lambda stream: stream.write(b"\x80" * 11),
            "inner-mismatch": lambda stream: stream.write(b"\x20\x05" + bytes(31)),
            "oversize": lambda stream: stream.write(
                wire.frame(wire.seal(key, bytes(command.get("bytes", DEFAULT_MAXIMUM_MESSAGE + 1))))
            ),
            "unprepared": lambda stream: stream.write(wire.frame(wire.seal(key, b"x"))),
        }
        if name == "same-name-twice":
            self.same_name_twice(stream_name, session)
            return
        if name not in deeds:
            raise ControlError("no deed of the name " + repr(name))
        if name == "unprepared":
            stream_name = "unprepared"
        else:
            self.close_streams(stream_name)
        self.deed_on_new_stream(name, session.peer, stream_name, deeds[name], key)

    def same_name_twice(self, stream_name, session):
        self.close_streams(stream_name)
        if not self.echo_all(stream_name, [100]):
            raise ControlError("the first stream of the name does not echo")
        first = self.streams[stream_name][0]

        def first_echoes():
            echoed = self.echo_all(stream_name, [100])
            return {"first_alive": echoed and first in self.streams[stream_name]}

        self.deed_on_new_stream(
            "same-name-twice",
            session.peer,
            stream_name,
            lambda stream: stream.write(wire.frame(wire.seal(session.key, b"second"))),
            session.key,
            first_echoes,
        )

    # Commands

    def run(self, command):
        kind = command.get("do")
        if kind == "send":
            name, sizes = command["stream"], command["sizes"]
            if name not in self.names:
                raise ControlError("no stream of the name " + repr(name))
            ok = self.echo_all(name, sizes, command.get("fresh", False))
            emit("sent", stream=name, count=len(sizes), ok=ok)
        elif kind == "hostile":
            self.hostile(command)
        elif kind == "disconnect":
            session = self.require_session()
            self.daemon.disconnect(session.peer)
            self.session = None
        else:
            raise ControlError("no command of the name " + repr(kind))


def read_commands(peer):
    for line in sys.stdin:
        try:
            command = json.loads(line)
            if command.get("do") == "quit":
                return
            peer.run(command)
        except (ControlError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
            emit("error", what="command", err=str(error) or type(error).__name__)


class SelfTestPeer:
    """Another process of this program, driven by the self-test."""

    def __init__(self, options, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--p2pd", options.p2pd, "--wait", "2", "--echo", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def command(self, **values):
        self.process.stdin.write(json.dumps(values) + "\n")
        self.process.stdin.flush()

    def wait_for(self, *events, seconds=40):
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise ControlError("no line of " + "/".join(events)) from None
            if line["event"] in events:
                return line

    def stop(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def self_test(options):
    results = []

    def check(name, ok, **values):
        results.append(ok)
        emit("self-test", check=name, ok=ok, **values)

    failed = wire.check_known_answers()
    check("known-answers", not failed, failed=failed)
    sizes = [0, 1, 100, 65_536, 300_000, 900_000]
    for security in ("noise", "default"):
        for order in ("readme", "simple-chat"):
            common = ["--security", security, "--order", order]
            listener = SelfTestPeer(options, "--role", "listen", "--answer-hello", "once", *common)
            dialer = None
            try:
                address = listener.wait_for("listening")["addrs"][0]
                dialer = SelfTestPeer(options, "--role", "dial", "--connect", address, *common)
                for peer in (listener, dialer):
                    peer.wait_for("established")
                # On `a` the dialer sends first, on `b` the listener: each side opens one of the two streams.
                for peer, name in ((dialer, "a"), (listener, "b"), (listener, "a"), (dialer, "b")):
                    peer.command(do="send", stream=name, sizes=sizes)
                    sent = peer.wait_for("sent")
                    side = "dialer" if peer is dialer else "listener"
                    check("echo", sent["ok"], security=security, order=order, stream=name, sender=side)
                if order == "readme":
                    for deed in ("malformed-varint", "inner-mismatch", "unprepared"):
                        dialer.command(do="hostile", name=deed, stream="a")
                        line = dialer.wait_for("hostile")
                        good = line["outcome"] in ("ended", "refused")
                        check(deed, good, security=security, outcome=line["outcome"])
                    dialer.command(do="send", stream="a", sizes=[100], fresh=True)
                    check("echo-afterwards", dialer.wait_for("sent")["ok"], security=security)
            except ControlError as error:
                check("run", False, security=security, order=order, err=str(error))
            finally:
                for peer in (listener, dialer):
                    if peer is not None:
                        peer.stop()
    for deed in HANDSHAKE_DEEDS:
        check_handshake_deed(options, deed, check)
    emit("final", ok=all(results))
    return 0 if all(results) else 1


def check_handshake_deed(options, deed, check):
    """The honest side is this peer too: it must refuse, and where the deed allows it, be established afterwards."""
    listener = SelfTestPeer(options, "--role", "listen", "--answer-hello", "once")
    dialer = None
    try:
        address = listener.wait_for("listening")["addrs"][0]
        dialer = SelfTestPeer(options, "--role", "dial", "--connect", address, "--hostile", deed)
        outcome = dialer.wait_for("hostile")["outcome"]
        check(deed, outcome in ("ended", "refused"), outcome=outcome)
        if deed == "early-stream":
            listener.wait_for("established")
            dialer.wait_for("established")
            check("established-afterwards", True)
    except ControlError as error:
        check(deed, False, err=str(error))
    finally:
        for peer in (listener, dialer):
            if peer is not None:
                peer.stop()


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--p2pd", required=True)
    parser.add_argument("--role", choices=("listen", "dial"), default="listen")
    parser.add_argument("--connect")
    parser.add_argument("--order", choices=("readme", "simple-chat"), default="readme")
    parser.add_argument("--answer-hello", choices=("every", "once"), default="every")
    parser.add_argument("--streams", default="a,b")
    parser.add_argument("--seed")
    parser.add_argument("--security", choices=("noise", "default"), default="default")
    parser.add_argument("--wait", type=float, default=5)
    parser.add_argument("--timeout", type=int, default=30)
    parser.add_argument("--hostile", choices=HANDSHAKE_DEEDS)
    parser.add_argument("--echo", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.role == "dial" and not options.connect:
        parser.error("--role dial needs --connect")
    return options


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if options.self_test:
        return self_test(options)
    directory = tempfile.mkdtemp(prefix="glueberry-peer-", dir="/tmp")
    peer = Peer(options, directory)
    try:
        peer.start()
        read_commands(peer)
    except ControlError as error:
        emit("error", what="start", err=str(error))
        return 1
    finally:
        if hasattr(peer.daemon, "process"):
            peer.daemon.stop()
        shutil.rmtree(directory, ignore_errors=True)
    emit("final", ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
