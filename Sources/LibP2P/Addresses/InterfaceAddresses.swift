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
import NIOCore
import NIOPosix

/// Expands the wildcard addresses that a host is bound to into those of the machine's interfaces.
enum InterfaceAddresses {
    static func expand(_ bound: [Multiaddr]) -> [Multiaddr] {
        var result: [Multiaddr] = []
        for address in bound {
            guard address.isWildcard, let endpoint = address.tcpEndpoint else {
                result.append(address)
                continue
            }
            for device in (try? System.enumerateDevices()) ?? [] {
                guard let candidate = self.address(of: device, like: endpoint) else { continue }
                result.append(candidate)
            }
        }
        var seen: Set<Multiaddr> = []
        return result.filter { seen.insert($0).inserted }
    }

    private static func address(of device: NIONetworkDevice, like endpoint: Multiaddr.TCPEndpoint) -> Multiaddr? {
        guard let socketAddress = device.address, let ip = socketAddress.ipAddress else { return nil }
        switch (socketAddress, endpoint.host) {
        case (.v4, .ip4), (.v6, .ip6):
            // A link-local address means nothing to others without their own zone.
            guard !ip.hasPrefix("fe80:") else { return nil }
            return try? Multiaddr(ipAddress: ip, tcpPort: endpoint.port)
        default: return nil
        }
    }
}
