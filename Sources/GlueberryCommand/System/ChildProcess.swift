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

/// A process that this one started, with pipes as its standard input and output.
///
/// It is killed when it is let go of. Its standard input ends when this process does, however that happens.
final class ChildProcess: Sendable {
    private struct State {
        var input: Int32?
        var status: Int32?
    }

    /// Whether processes can be started on this system.
    static var isSupported: Bool {
        #if os(macOS) || os(Linux)
        true
        #else
        false
        #endif
    }

    /// The longest line that is read; what is longer is cut.
    private static let maximumLine = 64 * 1024

    private let identifier: pid_t
    private let state: Locked<State>
    private let ended: AsyncStream<Int32>
    /// The lines of its standard output, until the end of it.
    let lines: AsyncStream<String>

    /// Starts a program; its standard error is this process's.
    init(_ executable: String, _ arguments: [String]) throws(CommandFailure) {
        let (input, output) = (try Self.pipe(), try Self.pipe())
        defer {
            _ = close(input.reading)
            _ = close(output.writing)
        }
        do {
            self.identifier = try Self.spawn(executable, arguments, input: input.reading, output: output.writing)
        } catch {
            _ = close(input.writing)
            _ = close(output.reading)
            throw error
        }
        self.state = Locked(State(input: input.writing))
        let (lines, lineContinuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        let (ended, endContinuation) = AsyncStream.makeStream(of: Int32.self)
        self.ended = ended
        DispatchQueue(label: "glueberry.child-output").async { Self.read(output.reading, to: lineContinuation) }
        DispatchQueue(label: "glueberry.child-end").async { [identifier] in
            // The process stays a zombie, and the identifier its own, until the status is recorded below.
            var information = siginfo_t()
            while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            endContinuation.yield(0)
            endContinuation.finish()
        }
    }

    deinit {
        self.kill()
        self.closeInput()
        _ = self.reap()
    }

    /// Writes a line to its standard input; a child that does not read is not waited for here, so keep it short.
    func write(_ line: String) {
        self.state.withLock { state in
            if let input = state.input { _ = Descriptor.writeAll(Array((line + "\n").utf8), to: input) }
        }
    }

    /// Ends its standard input.
    func closeInput() {
        self.state.withLock { state in
            if let input = state.input { _ = close(input) }
            state.input = nil
        }
    }

    /// Waits for its end; the exit status, or 128 and the signal.
    ///
    /// Nil if the task is cancelled. For one caller.
    func wait() async -> Int32? {
        for await _ in self.ended { return self.reap() }
        return self.state.withLock { $0.status }
    }

    /// Kills it if it still runs.
    func kill() {
        self.state.withLock { state in
            #if canImport(Glibc)
            if state.status == nil { _ = Glibc.kill(self.identifier, SIGKILL) }
            #elseif canImport(Musl)
            if state.status == nil { _ = Musl.kill(self.identifier, SIGKILL) }
            #elseif canImport(Darwin)
            if state.status == nil { _ = Darwin.kill(self.identifier, SIGKILL) }
            #endif
        }
    }

    /// Takes the status of a process that has ended, or is about to.
    private func reap() -> Int32? {
        self.state.withLock { state in
            guard state.status == nil else { return state.status }
            var raw: Int32 = 0
            var result = waitpid(self.identifier, &raw, 0)
            while result < 0, errno == EINTR { result = waitpid(self.identifier, &raw, 0) }
            let signal = raw & 0x7f
            state.status = result < 0 ? 255 : signal == 0 ? raw >> 8 & 0xff : 128 + signal
            return state.status
        }
    }

    private static func pipe() throws(CommandFailure) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        #if canImport(Darwin)
        let isMade = Darwin.pipe(&ends) == 0
        #elseif canImport(Glibc)
        let isMade = Glibc.pipe(&ends) == 0
        #elseif canImport(Musl)
        let isMade = Musl.pipe(&ends) == 0
        #endif
        guard isMade else { throw CommandFailure("no pipe: \(SystemError.describe(errno))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], input: Int32, output: Int32
    ) throws(CommandFailure) -> pid_t {
        #if os(macOS) || os(Linux)
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        #endif
        guard posix_spawn_file_actions_init(&actions) == 0, posix_spawnattr_init(&attributes) == 0 else {
            throw CommandFailure("no process: out of memory")
        }
        defer {
            _ = posix_spawn_file_actions_destroy(&actions)
            _ = posix_spawnattr_destroy(&attributes)
        }
        _ = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        _ = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        // The child begins with no signal blocked or ignored, whatever this process did. A group of its own keeps
        // Ctrl-C from it: this process ends it in order.
        var none = sigset_t()
        var all = sigset_t()
        _ = sigemptyset(&none)
        _ = sigemptyset(&all)
        for number in [SIGINT, SIGTERM, SIGPIPE] { _ = sigaddset(&all, number) }
        _ = posix_spawnattr_setsigmask(&attributes, &none)
        _ = posix_spawnattr_setsigdefault(&attributes, &all)
        _ = posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        _ = posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))
        var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var identifier: pid_t = 0
        let status = posix_spawn(&identifier, executable, &actions, &attributes, words, environ)
        guard status == 0 else {
            throw CommandFailure("'\(executable)' cannot be started: \(SystemError.describe(status))")
        }
        return identifier
        #else
        throw CommandFailure("this system starts no processes")
        #endif
    }

    private static func read(_ descriptor: Int32, to continuation: AsyncStream<String>.Continuation) {
        var partial: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = chunk.withUnsafeMutableBytes { Descriptor.readSome($0, from: descriptor) }
            guard count > 0 else { break }
            for byte in chunk.prefix(count) {
                if byte == UInt8(ascii: "\n") {
                    continuation.yield(String(decoding: partial, as: UTF8.self))
                    partial.removeAll(keepingCapacity: true)
                } else if partial.count < self.maximumLine {
                    partial.append(byte)
                }
            }
        }
        _ = close(descriptor)
        continuation.finish()
    }
}
