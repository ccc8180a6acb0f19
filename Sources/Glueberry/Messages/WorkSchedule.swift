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

import DequeModule
import PeerIdentity

/// Which message a worker takes next, as a value: within a bound, and one at a time where order is kept.
struct WorkSchedule {
    /// Messages of one lane are worked on one after another.
    private enum Lane: Hashable {
        case peer(PeerID)
        case stream(PeerID, String)
    }

    private let workers: Int
    private let order: MessageProcessor.Order
    private let backlog: Int
    private var ready: Deque<Message> = []
    /// Lanes of which a message is ready or worked on, with what is behind it.
    private var lanes: [Lane: Deque<Message>] = [:]
    /// Messages that nobody works on yet.
    private(set) var waiting = 0
    private(set) var running = 0

    init(workers: Int, order: MessageProcessor.Order, backlog: Int) {
        self.workers = workers
        self.order = order
        self.backlog = backlog
    }

    /// Whether no more messages are to be taken for now.
    var isFull: Bool { self.waiting + self.running >= self.workers + self.backlog }

    /// Messages that a worker could begin with now.
    var readyCount: Int { self.ready.count }

    mutating func add(_ message: Message) {
        self.waiting += 1
        guard let lane = self.lane(of: message) else {
            self.ready.append(message)
            return
        }
        if self.lanes[lane] == nil {
            self.lanes[lane] = []
            self.ready.append(message)
        } else {
            self.lanes[lane]?.append(message)
        }
    }

    /// The next message for a worker; nil if there is none that may be begun.
    mutating func next() -> Message? {
        guard let message = self.ready.popFirst() else { return nil }
        self.waiting -= 1
        self.running += 1
        return message
    }

    /// A worker is done with a message.
    mutating func finished(_ message: Message) {
        self.running -= 1
        guard let lane = self.lane(of: message) else { return }
        guard let next = self.lanes[lane]?.popFirst() else {
            self.lanes[lane] = nil
            return
        }
        self.ready.append(next)
    }

    private func lane(of message: Message) -> Lane? {
        switch self.order {
        case .none: nil
        case .perPeer: .peer(message.peer)
        case .perStream: .stream(message.peer, message.stream)
        }
    }
}
