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

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A running program with a pipe as its standard input and, if wanted, another as its standard output.
///
/// The input is how the program learns that the tests are gone, however they ended: it reads the end of the pipe. So
/// the pipe must have no other writer; every descriptor above standard error is closed in a child before it runs.
final class ChildProcess: Sendable {
    private struct State {
        var exitStatus: Int32?
        var input: CInt?
    }

    private let identifier: pid_t
    private let state: Locked<State>
    /// The lines of standard output, until its end.
    ///
    /// Empty when the output was not asked for.
    let lines: AsyncStream<String>

    init(_ executable: String, _ arguments: [String], readsOutput: Bool = false) throws {
        let input = try Descriptors.pipe()
        let output = readsOutput ? try Descriptors.pipe() : nil
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        defer {
            _ = close(input.reading)
            if let output {
                _ = close(output.writing)
            }
        }
        do {
            identifier = try Descriptors.spawn(
                executable,
                arguments,
                input: input.reading,
                output: output?.writing
            )
        } catch {
            _ = close(input.writing)
            if let output {
                _ = close(output.reading)
            }
            throw error
        }
        state = Locked(State(input: input.writing))
        self.lines = lines
        if let output {
            ChildProcess.deliver(linesOf: output.reading, to: continuation)
        } else {
            continuation.finish()
        }
    }

    var isRunning: Bool { exitStatus == nil }

    /// The exit status, 128 and the signal for a killed program, or nil while it runs.
    var exitStatus: Int32? {
        state.withLock { state in
            if state.exitStatus == nil {
                var status: CInt = 0
                if waitpid(identifier, &status, WNOHANG) == identifier {
                    let signal = status & 0x7f
                    state.exitStatus = signal == 0 ? (status >> 8) & 0xff : 128 + signal
                }
            }
            return state.exitStatus
        }
    }

    /// Writes a few bytes, less than a pipe holds, to the program's standard input; false when it does not read.
    func write(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return state.withLock { state in
            guard let input = state.input else {
                return false
            }
            return platformWrite(input, bytes, bytes.count) == bytes.count
        }
    }

    /// Waits until the program has ended; false when it still runs after the given time.
    func ends(within duration: Duration) async -> Bool {
        let deadline = ContinuousClock.now + duration
        while isRunning {
            guard ContinuousClock.now < deadline else {
                return false
            }
            await pauseBetweenPolls()
        }
        return true
    }

    /// Ends the standard input, which asks the program to end, and kills it when it does not within the given time.
    func stop(within duration: Duration = .seconds(10)) async {
        closeInput()
        if await !ends(within: duration) {
            // Not reaped yet, since only `exitStatus` reaps: the identifier is still this program's.
            _ = kill(identifier, SIGKILL)
            _ = await ends(within: duration)
        }
    }

    private func closeInput() {
        state.withLock { state in
            if let input = state.input {
                _ = close(input)
                state.input = nil
            }
        }
    }

    deinit {
        closeInput()
    }

    /// Reads on a thread of its own, which ends with the output.
    private static func deliver(linesOf descriptor: CInt, to continuation: AsyncStream<String>.Continuation) {
        startThread {
            var partial: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 16 * 1024)
            while true {
                let count = platformRead(descriptor, &chunk, chunk.count)
                guard count > 0 else {
                    break
                }
                for byte in chunk.prefix(count) {
                    if byte == UInt8(ascii: "\n") {
                        continuation.yield(String(decoding: partial, as: UTF8.self))
                        partial.removeAll(keepingCapacity: true)
                    } else {
                        partial.append(byte)
                    }
                }
            }
            _ = close(descriptor)
            continuation.finish()
        }
    }
}

/// A system call that failed.
struct SystemCallError: Error, CustomStringConvertible {
    var call: String
    var code: CInt

    var description: String { "\(call) failed: \(String(cString: strerror(code)))" }
}
