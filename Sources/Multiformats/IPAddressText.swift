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

/// The text form of IPv4 addresses: four decimal numbers without leading zeros.
enum IPv4Text {
    static func parse(_ text: some Collection<UInt8>) -> [UInt8]? {
        // "255.255.255.255"
        guard text.count <= 15 else { return nil }
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard let value = DecimalText.parse(part, maximum: 255) else { return nil }
            bytes.append(UInt8(value))
        }
        return bytes
    }

    static func format(_ bytes: some Collection<UInt8>) -> String {
        bytes.map { String($0) }.joined(separator: ".")
    }
}

/// The text form of IPv6 addresses: read as RFC 4291 has it, printed in the canonical form of RFC 5952.
///
/// Own code and not the platform's, so that every system reads and prints the same.
enum IPv6Text {
    static func parse(_ text: some Collection<UInt8>) -> [UInt8]? {
        // "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
        guard text.count <= 45 else { return nil }
        let colon = UInt8(ascii: ":")
        let parts = Array(text.split(separator: colon, omittingEmptySubsequences: false))
        // "::" leaves one empty part between two others, two at the start or the end of the text, three alone.
        guard parts.count >= 3 else { return nil }
        var before: [UInt8] = []
        var after: [UInt8] = []
        var compressed = false
        var index = 0
        while index < parts.count {
            let part = parts[index]
            let isLast = index == parts.count - 1
            if part.isEmpty {
                guard !compressed else { return nil }
                if index == 0 {
                    guard parts[1].isEmpty else { return nil }
                    index += 1
                } else if isLast {
                    return nil
                }
                compressed = true
                // The second empty part of a "::" that ends the text.
                if index == parts.count - 2, parts[index + 1].isEmpty { index += 1 }
            } else {
                let bytes: [UInt8]
                if isLast, part.contains(UInt8(ascii: ".")) {
                    guard let embedded = IPv4Text.parse(part) else { return nil }
                    bytes = embedded
                } else {
                    guard let group = parseGroup(part) else { return nil }
                    bytes = [UInt8(truncatingIfNeeded: group >> 8), UInt8(truncatingIfNeeded: group)]
                }
                if compressed {
                    after.append(contentsOf: bytes)
                } else {
                    before.append(contentsOf: bytes)
                }
            }
            index += 1
        }
        // At most 45 characters, so these counts are small.
        let missing = 16 - before.count - after.count
        guard compressed ? missing >= 2 : missing == 0 else { return nil }
        return before + [UInt8](repeating: 0, count: missing) + after
    }

    private static func parseGroup(_ text: some Collection<UInt8>) -> UInt16? {
        guard (1...4).contains(text.count) else { return nil }
        var value: UInt16 = 0
        for character in text {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// The canonical text of an address of 16 bytes.
    static func format(_ bytes: [UInt8]) -> String {
        let groups = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        // RFC 5952, section 5: IPv4 addresses mapped into IPv6 show their usual form.
        if groups.count == 8, groups.prefix(5).allSatisfy({ $0 == 0 }), groups[5] == 0xffff {
            return "::ffff:" + IPv4Text.format(bytes.suffix(4))
        }
        // The first of the longest runs of two or more zero groups is left out (RFC 5952, section 4.2).
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            var end = start
            while end < groups.count, groups[end] == 0 { end += 1 }
            if end - start >= 2, end - start > longest.count { longest = start..<end }
            start = end + 1
        }
        func join(_ groups: some Sequence<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return join(groups) }
        return join(groups[..<longest.lowerBound]) + "::" + join(groups[longest.upperBound...])
    }
}

/// Decimal numbers as multiaddrs hold them: digits only and no leading zeros.
enum DecimalText {
    static func parse(_ text: some Collection<UInt8>, maximum: UInt64) -> UInt64? {
        guard let first = text.first, first != UInt8(ascii: "0") || text.count == 1 else { return nil }
        var value: UInt64 = 0
        for character in text {
            guard character >= UInt8(ascii: "0"), character <= UInt8(ascii: "9") else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(character - UInt8(ascii: "0")))
            guard !overflow, !carry, sum <= maximum else { return nil }
            value = sum
        }
        return value
    }
}
