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

import NIOCore
import NIOPosix
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Looks names up with the system's resolver.
///
/// It blocks, for half a minute where no server answers, so it has threads to itself: nothing else waits behind it.
enum HostNameResolver {
    /// Look-ups that run at once.
    private static let width = 4
    /// Look-ups that wait for their turn; each is made by a dial, and ends long after the dial has given up.
    private static let maximumWaiting = 256
    private static let pending = Atomic<Int>(0)
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: Self.width)
        pool.start()
        return pool
    }()

    /// Looks a name up without blocking.
    ///
    /// A look-up that is no longer wanted ends by itself. Fails at once if too many are under way.
    static func lookUp(_ name: String, family: Int32, on eventLoop: any EventLoop) -> EventLoopFuture<[String]> {
        guard self.pending.add(1, ordering: .relaxed).newValue <= Self.width + Self.maximumWaiting else {
            self.pending.subtract(1, ordering: .relaxed)
            return eventLoop.makeFailedFuture(
                HostError(.limitExceeded, "\(name) was not looked up: \(Self.maximumWaiting) other look-ups wait"))
        }
        return self.threads.runIfActive(eventLoop: eventLoop) {
            defer { self.pending.subtract(1, ordering: .relaxed) }
            return try self.addresses(of: name, family: family)
        }
    }

    /// How many addresses of one name are used.
    private static let maximumAddresses = 16

    /// Blocks until the resolver answers.
    static func addresses(of name: String, family: Int32) throws(HostError) -> [String] {
        var hints = addrinfo()
        hints.ai_family = family
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0 else {
            throw HostError(.badAddress, "\(name) does not resolve: \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var entry = list
        while let current = entry, addresses.count < Self.maximumAddresses {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let info = current.pointee
            if getnameinfo(
                info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                addresses.append(String(decoding: bytes, as: UTF8.self))
            }
            entry = info.ai_next
        }
        guard !addresses.isEmpty else { throw HostError(.badAddress, "\(name) has no address") }
        return addresses
    }
}
