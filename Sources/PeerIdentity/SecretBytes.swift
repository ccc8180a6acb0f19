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

    func copy() -> [UInt8] {
        [UInt8](memory)
    }
}
