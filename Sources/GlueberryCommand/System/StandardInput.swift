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

import Dispatch
import LibP2P

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The lines of standard input, read only as fast as they are asked for.
///
/// The blocking reads have a thread of their own; one that is still waiting for input does not keep anybody who was
/// cancelled.
final class StandardInput: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var isFinished = false
        var isReading = false
        var waiting: CheckedContinuation<[UInt8]?, Never>?
    }

    /// Whether a person types.
    static let isTerminal = isatty(STDIN_FILENO) == 1
    /// A longer line is handed out in pieces of this many bytes.
    private static let maximumLine = 1024 * 1024

    private let queue = DispatchQueue(label: "glueberry.standard-input")
    private let state = Locked(State())

    /// The next line without its end; nil at the end of the input, or when the task is cancelled.
    ///
    /// For one caller at a time.
    func next() async -> [UInt8]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (line, isWaiting, startsReading) = self.state.withLock { state -> ([UInt8]?, Bool, Bool) in
                    if Task.isCancelled || state.waiting != nil { return (nil, false, false) }
                    if let line = Self.takeLine(&state) { return (line, false, false) }
                    if state.isFinished { return (nil, false, false) }
                    state.waiting = continuation
                    defer { state.isReading = true }
                    return (nil, true, !state.isReading)
                }
                if !isWaiting { continuation.resume(returning: line) }
                if startsReading { self.queue.async { self.read() } }
            }
        } onCancel: {
            let waiting = self.state.withLock { state in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.resume(returning: nil)
        }
    }

    /// The next line as text; bytes that are no UTF-8 are replaced.
    func nextText() async -> String? {
        await self.next().map { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads until there is a line or the end.
    private func read() {
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        var isDone = false
        while !isDone {
            let count = chunk.withUnsafeMutableBytes { Descriptor.readSome($0, from: STDIN_FILENO) }
            let (waiting, line, isEnough) = self.state.withLock {
                state -> (CheckedContinuation<[UInt8]?, Never>?, [UInt8]?, Bool) in
                if count > 0 { state.buffer += chunk.prefix(count) } else { state.isFinished = true }
                guard let waiting = state.waiting else {
                    state.isReading = false
                    return (nil, nil, true)
                }
                let line = Self.takeLine(&state)
                guard line != nil || state.isFinished else { return (nil, nil, false) }
                state.waiting = nil
                state.isReading = false
                return (waiting, line, true)
            }
            waiting?.resume(returning: line)
            isDone = isEnough
        }
    }

    private static func takeLine(_ state: inout State) -> [UInt8]? {
        if let end = state.buffer.firstIndex(of: UInt8(ascii: "\n")) {
            var line = Array(state.buffer[..<end])
            state.buffer.removeFirst(end + 1)
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            return line
        }
        guard state.buffer.count >= self.maximumLine || state.isFinished && !state.buffer.isEmpty else { return nil }
        let line = Array(state.buffer.prefix(self.maximumLine))
        state.buffer.removeFirst(line.count)
        return line
    }
}
