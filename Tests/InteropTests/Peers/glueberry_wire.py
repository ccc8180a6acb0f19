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
"""The keys and frames of Glueberry, written down once more and independently for the peer in Python.

Known answers at the end: `check_known_answers` compares with what the original implementation computed.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from p2pd_control import Cursor, base58_encode, read_uvarint, uvarint

PRIME = 2**255 - 19
CURVE_D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
NONCE_LENGTH, TAG_LENGTH = 12, 16
LARGEST_FRAME = 64 * 1024 * 1024
KEY_INFO = b"glueberry-v1-stream-key"


class FrameError(Exception):
    """A frame that is malformed or larger than allowed."""


def public_key_of(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def peer_id_of(public_key):
    """The bytes of the peer ID: an identity multihash over the public key's protobuf."""
    return b"\x00\x24\x08\x01\x12\x20" + public_key


def public_key_in(peer_id):
    if len(peer_id) != 38 or not peer_id.startswith(b"\x00\x24\x08\x01\x12\x20"):
        raise ValueError("not the peer ID of an Ed25519 key")
    return peer_id[6:]


def x25519_private_of(seed):
    scalar = bytearray(hashlib.sha512(seed).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    return bytes(scalar)


def x25519_public_of(ed25519_public):
    """u = (1 + y) / (1 - y) of an Ed25519 point; refuses what is not a canonical point on the curve."""
    encoded = int.from_bytes(ed25519_public, "little")
    sign, y = encoded >> 255, encoded & (2**255 - 1)
    if len(ed25519_public) != 32 or y >= PRIME:
        raise ValueError("not a canonical Ed25519 public key")
    x_squared = (y * y - 1) * pow(CURVE_D * y * y + 1, PRIME - 2, PRIME) % PRIME
    if pow(x_squared, (PRIME - 1) // 2, PRIME) not in (0, 1) or (x_squared == 0 and sign == 1):
        raise ValueError("not a point on the curve")
    u = (1 + y) * pow(1 - y, PRIME - 2, PRIME) % PRIME
    return u.to_bytes(32, "little")


def pair_key(seed, remote_ed25519_public):
    """The key of a pair of peers; raises ValueError for a point that is off the curve or of low order."""
    private = X25519PrivateKey.from_private_bytes(x25519_private_of(seed))
    secret = private.exchange(X25519PublicKey.from_public_bytes(x25519_public_of(remote_ed25519_public)))
    return HKDF(hashes.SHA256(), 32, salt=None, info=KEY_INFO).derive(secret)


def seal(key, payload, nonce=None):
    nonce = nonce or os.urandom(NONCE_LENGTH)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, payload, None)


def open_sealed(key, sealed):
    """The payload, or None when the ciphertext does not open."""
    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], None)
    except (InvalidTag, ValueError):
        return None


def frame(payload):
    inner = uvarint(len(payload)) + payload
    return uvarint(len(inner)) + inner


def read_frame(read_exactly, largest=LARGEST_FRAME):
    """Reads one frame and returns its payload. EOFError at the end of the stream, FrameError for what is malformed."""
    try:
        outer = read_uvarint(read_exactly)
    except ValueError as error:
        raise FrameError(str(error)) from error
    if outer > largest:
        raise FrameError("a frame of %d bytes" % outer)
    cursor = Cursor(read_exactly(outer))
    try:
        inner = read_uvarint(cursor.take)
    except ValueError as error:
        raise FrameError(str(error)) from error
    if inner != outer - cursor.offset:
        raise FrameError("the inner length does not fill the outer one")
    return cursor.take(inner)


