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

@testable public import Yamux

extension YamuxSession {
    /// All events that are there.
    mutating func events(now: NIODeadline = .distantPast) -> [YamuxEvent] {
        var events: [YamuxEvent] = []
        while let event = self.nextEvent(now: now) {
            events.append(event)
        }
        return events
    }

    mutating func receive(_ frames: [WireFrame], now: NIODeadline = .distantPast) -> [YamuxEvent] {
        self.receive(bytes: frames.flatMap(\.bytes), now: now)
    }

    mutating func receive(bytes: [UInt8], now: NIODeadline = .distantPast) -> [YamuxEvent] {
        self.receive(ByteBuffer(bytes: bytes))
        return self.events(now: now)
    }

    /// All that is ready to be sent.
    mutating func output() -> [UInt8] {
        var output = ByteBuffer()
        while self.writeOutput(into: &output, limit: .max) {}
        return Array(output.readableBytesView)
    }

    mutating func outputFrames() -> [WireFrame] {
        var bytes = self.output()
        return WireFrame.parse(&bytes)
    }

    mutating func write(_ bytes: [UInt8], on stream: YamuxStreamID) throws {
        try self.write(ByteBuffer(bytes: bytes), on: stream)
    }

    /// Nothing of any stream is left.
    var isEmpty: Bool {
        self.streamCount == 0 && self.inboundStreamCount == 0 && self.unacknowledgedCount == 0
            && self.windowGrowth == 0 && !self.hasOutput
    }
}

extension YamuxStreamID: ExpressibleByIntegerLiteral {
    /// Lets tests write a stream ID as a number.
    public init(integerLiteral value: UInt32) {
        self.init(rawValue: value)
    }
}

extension NIODeadline {
    static func at(_ amount: TimeAmount) -> NIODeadline { .distantPast + amount }
}

/// Joins data events of one stream that follow each other, so that pieces do not matter.
func merged(_ events: [YamuxEvent]) -> [YamuxEvent] {
    var result: [YamuxEvent] = []
    for event in events {
        if case .data(let id, let more) = event, case .data(id, var before)? = result.last {
            var more = more
            before.writeBuffer(&more)
            result[result.count - 1] = .data(id, before)
        } else {
            result.append(event)
        }
    }
    return result
}

/// The error of a failed session among its events.
func failure(in events: [YamuxEvent]) -> YamuxError? {
    for case .failed(let error) in events { return error }
    return nil
}

func bytes(hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
