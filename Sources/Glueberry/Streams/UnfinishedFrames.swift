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

import LibP2P
import NIOCore

/// Decides which unfinished frames of one session may grow beyond the flow-control window.
///
/// A message may be larger than the window, so what has come of it is given back to the window before it is complete. Were
/// every stream allowed that at once, a peer could announce a large message on each and leave us with all of them. So
/// together they may hold a few mebibytes, and beyond that one of them at a time goes on to its end.
final class UnfinishedFrames: Sendable {
    private struct State {
        var held: [ObjectIdentifier: Int] = [:]
        var total = 0
        var favoured: ObjectIdentifier?
        var waiting: [ObjectIdentifier: NIOLoopBound<FrameStream>] = [:]
    }

    private let limit: Int
    private let state = Locked(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Streams that wait for their turn.
    var waitingCount: Int { self.state.withLock { $0.waiting.count } }

    /// Whether a frame of which `bytes` have come may go on.
    ///
    /// If not, its stream is told to ask again.
    func admit(_ bytes: Int, of id: ObjectIdentifier, _ stream: NIOLoopBound<FrameStream>) -> Bool {
        self.state.withLock { state in
            let total = state.total - state.held[id, default: 0] + bytes
            if total > self.limit, state.favoured != id {
                guard state.favoured == nil else {
                    state.waiting[id] = stream
                    return false
                }
                state.favoured = id
            }
            state.total = total
            state.held[id] = bytes
            return true
        }
    }

    /// A frame is complete, or its stream has ended.
    func finished(_ id: ObjectIdentifier) {
        let resumed = self.state.withLock { state -> [NIOLoopBound<FrameStream>] in
            state.waiting[id] = nil
            guard let held = state.held.removeValue(forKey: id) else { return [] }
            state.total -= held
            if state.favoured == id { state.favoured = nil }
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for stream in resumed { stream.eventLoop.execute { stream.value.resumeUnfinished() } }
    }
}
