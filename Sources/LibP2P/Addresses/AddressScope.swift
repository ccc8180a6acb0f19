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

extension Multiaddr {
    /// Whether the address is reachable from anywhere: an IP address outside the private, local and reserved blocks, or
    /// a name, of which nothing is known.
    package var isPublic: Bool {
        guard let endpoint = self.tcpEndpoint else { return true }
        switch endpoint.host {
        case .dns, .dns4, .dns6: return true
        case .ip4: return self.addressBytes(of: .ip4).map(Self.isPublicIPv4) ?? false
        case .ip6: return self.addressBytes(of: .ip6).map(Self.isPublicIPv6) ?? false
        }
    }

    /// Whether the address names this machine only.
    package var isLoopback: Bool {
        if let bytes = self.addressBytes(of: .ip4) { return bytes.first == 127 }
        if let bytes = self.addressBytes(of: .ip6) { return bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 }
        return false
    }

    /// Whether the address stands for every interface.
    package var isWildcard: Bool {
        (self.addressBytes(of: .ip4) ?? self.addressBytes(of: .ip6))?.allSatisfy { $0 == 0 } ?? false
    }

    private func addressBytes(of proto: MultiaddrProtocol) -> [UInt8]? {
        self.components.first { $0.proto == proto }?.value
    }

    private static func isPublicIPv4(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == 4 else { return false }
        switch (bytes[0], bytes[1]) {
        case (0, _), (10, _), (127, _), (169, 254), (192, 168): return false
        case (100, 64...127), (172, 16...31), (198, 18...19): return false
        case (224..., _): return false
        default: return true
        }
    }

    private static func isPublicIPv6(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == 16 else { return false }
        // Only 2000::/3 is assigned for global use; the documentation block within it is not.
        return bytes[0] & 0xe0 == 0x20
            && !(bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8)
    }
}
