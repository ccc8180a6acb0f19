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
import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The system calls behind a child process.
enum Descriptors {
    /// A pipe that no child inherits by accident.
    static func pipe() throws(SystemCallError) -> (reading: CInt, writing: CInt) {
        var ends: [CInt] = [-1, -1]
        guard openPipe(&ends) == 0 else {
            throw SystemCallError(call: "pipe", code: errno)
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        // Writing to a program that is gone must fail, not end the tests.
        signal(SIGPIPE, SIG_IGN)
        return (ends[0], ends[1])
    }

    /// Starts a program with the given standard input and, unless nil, output; it has no other descriptors but
    /// standard error.
    static func spawn(
        _ executable: String,
        _ arguments: [String],
        input: CInt,
        output: CInt?
    ) throws(SystemCallError) -> pid_t {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        }
        // A worker thread blocks signals that the program must get, a shell's SIGCHLD among them.
        var blocked = sigset_t()
        sigemptyset(&blocked)
        posix_spawnattr_setsigmask(&attributes, &blocked)
        var defaulted = sigset_t()
        sigemptyset(&defaulted)
        sigaddset(&defaulted, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaulted)
        let signalFlags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        #if canImport(Darwin)
        posix_spawn_file_actions_addinherit_np(&actions, STDOUT_FILENO)
        posix_spawn_file_actions_addinherit_np(&actions, STDERR_FILENO)
        posix_spawnattr_setflags(&attributes, Int16(signalFlags | POSIX_SPAWN_CLOEXEC_DEFAULT))
        #else
        // In the child, so that what another thread opens meanwhile is closed too; closing what is not open is no
        // error there.
        for descriptor in (STDERR_FILENO + 1)..<4096 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        posix_spawnattr_setflags(&attributes, Int16(signalFlags))
        #endif
        var argumentPointers = ([executable] + arguments).map { strdup($0) } + [nil]
        var environmentPointers =
            ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argumentPointers + environmentPointers {
                free(pointer)
            }
        }
        var identifier: pid_t = 0
        let result = posix_spawn(
            &identifier,
            executable,
            &actions,
            &attributes,
            &argumentPointers,
            &environmentPointers
        )
        guard result == 0 else {
            throw SystemCallError(call: "posix_spawn of \(executable)", code: result)
        }
        return identifier
    }
}

/// `pipe` of the platform, whose name a method of the same name would hide.
private func openPipe(_ ends: inout [CInt]) -> CInt {
    pipe(&ends)
}

/// `read` of the platform, whose name a method of the same name would hide.
func platformRead(_ descriptor: CInt, _ bytes: inout [UInt8], _ count: Int) -> Int {
    read(descriptor, &bytes, count)
}

/// `write` of the platform, whose name a method of the same name would hide.
func platformWrite(_ descriptor: CInt, _ bytes: [UInt8], _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// Runs blocking work on a thread of its own.
func startThread(_ body: @escaping @Sendable () -> Void) {
    Thread(block: body).start()
}

/// A short wait between two looks at something outside of the process, also while the task is being cancelled.
func pauseBetweenPolls() async {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(10)) {
            continuation.resume()
        }
    }
}
