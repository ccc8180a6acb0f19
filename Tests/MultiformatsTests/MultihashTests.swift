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
import Testing

@Suite struct MultihashTests {
    @Test func identityHoldsTheBytesThemselves() throws {
        let hash = Multihash.identity([1, 2, 3])
        #expect(hash.code == Multihash.identityCode)
        #expect(hash.bytes == [0x00, 0x03, 1, 2, 3])
        #expect(try Multihash(bytes: hash.bytes) == hash)
    }

    @Test func sha256HasItsCodeAndLengthInFront() throws {
        let digest = [UInt8](repeating: 0xaa, count: 32)
        let hash = Multihash(code: Multihash.sha256Code, digest: digest)
        #expect(hash.bytes == [0x12, 0x20] + digest)
        #expect(try Multihash(bytes: hash.bytes) == hash)
    }

    @Test func otherFunctionsAreRead() throws {
        let hash = try Multihash(bytes: [0xb2, 0x40, 0x02, 0xde, 0xad])
        #expect(hash == Multihash(code: 0x2032, digest: [0xde, 0xad]))
    }

    @Test(
        arguments: [
            ([], .truncated),
            ([0x12], .truncated),
            ([0x12, 0x20], .truncated),
            ([0x00, 0x02, 0x01], .truncated),
            ([0x80], .truncated),
            ([0x00, 0x01, 0x01, 0x01], .trailingBytes),
            ([0x80, 0x00, 0x01, 0x01], .malformedVarint),
            ([0x00, 0x81, 0x00, 0x01], .malformedVarint),
            ([0x12, 0x01, 0x00], .invalidDigestLength),
            ([0x00, 0x81, 0x01], .tooLong),
            ([0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .tooLong),
        ] as [([UInt8], MultihashError.Code)])
    func malformedBytesAreRefused(bytes: [UInt8], code: MultihashError.Code) {
        let error = #expect(throws: MultihashError.self) { try Multihash(bytes: bytes) }
        #expect(error?.code == code)
    }

    @Test func longestDigestIsTakenAndNoLonger() throws {
        let longest = Multihash(code: 0x13, digest: [UInt8](repeating: 1, count: Multihash.maximumDigestLength))
        #expect(try Multihash(bytes: longest.bytes) == longest)
        let longer = Multihash(code: 0x13, digest: [UInt8](repeating: 1, count: Multihash.maximumDigestLength + 1))
        #expect(throws: MultihashError.self) { try Multihash(bytes: longer.bytes) }
    }

    @Test func randomBytesAreReadAsWhatEncodesToThemOrRefused() {
        var random = SplitMix64(seed: 6)
        for _ in 0..<5000 {
            var bytes = random.bytes(Int.random(in: 0...40, using: &random))
            if bytes.count > 2, Bool.random(using: &random) { bytes[1] = UInt8(bytes.count - 2) }
            if let hash = try? Multihash(bytes: bytes) {
                #expect(hash.bytes == bytes)
            }
        }
    }
}
