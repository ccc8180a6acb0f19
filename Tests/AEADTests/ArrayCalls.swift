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

/// The calls of the key with arrays, as the tests like them.
extension ChaCha20Poly1305Key {
    func sealed(
        _ plaintext: [UInt8],
        nonce: AEADNonce,
        authenticating data: [UInt8] = []
    ) throws(AEADError) -> [UInt8] {
        var buffer = plaintext + [UInt8](repeating: 0xaa, count: Self.tagLength)
        try self.seal(&buffer, nonce: nonce, authenticating: data)
        return buffer
    }

    func opened(
        _ sealed: [UInt8],
        nonce: AEADNonce,
        authenticating data: [UInt8] = []
    ) throws(AEADError) -> [UInt8] {
        var buffer = sealed
        let length = try self.open(&buffer, nonce: nonce, authenticating: data)
        return Array(buffer.prefix(length))
    }

    func seal(_ buffer: inout [UInt8], nonce: AEADNonce, authenticating data: [UInt8]) throws(AEADError) {
        try buffer.withUnsafeMutableBufferPointer { (buffer) throws(AEADError) in
            try data.withUnsafeBufferPointer { (data) throws(AEADError) in
                try self.seal(
                    UnsafeMutableRawBufferPointer(buffer),
                    nonce: nonce,
                    authenticating: UnsafeRawBufferPointer(data)
                )
            }
        }
    }

    func open(_ buffer: inout [UInt8], nonce: AEADNonce, authenticating data: [UInt8]) throws(AEADError) -> Int {
        try buffer.withUnsafeMutableBufferPointer { (buffer) throws(AEADError) in
            try data.withUnsafeBufferPointer { (data) throws(AEADError) in
                try self.open(
                    UnsafeMutableRawBufferPointer(buffer),
                    nonce: nonce,
                    authenticating: UnsafeRawBufferPointer(data)
                )
            }
        }
    }

    func seal(_ plaintext: [UInt8], into destination: inout [UInt8], nonce: AEADNonce) throws(AEADError) {
        try destination.withUnsafeMutableBufferPointer { (destination) throws(AEADError) in
            try plaintext.withUnsafeBufferPointer { (plaintext) throws(AEADError) in
                try self.seal(
                    UnsafeRawBufferPointer(plaintext),
                    into: UnsafeMutableRawBufferPointer(destination),
                    nonce: nonce,
                    authenticating: UnsafeRawBufferPointer(start: nil, count: 0)
                )
            }
        }
    }

    func open(_ sealed: [UInt8], into destination: inout [UInt8], nonce: AEADNonce) throws(AEADError) {
        try destination.withUnsafeMutableBufferPointer { (destination) throws(AEADError) in
            try sealed.withUnsafeBufferPointer { (sealed) throws(AEADError) in
                try self.open(
                    UnsafeRawBufferPointer(sealed),
                    into: UnsafeMutableRawBufferPointer(destination),
                    nonce: nonce,
                    authenticating: UnsafeRawBufferPointer(start: nil, count: 0)
                )
            }
        }
    }
}