def check_known_answers():
    """Compares with known answers; returns the names of the checks that failed (none: all agree)."""
    seeds = {1: b"\x01" * 32, 2: b"\x02" * 32}
    answers = {
        "ed25519_public_1": "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        "ed25519_public_2": "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
        "peer_id_1": "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5",
        "peer_id_2": "12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq",
        "x25519_private_1": "58e86efb75fa4e2c410f46e16de9f6acae1a1703528651b69bc176c088bef36e",
        "x25519_private_2": "a83c626bc9c38c8c201878ebb1d5b0b50ac40e8986c78793db1d4ef369fca14e",
        "x25519_public_1": "1b1b58dd50ea14b60da17b790cd02754d970c9bab864ebb3c0f3016fe51d3f57",
        "x25519_public_2": "60346e7c911a5f6ba154129174cafe75b294ac3bbd5549632f48cec6266f8410",
        "pair_key": "5b7eb24d827b5976a95a65a1ec53336267eabd7288f6868fcc46e7ff1d9c19d3",
        "sealed_hello": "07070707070707070707070725dbdb2eac8fe46a93e11ad57800e764245c4953e5",
        "sealed_hello_frame": "222107070707070707070707070725dbdb2eac8fe46a93e11ad57800e764245c4953e5",
        "frame_empty": "0100",
        "frame_hello": "020101",
        "frame_complete": "020103",
        "frame_public_key_1": "2221028a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
        "frame_zeros_125": "7e7d" + "00" * 125,
        "frame_zeros_126": "7f7e" + "00" * 126,
        "frame_zeros_127": "80017f" + "00" * 127,
        "frame_zeros_128": "82018001" + "00" * 128,
        "frame_zeros_300": "ae02ac02" + "00" * 300,
        "frame_zeros_16384": "838001808001" + "00" * 16384,
        "frame_zeros_10485760_start": "8480800580808005",
    }
    public = {number: public_key_of(seed) for number, seed in seeds.items()}
    key = pair_key(seeds[1], public[2])
    sealed = seal(key, b"hello", nonce=b"\x07" * NONCE_LENGTH)
    found = {
        "pair_key": key.hex(),
        "sealed_hello": sealed.hex(),
        "sealed_hello_frame": frame(sealed).hex(),
        "frame_empty": frame(b"").hex(),
        "frame_hello": frame(b"\x01").hex(),
        "frame_complete": frame(b"\x03").hex(),
        "frame_public_key_1": frame(b"\x02" + public[1]).hex(),
        "frame_zeros_10485760_start": frame(bytes(10485760))[:8].hex(),
    }
    for number in (1, 2):
        found["ed25519_public_%d" % number] = public[number].hex()
        found["peer_id_%d" % number] = base58_encode(peer_id_of(public[number]))
        found["x25519_private_%d" % number] = x25519_private_of(seeds[number]).hex()
        found["x25519_public_%d" % number] = x25519_public_of(public[number]).hex()
    for length in (125, 126, 127, 128, 300, 16384):
        found["frame_zeros_%d" % length] = frame(bytes(length)).hex()
    failed = [name for name in answers if found.get(name) != answers[name]]

    def refuses(name, attempt, error_type):
        try:
            attempt()
        except error_type:
            return
        failed.append(name)

    if pair_key(seeds[2], public[1]) != key:
        failed.append("pair_key_is_symmetric")
    if open_sealed(key, sealed) != b"hello":
        failed.append("sealed_hello_opens")
    if any(open_sealed(key, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) for at in range(len(sealed))):
        failed.append("a_flipped_byte_is_refused")
    for length in (0, 1, 125, 126, 127, 128, 300, 16384, 70000):
        if read_frame(Cursor(frame(bytes(length))).take) != bytes(length):
            failed.append("frame_of_%d_is_read" % length)
    refuses("point_off_the_curve", lambda: pair_key(seeds[1], b"\x02" + bytes(31)), ValueError)
    refuses("low_order_point", lambda: pair_key(seeds[1], b"\x01" + bytes(31)), ValueError)
    refuses("y_not_canonical", lambda: pair_key(seeds[1], (PRIME + 3).to_bytes(32, "little")), ValueError)
    refuses("long_varint", lambda: read_frame(Cursor(b"\x80" * 11).take), FrameError)
    refuses("inner_shorter", lambda: read_frame(Cursor(b"\x03\x01\x00\x00").take), FrameError)
    refuses("inner_longer", lambda: read_frame(Cursor(b"\x03\x05\x00\x00").take), FrameError)
    refuses("frame_too_large", lambda: read_frame(Cursor(uvarint(LARGEST_FRAME + 1)).take), FrameError)
    return failed
