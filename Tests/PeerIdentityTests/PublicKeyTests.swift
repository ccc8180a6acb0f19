//===----------------------------------------------------------------------===//
//
// This source file is part of the Glueberry open source project
//
// Copyright (c) 2026 the Glueberry project authors
// Licensed under Apache License v2.0
//
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

import Crypto
import Multiformats
import PeerIdentity
import Testing

@Suite struct PublicKeyTests {
    @Test(arguments: KeyVector.all.indices) func keysOfEveryTypeAreReadAndWrittenTheSame(index: Int) throws {
        let vector = KeyVector.all[index]
        let encoded = try Base16.decode(vector.publicKey)
        let key = try PublicKey(protobuf: encoded)
        #expect("\(key.type)" == vector.name)
        #expect(key.protobuf == encoded)
    }

    @Test func anEd25519KeyIsMadeOf32Bytes() throws {
        let bytes = [UInt8](0..<32)
        let key = try PublicKey(ed25519: bytes)
        #expect(key.type == .ed25519)
        #expect(key.protobuf == [0x08, 0x01, 0x12, 0x20] + bytes)
        for count in [0, 31, 33, 64] {
            let error = #expect(throws: IdentityError.self) {
                try PublicKey(ed25519: [UInt8](repeating: 0, count: count))
            }
            #expect(error?.code == .malformedKey)
        }
    }

    @Test func signaturesAreVerified() throws {
        let signer = Curve25519.Signing.PrivateKey()
        let key = try PublicKey(ed25519: [UInt8](signer.publicKey.rawRepresentation))
        let message = [UInt8]("message".utf8)
        let signature = [UInt8](try signer.signature(for: message))
        #expect(try key.isValidSignature(signature, for: message))
        #expect(try !key.isValidSignature(signature, for: message + [0]))
        #expect(try !key.isValidSignature([], for: message))
        #expect(try !key.isValidSignature(signature + [0], for: message))
        #expect(try !key.isValidSignature([UInt8](signature.dropLast()), for: message))
        for position in signature.indices {
            var changed = signature
            changed[position] ^= 0x01
            #expect(try !key.isValidSignature(changed, for: message))
        }
    }

    @Test func bytesThatAreNoPointVerifyNothing() throws {
        for bytes in [[UInt8](repeating: 0xff, count: 32), [UInt8](repeating: 0x02, count: 32)] {
            let key = try PublicKey(ed25519: bytes)
            #expect(try !key.isValidSignature([UInt8](repeating: 1, count: 64), for: [1, 2, 3]))
        }
    }

    @Test(arguments: [KeyVector.rsa, .secp256k1, .ecdsa].map(\.publicKey))
    func otherTypesAreAnErrorThatNamesThem(encoded: String) throws {
        let key = try PublicKey(protobuf: try Base16.decode(encoded))
        let error = #expect(throws: IdentityError.self) {
            try key.isValidSignature([UInt8](repeating: 0, count: 64), for: [])
        }
        #expect(error?.code == .unsupportedKeyType)
        #expect(error?.message.contains("\(key.type)") == true)
    }

    @Test(arguments: [
        "", "08", "0801", "080112", "08011220", "1220" + String(repeating: "00", count: 32),
        // Too short, too long, a byte behind, the length not minimal, the type not minimal.
        "0801121f" + String(repeating: "00", count: 31), "08011221" + String(repeating: "00", count: 33),
        "08011220" + String(repeating: "00", count: 33), "080112a000" + String(repeating: "00", count: 32),
        "0881001220" + String(repeating: "00", count: 32),
        // The fields in the other order, the type twice, an unknown field, an unknown type.
        "1220" + String(repeating: "00", count: 32) + "0801", "080108011220" + String(repeating: "00", count: 32),
        "08011220" + String(repeating: "00", count: 32) + "1800", "08041220" + String(repeating: "00", count: 32),
        "08ffffffffffffffffff011220" + String(repeating: "00", count: 32),
        // secp256k1 with a wrong first byte and a wrong length, an ECDSA key that is no sequence.
        "0802122104" + String(repeating: "00", count: 32), "08021220" + String(repeating: "02", count: 32),
        "0803125b31" + String(repeating: "00", count: 90),
        // A group that never ends, and groups inside each other.
        "0b", String(repeating: "0b", count: 500),
    ])
    func malformedEncodingsAreRefused(encoded: String) throws {
        let bytes = try Base16.decode(encoded)
        let error = #expect(throws: IdentityError.self) { try PublicKey(protobuf: bytes) }
        #expect(error?.code == .malformedKey)
    }

    /// An encoded key of the size that an RSA key of so many bits has: its modulus and 38 bytes.
    private func encodedRSAKey(bits: Int) -> [UInt8] {
        let length = bits / 8 + 38
        var encoded: [UInt8] = [0x08, 0x00, 0x12]
        UnsignedVarint.append(UInt64(length), to: &encoded)
        return encoded + [0x30] + [UInt8](repeating: 0x41, count: length - 1)
    }

    @Test(arguments: [512, 1024, 9216, 16_384, 1_000_000]) func rsaKeysOfOtherSizesAreRefused(bits: Int) {
        let error = #expect(throws: IdentityError.self) { try PublicKey(protobuf: encodedRSAKey(bits: bits)) }
        #expect(error?.code == .malformedKey)
    }

    @Test(arguments: [2048, 3072, 4096, 8192]) func rsaKeysOfTheUsualSizesAreRecognised(bits: Int) throws {
        let key = try PublicKey(protobuf: encodedRSAKey(bits: bits))
        #expect(key.type == .rsa)
        #expect(PeerID(publicKey: key).bytes.prefix(2) == [0x12, 0x20])
    }

    @Test func everyTruncationOfAKeyIsRefused() throws {
        for vector in KeyVector.all {
            let encoded = try Base16.decode(vector.publicKey)
            for length in 0..<encoded.count {
                #expect(throws: IdentityError.self) { try PublicKey(protobuf: encoded.prefix(length)) }
            }
        }
    }

    @Test func randomBytesAreReadAsWhatEncodesToThemOrRefused() {
        var random = SplitMix64(seed: 1)
        for round in 0..<5000 {
            var bytes = random.bytes(Int.random(in: 0...80, using: &random))
            if round.isMultiple(of: 2), bytes.count > 4 {
                bytes.replaceSubrange(0..<4, with: [0x08, UInt8(round % 4), 0x12, UInt8(bytes.count - 4)])
            }
            if let key = try? PublicKey(protobuf: bytes) {
                #expect(key.protobuf == bytes)
            }
        }
    }
}
