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
"""Runs p2pd, the go-libp2p daemon, and drives it through its control socket.

The control protocol is length-delimited protobuf over a unix socket, one request per connection. An opened stream
*is* the connection of its request; an incoming stream is a connection that p2pd makes to the socket of its handler.
p2pd has no half-close: shutting the connection down for writing also ends reading, and a stream that the remote reset
looks like one that it finished.
"""

import ctypes
import ipaddress
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

IDENTIFY, CONNECT, STREAM_OPEN, STREAM_HANDLER, DISCONNECT = 0, 1, 2, 3, 7
IP4, TCP, IP6, DNS4, P2P, UNIX = 4, 6, 41, 54, 421, 400
NAMES = {IP4: "ip4", TCP: "tcp", IP6: "ip6", DNS4: "dns4", P2P: "p2p", UNIX: "unix"}
CODES = {name: code for code, name in NAMES.items()}


class ControlError(Exception):
    """p2pd answered a request with an error, or could not be reached."""


def base58_decode(text):
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip("1"))) + body


def base58_encode(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def uvarint(number):
    output = bytearray()
    while number > 0x7F:
        output.append(number & 0x7F | 0x80)
        number >>= 7
    output.append(number)
    return bytes(output)


def read_uvarint(read_exactly):
    """Reads an unsigned LEB128 varint of at most ten bytes with `read_exactly(count)`."""
    number = 0
    for index in range(10):
        byte = read_exactly(1)[0]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number
    raise ValueError("a varint of more than ten bytes")


class Cursor:
    """Reads bytes one after another out of a value that is complete."""

    def __init__(self, data):
        self.data, self.offset = data, 0

    def take(self, count):
        part = self.data[self.offset : self.offset + count]
        if len(part) < count:
            raise ValueError("truncated")
        self.offset += count
        return part

    @property
    def at_end(self):
        return self.offset >= len(self.data)


def multiaddr_encode(text):
    parts, output = text.strip("/").split("/"), b""
    while parts:
        name = parts.pop(0)
        if name == "ipfs":
            name = "p2p"
        output += uvarint(CODES[name])
        value = parts.pop(0)
        if name in ("ip4", "ip6"):
            output += ipaddress.ip_address(value).packed
        elif name == "tcp":
            output += struct.pack(">H", int(value))
        else:
            raw = base58_decode(value) if name == "p2p" else value.encode()
            output += uvarint(len(raw)) + raw
    return output


def multiaddr_decode(data):
    cursor, text = Cursor(data), ""
    while not cursor.at_end:
        code = read_uvarint(cursor.take)
        text += "/" + NAMES[code]
        if code == IP4:
            text += "/" + str(ipaddress.ip_address(cursor.take(4)))
        elif code == IP6:
            text += "/" + str(ipaddress.ip_address(cursor.take(16)))
        elif code == TCP:
            text += "/%d" % struct.unpack(">H", cursor.take(2))
        else:
            raw = cursor.take(read_uvarint(cursor.take))
            text += "/" + (base58_encode(raw) if code == P2P else raw.decode().lstrip("/"))
    return text


def unix_multiaddr(path):
    raw = path.encode()
    return uvarint(UNIX) + uvarint(len(raw)) + raw


def field(number, value):
    """A protobuf field: a varint for an int, length-delimited for bytes."""
    if isinstance(value, int):
        return uvarint(number << 3) + uvarint(value)
    return uvarint(number << 3 | 2) + uvarint(len(value)) + value


def fields(data):
    """The fields of a protobuf message as {number: [values]}."""
    cursor, found = Cursor(data), {}
    while not cursor.at_end:
        key = read_uvarint(cursor.take)
        kind = key & 7
        if kind == 0:
            value = read_uvarint(cursor.take)
        elif kind == 2:
            value = cursor.take(read_uvarint(cursor.take))
        elif kind in (1, 5):
            value = cursor.take(8 if kind == 1 else 4)
        else:
            raise ValueError("a wire type that is not used")
        found.setdefault(key >> 3, []).append(value)
    return found


class ByteStream:
    """A libp2p stream, seen as the unix connection that carries it. Reads and writes may come from two threads."""

    def __init__(self, connection):
        self.connection = connection
        self.peer, self.protocol = b"", ""
        self.write_lock = threading.Lock()

    def read_exactly(self, count):
        output = bytearray()
        while len(output) < count:
            part = self.connection.recv(min(count - len(output), 1 << 20))
            if not part:
                raise EOFError("the stream ended")
            output += part
        return bytes(output)

    def read_some(self):
        """What has arrived, at most 64 KiB; empty at the end."""
        return self.connection.recv(1 << 16)

    def write(self, data):
        with self.write_lock:
            self.connection.sendall(data)

    def ended_within(self, seconds):
        """Waits for the end of the stream; returns (ended, number of bytes that came before it)."""
        deadline, received = time.monotonic() + seconds, 0
        while (left := deadline - time.monotonic()) > 0:
            try:
                # Not a time-out of the socket: another thread may be reading too.
                if not select.select([self.connection], [], [], left)[0]:
                    break
                part = self.connection.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                return True, received
            if not part:
                return True, received
            received += len(part)
        return False, received

    def close(self, seconds=5):
        """Ends both directions and returns once p2pd has finished the stream, so that a stream opened afterwards comes
        after it on the wire. A reader in another thread returns with the end of the stream."""
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.ended_within(seconds)
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()

    def read_message(self):
        return self.read_exactly(read_uvarint(self.read_exactly))

    def write_message(self, data):
        self.write(uvarint(len(data)) + data)


def kill_with_parent():
    """Runs in the child before it becomes p2pd: Linux kills it when the peer's process ends in whatever way."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Daemon:
    """One p2pd process. `start` returns when it answers; `stop` when it is gone."""

    def __init__(self, executable, directory, seed, public_key, listen="/ip4/127.0.0.1/tcp/0", arguments=()):
        self.control = os.path.join(directory, "p2pd.sock")
        self.directory, self.handlers = directory, 0
        key_path = os.path.join(directory, "p2pd.key")
        with open(key_path, "wb") as key_file:
            key_file.write(b"\x08\x01\x12\x40" + seed + public_key)
        self.log_path = os.path.join(directory, "p2pd.log")
        self.command = [
            *(executable, "-listen", "/unix" + self.control),
            *("-hostAddrs", listen, "-id", key_path),
            *arguments,
        ]

    def start(self, seconds=20):
        with open(self.log_path, "wb") as log:
            before = kill_with_parent if sys.platform == "linux" else None
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=before
            )
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.peer, self.addresses = self.identify()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(self.log_path, errors="replace") as log:
                        raise ControlError("p2pd does not answer: " + log.read()[-2000:]) from error
                time.sleep(0.01)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def request(self, message):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self.control)
            stream = ByteStream(connection)
            stream.write_message(message)
            response = fields(stream.read_message())
        except (OSError, EOFError):
            connection.close()
            raise
        if response[1][0] != 0:
            connection.close()
            raise ControlError(fields(response[2][0])[1][0].decode(errors="replace"))
        return stream, response

    def identify(self):
        stream, response = self.request(field(1, IDENTIFY))
        stream.close()
        found = fields(response[4][0])
        return found[1][0], [multiaddr_decode(address) for address in found.get(2, [])]

    def connect(self, peer, addresses, seconds=10):
        wanted = field(1, peer) + b"".join(field(2, multiaddr_encode(address)) for address in addresses)
        stream, _ = self.request(field(1, CONNECT) + field(2, wanted + field(3, seconds)))
        stream.close()

    def disconnect(self, peer):
        stream, _ = self.request(field(1, DISCONNECT) + field(7, field(1, peer)))
        stream.close()

    def open_stream(self, peer, protocol, seconds=10):
        wanted = field(1, peer) + field(2, protocol.encode()) + field(3, seconds)
        stream, _ = self.request(field(1, STREAM_OPEN) + field(3, wanted))
        stream.peer, stream.protocol = peer, protocol
        return stream

    def handle(self, protocol, handler):
        """Calls `handler(stream)` in a thread of its own for each incoming stream of the protocol."""
        self.handlers += 1
        path = os.path.join(self.directory, "handler-%d.sock" % self.handlers)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(4096)
        wanted = field(1, unix_multiaddr(path)) + field(2, protocol.encode()) + field(3, 0)
        stream, _ = self.request(field(1, STREAM_HANDLER) + field(4, wanted))
        stream.close()

        def serve(connection):
            stream = ByteStream(connection)
            try:
                information = fields(stream.read_message())
                stream.peer, stream.protocol = information[1][0], information[3][0].decode()
                handler(stream)
            except (OSError, EOFError):
                pass
            finally:
                stream.close()

        def accept():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
