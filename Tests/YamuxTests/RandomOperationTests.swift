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
import Testing

@testable import Yamux

/// Random operations on a pair, checked against a model that knows only what was asked for.
@Suite struct RandomOperationTests {
    private enum Side: CaseIterable {
        case client
        case server
    }

    private struct Direction: Hashable {
        var id: YamuxStreamID
        var from: Side
    }

    /// Two endpoints under random operations, and what was asked of them.
    private struct Model {
        private static let period = 65_521
        private static let pattern: [UInt8] = {
            var random = SplitMix64(seed: 0)
            let once = (0..<Self.period).map { _ in UInt8.random(in: 0...255, using: &random) }
            return once + once + once + once + once
        }()

        var pair: SessionPair
        var random: SplitMix64
        var open: [Side: Set<YamuxStreamID>] = [.client: [], .server: []]
        var sent: [Direction: [UInt8]] = [:]
        var finished: Set<Direction> = []
        var reset: Set<YamuxStreamID> = []
        var seenEvents: [Side: Int] = [.client: 0, .server: 0]

        init(seed: UInt64) {
            self.random = SplitMix64(seed: seed)
            let cut: Cut = seed % 4 == 0 ? .random : .whole
            self.pair = SessionPair(cut: cut, seed: seed)
            self.pair.client.consumesAtOnce = false
            self.pair.server.consumesAtOnce = false
        }

        subscript(side: Side) -> Endpoint {
            get { side == .client ? self.pair.client : self.pair.server }
            _modify {
                switch side {
                case .client: yield &self.pair.client
                case .server: yield &self.pair.server
                }
            }
        }

        mutating func noteEvents() {
            for side in Side.allCases {
                let events = self[side].events
                for event in events[(self.seenEvents[side] ?? 0)...] {
                    switch event {
                    case .streamOpened(let id):
                        self.open[side]?.insert(id)
                    case .reset(let id, _):
                        self.reset.insert(id)
                        self.open[side]?.remove(id)
                    case .closed(let id):
                        self.open[side]?.remove(id)
                    case .failed(let error):
                        Issue.record("failed: \(error)")
                    default:
                        break
                    }
                }
                self.seenEvents[side] = events.count
            }
        }

        mutating func write(_ side: Side, _ id: YamuxStreamID) throws {
            let direction = Direction(id: id, from: side)
            guard !self.finished.contains(direction) else { return }
            let large = Int.random(in: 0..<4, using: &self.random) == 0
            let size = Int.random(in: 0...(large ? 200_000 : 300), using: &self.random)
            // Where a byte stands in the stream can be told from the pattern, whose period is a prime.
            let start = (self.sent[direction]?.count ?? 0) % Self.period
            let bytes = Array(Self.pattern[start..<(start + size)])
            try self[side].session.write(bytes, on: id)
            self.sent[direction, default: []] += bytes
        }

        mutating func consume(_ side: Side, _ id: YamuxStreamID, all: Bool) {
            guard let amount = self[side].unconsumed[id], amount > 0 else { return }
            let part = all ? amount : Int.random(in: 1...amount, using: &self.random)
            let now = self.pair.now
            self[side].session.consumed(part, on: id, now: now)
            self[side].unconsumed[id] = amount - part
        }

        mutating func step() throws {
            let side: Side = Bool.random(using: &self.random) ? .client : .server
            let id = self.open[side]?.sorted { $0.rawValue < $1.rawValue }.randomElement(using: &self.random)
            switch Int.random(in: 0..<21, using: &self.random) {
            case 0..<2:
                guard (self.open[side]?.count ?? 0) < 40 else { return }
                let now = self.pair.now
                let id = try self[side].session.openStream(now: now)
                self.open[side]?.insert(id)
            case 2..<8:
                if let id { try self.write(side, id) }
            case 8:
                if let id {
                    self[side].session.finish(id)
                    self.finished.insert(Direction(id: id, from: side))
                }
            case 9:
                if let id, Int.random(in: 0..<3, using: &self.random) == 0 {
                    self[side].session.reset(id, code: 7)
                    self.reset.insert(id)
                    self.open[side]?.remove(id)
                }
            case 10..<14:
                for (id, amount) in self[side].unconsumed.sorted(by: { $0.key.rawValue < $1.key.rawValue })
                where amount > 0 {
                    if Bool.random(using: &self.random) { self.consume(side, id, all: false) }
                }
            case 14..<18:
                self.pair.exchange(limit: Int.random(in: 1...300_000, using: &self.random))
            case 18:
                guard let id, let urgency = YamuxStreamPriority.Urgency.allCases.randomElement(using: &self.random)
                else { return }
                let weight = Int.random(in: 1...256, using: &self.random)
                self[side].session.prioritize(id, YamuxStreamPriority(urgency: urgency, weight: weight))
            default:
                self.advance(by: .milliseconds(Int64.random(in: 0...3000, using: &self.random)))
            }
            self.noteEvents()
            self.check()
        }

        /// Lets time pass, with the timers that are due, and the answers to their pings.
        mutating func advance(by amount: TimeAmount) {
            self.pair.now = self.pair.now + amount
            let now = self.pair.now
            self.pair.client.session.handleTimeout(now: now)
            self.pair.server.session.handleTimeout(now: now)
            self.pair.exchange(limit: 4096)
            self.pair.exchange(limit: 4096)
        }

        /// What holds at every step.
        func check() {
            #expect(self.pair.monitor.overdrafts == 0)
            for side in Side.allCases {
                let session = self[side].session
                let streams = session.streams.ids.compactMap { session.streams.stream($0) }
                #expect(session.scheduler.waitingStreams == streams.count(where: \.isInDataQueue))
                #expect(streams.allSatisfy { $0.isInDataQueue || !$0.isReadyToSend })
            }
            for (direction, sent) in self.sent {
                let receiver: Side = direction.from == .client ? .server : .client
                let received = self[receiver].received[direction.id] ?? []
                #expect(received.count <= sent.count)
            }
        }

        mutating func finishAll() {
            for _ in 0..<2000 {
                for side in Side.allCases {
                    for id in self.open[side] ?? [] {
                        self[side].session.finish(id)
                        self.finished.insert(Direction(id: id, from: side))
                    }
                    for id in self[side].unconsumed.keys { self.consume(side, id, all: true) }
                }
                self.pair.exchange(limit: 1_000_000)
                self.noteEvents()
                if !self.pair.client.session.hasOutput, !self.pair.server.session.hasOutput,
                    self.open.values.allSatisfy(\.isEmpty)
                {
                    return
                }
            }
            Issue.record("the streams do not end")
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func dataArrivesInOrderAndNothingIsLeftAtTheEnd(seed: UInt64) throws {
        var model = Model(seed: seed)
        for _ in 0..<300 {
            try model.step()
        }
        model.finishAll()
        for (direction, sent) in model.sent {
            let receiver: Side = direction.from == .client ? .server : .client
            let received = model[receiver].received[direction.id] ?? []
            #expect(Array(sent.prefix(received.count)) == received)
            if !model.reset.contains(direction.id) {
                #expect(received.count == sent.count)
                #expect(model[receiver].events.contains(.finished(direction.id)))
            }
        }
        for side in Side.allCases {
            #expect(model[side].session.isEmpty)
            #expect(model[side].session.events(now: model.pair.now).isEmpty)
        }
    }
}
