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

/// An integer modulo 2²⁵⁵ − 19, always kept below it.
///
/// It serves public keys only, so it is written for clarity and not for constant time.
struct FieldElement: Equatable {
    /// Four limbs of 64 bits, the least significant first.
    private var limbs: InlineArray<4, UInt64>

    private static let modulus: InlineArray<4, UInt64> = [
        0xffff_ffff_ffff_ffed, 0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_ffff_ffff,
    ]

    static let zero = FieldElement(0)
    static let one = FieldElement(1)
    /// The constant d of the curve edwards25519, −121665/121666.
    static let edwardsD = zero - FieldElement(121_665) * FieldElement(121_666).inverse

    init(_ small: UInt64) {
        self.limbs = [small, 0, 0, 0]
    }

    /// Reads 32 bytes, the least significant first; nil if the number is not below the modulus.
    init?(canonical bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var limbs: InlineArray<4, UInt64> = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            limbs[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        guard Self.isBelowModulus(limbs) else { return nil }
        self.limbs = limbs
    }

    /// The 32 bytes of the number, the least significant first.
    var bytes: [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: self.limbs[$0 / 8] >> UInt64($0 % 8 * 8)) }
    }

    static func == (left: FieldElement, right: FieldElement) -> Bool {
        (0..<4).allSatisfy { left.limbs[$0] == right.limbs[$0] }
    }

    static func + (left: FieldElement, right: FieldElement) -> FieldElement {
        // Both are below 2²⁵⁵, so the sum fits into 256 bits.
        var result = left
        var carry: UInt64 = 0
        for index in 0..<4 {
            (result.limbs[index], carry) = Self.add(left.limbs[index], right.limbs[index], carry)
        }
        result.reduceOnce()
        return result
    }

    static func - (left: FieldElement, right: FieldElement) -> FieldElement {
        // left + modulus − right neither underflows nor exceeds 256 bits.
        var sum = left.limbs
        var carry: UInt64 = 0
        for index in 0..<4 { (sum[index], carry) = Self.add(left.limbs[index], Self.modulus[index], carry) }
        var result = left
        var borrow: UInt64 = 0
        for index in 0..<4 { (result.limbs[index], borrow) = Self.subtract(sum[index], right.limbs[index], borrow) }
        result.reduceOnce()
        return result
    }

    static func * (left: FieldElement, right: FieldElement) -> FieldElement {
        var product: InlineArray<8, UInt64> = [0, 0, 0, 0, 0, 0, 0, 0]
        for row in 0..<4 {
            var carry: UInt64 = 0
            for column in 0..<4 {
                let (high, low) = left.limbs[row].multipliedFullWidth(by: right.limbs[column])
                let (first, overflow) = product[row + column].addingReportingOverflow(low)
                let (second, overflowAgain) = first.addingReportingOverflow(carry)
                product[row + column] = second
                carry = high &+ (overflow ? 1 : 0) &+ (overflowAgain ? 1 : 0)
            }
            product[row + 4] = carry
        }
        // 2²⁵⁶ is 38 modulo 2²⁵⁵ − 19, so the upper half is folded onto the lower one, twice.
        var result = FieldElement.zero
        var carry: UInt64 = 0
        for index in 0..<4 {
            let (high, low) = product[index + 4].multipliedFullWidth(by: 38)
            let (first, overflow) = product[index].addingReportingOverflow(low)
            let (second, overflowAgain) = first.addingReportingOverflow(carry)
            result.limbs[index] = second
            carry = high &+ (overflow ? 1 : 0) &+ (overflowAgain ? 1 : 0)
        }
        // The carry is at most 38, and so is what is left after the first folding.
        var fold = carry &* 38
        while fold > 0 {
            var next: UInt64 = 0
            (result.limbs[0], next) = Self.add(result.limbs[0], fold, 0)
            for index in 1..<4 { (result.limbs[index], next) = Self.add(result.limbs[index], 0, next) }
            fold = next &* 38
        }
        result.reduceOnce()
        result.reduceOnce()
        return result
    }

    /// The number to the power of 2²⁵⁵ − 21, which is its inverse; zero for zero.
    var inverse: FieldElement { self.power(subtracting: 21, shifted: 0) }

    /// Whether the number is a square modulo the prime (Euler's criterion); zero is.
    var isSquare: Bool {
        let result = self.power(subtracting: 20, shifted: 1)
        return result == .one || result == .zero
    }

    /// The number to the power of (2²⁵⁵ − subtrahend) >> shifted.
    private func power(subtracting subtrahend: UInt64, shifted: Int) -> FieldElement {
        let lowest = UInt64.max &- subtrahend &+ 1
        let exponent: InlineArray<4, UInt64> = [lowest, .max, .max, 0x7fff_ffff_ffff_ffff]
        var result = FieldElement.one
        for bit in stride(from: 254, through: shifted, by: -1) {
            result = result * result
            if exponent[bit / 64] >> UInt64(bit % 64) & 1 == 1 { result = result * self }
        }
        return result
    }

    private mutating func reduceOnce() {
        guard !Self.isBelowModulus(self.limbs) else { return }
        var borrow: UInt64 = 0
        for index in 0..<4 {
            (self.limbs[index], borrow) = Self.subtract(self.limbs[index], Self.modulus[index], borrow)
        }
    }

    private static func isBelowModulus(_ limbs: InlineArray<4, UInt64>) -> Bool {
        for index in stride(from: 3, through: 0, by: -1) where limbs[index] != Self.modulus[index] {
            return limbs[index] < Self.modulus[index]
        }
        return false
    }

    private static func add(_ left: UInt64, _ right: UInt64, _ carry: UInt64) -> (UInt64, UInt64) {
        let (first, overflow) = left.addingReportingOverflow(right)
        let (second, overflowAgain) = first.addingReportingOverflow(carry)
        return (second, (overflow ? 1 : 0) &+ (overflowAgain ? 1 : 0))
    }

    private static func subtract(_ left: UInt64, _ right: UInt64, _ borrow: UInt64) -> (UInt64, UInt64) {
        let (first, overflow) = left.subtractingReportingOverflow(right)
        let (second, overflowAgain) = first.subtractingReportingOverflow(borrow)
        return (second, (overflow ? 1 : 0) &+ (overflowAgain ? 1 : 0))
    }
}
