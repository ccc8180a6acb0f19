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

import AEAD
import Testing

@Suite struct ChaCha20Poly1305KeyTests {
    @Test func sealsTheExamplesOfTheRFC() throws {
        for vector in try ChaCha20Poly1305Vector.all() {
            let key = try ChaCha20Poly1305Key(bytes: vector.key)
            let nonce = try AEADNonce(bytes: vector.nonce)
            #expect(
                try key.sealed(vector.plaintext, nonce: nonce, authenticating: vector.associatedData) == vector.sealed)
        }
    }

    @Test func opensTheExamplesOfTheRFC() throws {
        for vector in try ChaCha20Poly1305Vector.all() {
            let key = try ChaCha20Poly1305Key(bytes: vector.key)
            let nonce = try AEADNonce(bytes: vector.nonce)
            #expect(
                try key.opened(vector.sealed, nonce: nonce, authenticating: vector.associatedData) == vector.plaintext)
        }
    }

    @Test func refusesEveryFlippedBitOfMessageNonceAndAssociatedData() throws {
        for vector in try ChaCha20Poly1305Vector.all() {
            let key = try ChaCha20Poly1305Key(bytes: vector.key)
            let parts = [vector.sealed, vector.nonce, vector.associatedData]
            for (part, content) in parts.enumerated() {
                for offset in content.indices {
                    for bit in 0..<8 {
                        var changed = parts
                        changed[part][offset] ^= 1 << bit
                        let error = #expect(throws: AEADError.self) {
                            try key.opened(
                                changed[0],
                                nonce: AEADNonce(bytes: changed[1]),
                                authenticating: changed[2]
                            )
                        }
                        #expect(error?.code == .authenticationFailed)
                    }
                }
            }
        }
    }

    @Test func refusesEveryFlippedByteOfTheKey() throws {
        for vector in try ChaCha20Poly1305Vector.all() {
            for offset in vector.key.indices {
                var changed = vector.key
                changed[offset] ^= 0xff
                let key = try ChaCha20Poly1305Key(bytes: changed)
                #expect(throws: AEADError.self) {
                    try key.opened(
                        vector.sealed,
                        nonce: AEADNonce(bytes: vector.nonce),
                        authenticating: vector.associatedData
                    )
                }
            }
        }
    }

    @Test func refusesEveryTruncation() throws {
        let vector = try #require(try ChaCha20Poly1305Vector.all().first)
        let key = try ChaCha20Poly1305Key(bytes: vector.key)
        let nonce = try AEADNonce(bytes: vector.nonce)
        for length in vector.sealed.indices {
            let error = #expect(throws: AEADError.self) {
                try key.opened(
                    Array(vector.sealed.prefix(length)),
                    nonce: nonce,
                    authenticating: vector.associatedData
                )
            }
            #expect(error?.code == (length < 16 ? .invalidBufferLength : .authenticationFailed))
        }
    }

    @Test func bufferHoldsNothingButZerosAfterAFailure() throws {
        let key = try ChaCha20Poly1305Key(bytes: Array(0..<32))
        let nonce = AEADNonce(noiseCounter: 7)
        for length in [1, 15, 16, 63, 64, 65, 127, 1000, 5000] {
            let plaintext = [UInt8](repeating: 0x5a, count: length)
            let sealed = try key.sealed(plaintext, nonce: nonce)
            for offset in [0, length - 1, length, length + 15] {
                var buffer = sealed
                buffer[offset] ^= 1
                #expect(throws: AEADError.self) { try key.open(&buffer, nonce: nonce, authenticating: []) }
                #expect(buffer.allSatisfy { $0 == 0 })

                var altered = sealed
                altered[offset] ^= 1
                var destination = [UInt8](repeating: 0x5a, count: length)
                #expect(throws: AEADError.self) { try key.open(altered, into: &destination, nonce: nonce) }
                #expect(destination.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test func sealsAndOpensFromOnePlaceToAnother() throws {
        var random = SplitMix64(seed: 11)
        let key = try ChaCha20Poly1305Key(bytes: random.bytes(32))
        for length in [0, 1, 16, 63, 64, 65, 255, 4096, 65519] {
            let plaintext = random.bytes(length)
            let nonce = AEADNonce(noiseCounter: UInt64(length))
            var sealed = [UInt8](repeating: 0, count: length + 16)
            try key.seal(plaintext, into: &sealed, nonce: nonce)
            #expect(try sealed == key.sealed(plaintext, nonce: nonce))
            var opened = [UInt8](repeating: 0, count: length)
            try key.open(sealed, into: &opened, nonce: nonce)
            #expect(opened == plaintext)
        }
    }

    @Test func sealsAnEmptyMessageToATag() throws {
        let key = try ChaCha20Poly1305Key(bytes: Array(0..<32))
        let nonce = AEADNonce(noiseCounter: 0)
        let sealed = try key.sealed([], nonce: nonce, authenticating: [1, 2, 3])
        #expect(sealed.count == ChaCha20Poly1305Key.tagLength)
        #expect(try key.opened(sealed, nonce: nonce, authenticating: [1, 2, 3]) == [])
        #expect(throws: AEADError.self) { try key.opened(sealed, nonce: nonce, authenticating: [1, 2]) }
    }

    @Test(arguments: [0, 1, 16, 31, 33, 64])
    func refusesAKeyOfAnotherLength(length: Int) {
        let bytes = [UInt8](repeating: 1, count: length)
        let fromArray = #expect(throws: AEADError.self) { try ChaCha20Poly1305Key(bytes: bytes) }
        #expect(fromArray?.code == .invalidKeyLength)
        let fromMemory = #expect(throws: AEADError.self) {
            _ = try bytes.withUnsafeBytes { try ChaCha20Poly1305Key($0) }
        }
        #expect(fromMemory?.code == .invalidKeyLength)
    }

    @Test func keyFromMemoryIsTheKeyFromAnArray() throws {
        let bytes = [UInt8](1...32)
        let fromMemory = try bytes.withUnsafeBytes { try ChaCha20Poly1305Key($0) }
        let sealed = try fromMemory.sealed([1, 2, 3], nonce: AEADNonce(noiseCounter: 1))
        let fromArray = try ChaCha20Poly1305Key(bytes: bytes)
        #expect(try fromArray.opened(sealed, nonce: AEADNonce(noiseCounter: 1)) == [1, 2, 3])
    }

    @Test func refusesABufferWithoutRoomForTheTag() throws {
        let key = try ChaCha20Poly1305Key(bytes: Array(0..<32))
        for length in 0..<16 {
            var buffer = [UInt8](repeating: 9, count: length)
            let error = #expect(throws: AEADError.self) {
                try key.seal(&buffer, nonce: AEADNonce(noiseCounter: 0), authenticating: [])
            }
            #expect(error?.code == .invalidBufferLength)
        }
    }

    @Test(arguments: [0, 18, 20, 64])
    func refusesADestinationOfTheWrongLength(length: Int) throws {
        let key = try ChaCha20Poly1305Key(bytes: Array(0..<32))
        let nonce = AEADNonce(noiseCounter: 0)
        var destination = [UInt8](repeating: 9, count: length)
        let sealing = #expect(throws: AEADError.self) { try key.seal([1, 2, 3], into: &destination, nonce: nonce) }
        #expect(sealing?.code == .invalidBufferLength)
        let sealed = try key.sealed([1, 2, 3], nonce: nonce)
        let opening = #expect(throws: AEADError.self) { try key.open(sealed, into: &destination, nonce: nonce) }
        #expect(opening?.code == .invalidBufferLength)
        #expect(destination == [UInt8](repeating: 9, count: length))
    }

    @Test func randomBytesDoNotOpen() throws {
        var random = SplitMix64(seed: 12)
        let key = try ChaCha20Poly1305Key(bytes: random.bytes(32))
        for _ in 0..<1000 {
            let length = Int.random(in: 0...200, using: &random)
            let sealed = random.bytes(length)
            let nonce = try AEADNonce(bytes: random.bytes(12))
            #expect(throws: AEADError.self) { try key.opened(sealed, nonce: nonce) }
        }
    }

    @Test func oneKeyServesManyTasksAtOnce() async throws {
        let key = try ChaCha20Poly1305Key(bytes: Array(0..<32))
        let failures = await withTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask {
                    var random = SplitMix64(seed: UInt64(task))
                    var failures = 0
                    for message in 0..<200 {
                        let plaintext = random.bytes(Int.random(in: 0...300, using: &random))
                        let nonce = AEADNonce(noiseCounter: UInt64(task) << 32 | UInt64(message))
                        let opened = try? key.opened(key.sealed(plaintext, nonce: nonce), nonce: nonce)
                        if opened != plaintext { failures += 1 }
                        var altered = (try? key.sealed(plaintext, nonce: nonce)) ?? []
                        altered.append(0)
                        if (try? key.opened(altered, nonce: nonce)) != nil { failures += 1 }
                    }
                    return failures
                }
            }
            return await group.reduce(0, +)
        }
        #expect(failures == 0)
    }

    @Test func errorsNameTheirCode() {
        let error = #expect(throws: AEADError.self) { try ChaCha20Poly1305Key(bytes: [1]) }
        #expect(error?.description == "invalidKeyLength: a key has 32 bytes, not 1")
    }
}
