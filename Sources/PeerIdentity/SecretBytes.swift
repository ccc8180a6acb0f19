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

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Bytes that are overwritten when the last reference to them goes.
///
/// `@unchecked Sendable`: the memory is written in the initialiser and in `deinit` only, when no other thread can hold
/// a reference, and just read in between.
final class SecretBytes: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        memory.copyBytes(from: bytes)
    }

    /// The secret, followed by bytes that need not be one.
    init(_ secret: SecretBytes, then bytes: [UInt8]) {
        memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: secret.memory.count + bytes.count, alignment: 1)
        memory.copyBytes(from: secret.memory)
        UnsafeMutableRawBufferPointer(rebasing: memory[secret.memory.count...]).copyBytes(from: bytes)
    }

    deinit {
        if let start = memory.baseAddress {
            // Not memset, which the compiler may leave out ahead of a deallocation.
            #if canImport(Darwin)
            memset_s(start, memory.count, 0, memory.count)
            #else
            explicit_bzero(start, memory.count)
            #endif
        }
        memory.deallocate()
    }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(memory)) }
    }

    func copy() -> [UInt8] {
        [UInt8](memory)
    }
}
