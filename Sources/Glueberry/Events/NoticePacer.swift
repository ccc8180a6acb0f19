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
import PeerIdentity

/// Sees to it, as a value, that of one kind, peer and stream there is at most one notice in an interval.
///
/// The first passes at once; those that follow are counted, and pass as one when the interval is over.
struct NoticePacer {
    private struct Key: Hashable {
        let kind: String
        let peer: PeerID?
        let stream: String?
    }

    private struct Lane {
        var next: NIODeadline
        var held: NodeNotice?
    }

    /// How many kinds, peers and streams are told apart; beyond that, notices pass without a pace.
    private static let maximumLanes = 4096

    private let interval: TimeAmount
    private var lanes: [Key: Lane] = [:]

    init(interval: TimeAmount = .seconds(1)) {
        self.interval = interval
    }

    /// When something is due, if anything is remembered.
    var deadline: NIODeadline? { self.lanes.values.lazy.map(\.next).min() }

    /// Takes a notice; returns it if it may pass now.
    mutating func offer(_ notice: NodeNotice, now: NIODeadline) -> NodeNotice? {
        let key = Key(kind: notice.kind.name, peer: notice.peer, stream: notice.stream)
        guard var lane = self.lanes[key] else {
            if self.lanes.count < Self.maximumLanes { self.lanes[key] = Lane(next: now + self.interval) }
            return notice
        }
        var notice = notice
        notice.count = notice.count.addingReportingOverflow(lane.held?.count ?? 0).partialValue
        let passes = lane.next <= now
        lane.held = passes ? nil : notice
        if passes { lane.next = now + self.interval }
        self.lanes[key] = lane
        return passes ? notice : nil
    }

    /// What was held and may pass now; lanes in which nothing happened for an interval are forgotten.
    mutating func due(now: NIODeadline) -> [NodeNotice] {
        var passing: [NodeNotice] = []
        for (key, lane) in self.lanes where lane.next <= now {
            if let held = lane.held { passing.append(held) }
            self.lanes[key] = lane.held == nil ? nil : Lane(next: now + self.interval)
        }
        return passing
    }

    /// Everything that is held, at the end.
    mutating func finish() -> [NodeNotice] {
        defer { self.lanes = [:] }
        return self.lanes.values.compactMap(\.held)
    }
}
