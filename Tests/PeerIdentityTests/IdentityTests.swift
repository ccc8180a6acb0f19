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

import Multiformats
import PeerIdentity
import Testing

@Suite struct IdentityTests {
    @Test(arguments: NodeVector.all.indices) func aSeedMakesTheSamePeerAsInGo(index: Int) throws {
        let vector = NodeVector.all[index]
        let identity = try Identity(seed: vector.seed)
        #expect(Base16.encode(identity.publicKey.bytes) == vector.publicKey)
        #expect(identity.peerID.description == vector.text)
        #expect(identity.keyFileBytes == vector.seed + identity.publicKey.bytes)
        #expect(identity.withSeed { $0 } == vector.seed)
    }

    @Test func whatAKeychainStoresIsReadBack() throws {
        let identity = Identity.generate()
        let seed = identity.withUnsafeSeed { [UInt8]($0) }
        let whole = identity.withUnsafeKeyFileBytes { [UInt8]($0) }
        #expect(seed.count == Identity.seedLength && whole.count == Identity.keyFileLength)
        #expect(whole == identity.keyFileBytes && whole == seed + identity.publicKey.bytes)
        #expect(try Identity(seed: seed).peerID == identity.peerID)
        #expect(try Identity(keyFile: whole).peerID == identity.peerID)
        // What was handed out and overwritten was a copy.
        #expect(identity.withUnsafeSeed { [UInt8]($0) } == seed)
    }

    @Test func theSpecificationsPrivateKeyMakesItsPublicKey() throws {
        let identity = try Identity(privateKeyProtobuf: try Base16.decode(KeyVector.ed25519PrivateKey))
        #expect(Base16.encode(identity.publicKey.protobuf) == KeyVector.ed25519.publicKey)
    }

    @Test func privateKeysOfOtherTypesAreUnsupported() throws {
        let encoded = try Base16.decode(KeyVector.secp256k1PrivateKey)
        let error = #expect(throws: IdentityError.self) { try Identity(privateKeyProtobuf: encoded) }
        #expect(error?.code == .unsupportedKeyType)
    }

    @Test(arguments: [[], [0x08], [0x08, 0x01], [0xff, 0xff], [UInt8](repeating: 0, count: 9000)] as [[UInt8]])
    func malformedPrivateKeysAreRefused(encoded: [UInt8]) {
        let error = #expect(throws: IdentityError.self) { try Identity(privateKeyProtobuf: encoded) }
        #expect(error?.code == .malformedKey)
    }

    @Test func generatedIdentitiesDiffer() {
        #expect(Identity.generate().peerID != Identity.generate().peerID)
    }

    @Test func whatIsSignedVerifies() throws {
        let identity = Identity.generate()
        let message = [UInt8]("message".utf8)
        let signature = try identity.sign(message)
        #expect(signature.count == PublicKey.ed25519SignatureLength)
        #expect(try identity.publicKey.isValidSignature(signature, for: message))
        #expect(try !Identity.generate().publicKey.isValidSignature(signature, for: message))
    }

    @Test func theDescriptionHoldsNoSecret() throws {
        let identity = try Identity(seed: NodeVector.first.seed)
        #expect("\(identity)" == "Identity(\(NodeVector.first.text))")
        var dumped = ""
        dump(identity, to: &dumped)
        #expect(!dumped.contains("1, 1, 1, 1"))
        #expect(!dumped.contains("01010101"))
    }

    @Test func aSeedOfAnotherLengthIsRefused() {
        for count in [0, 31, 33, 64] {
            let error = #expect(throws: IdentityError.self) { try Identity(seed: [UInt8](repeating: 1, count: count)) }
            #expect(error?.code == .malformedKey)
        }
    }

    @Test func bothFormsOfKeyFileAreRead() throws {
        let identity = try Identity(seed: NodeVector.first.seed)
        let bytes = identity.keyFileBytes
        #expect(try Identity(keyFile: bytes).peerID == identity.peerID)
        #expect(try Identity(keyFile: bytes + identity.publicKey.bytes).peerID == identity.peerID)
    }

    @Test func keyFilesOfOtherLengthsAreRefused() throws {
        let bytes = try Identity(seed: NodeVector.first.seed).keyFileBytes
        for count in Array(0..<64) + Array(65..<96) + [97, 128] {
            let file = [UInt8]((bytes + bytes).prefix(count))
            let error = #expect(throws: IdentityError.self) { try Identity(keyFile: file) }
            #expect(error?.code == .malformedKeyFile)
        }
    }

    @Test func everyByteFlippedInAKeyFileIsAMismatch() throws {
        let identity = try Identity(seed: NodeVector.first.seed)
        let bytes = identity.keyFileBytes + identity.publicKey.bytes
        for position in bytes.indices {
            var changed = bytes
            changed[position] ^= 0x01
            let error = #expect(throws: IdentityError.self) { try Identity(keyFile: changed) }
            #expect(error?.code == .keyMismatch)
            guard position < Identity.keyFileLength else { continue }
            #expect(throws: IdentityError.self) { try Identity(keyFile: [UInt8](changed.prefix(64))) }
        }
    }
}
