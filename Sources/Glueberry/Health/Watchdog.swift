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

/// Waits for answers no longer than a time that does not depend on whoever is to answer.
///
/// This is the one place that does not take its time from an event loop: it is there to find out that event loops stand
/// still, and a timer on one that does would never fire.
struct Watchdog: Sendable {
    private let sleep: @Sendable (Duration) async -> Void

    init(sleep: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }) {
        self.sleep = sleep
    }

    /// Asks everybody, and returns the answers that came within the time, each in the place of its question.
    func ask<Answer: Sendable>(
        within time: Duration, _ questions: [@Sendable (@escaping @Sendable (Answer) -> Void) -> Void]
    ) async -> [Answer?] {
        let answers = Locked<[Answer?]>(Array(repeating: nil, count: questions.count))
        let missing = Locked(questions.count)
        let done = Settlement<Void, Never>()
        if questions.isEmpty { done.succeed() }
        for (index, question) in questions.enumerated() {
            question { answer in
                let isNew = answers.withLock { answers in
                    guard answers[index] == nil else { return false }
                    answers[index] = answer
                    return true
                }
                guard isNew else { return }
                let left = missing.withLock { missing in
                    missing -= 1
                    return missing
                }
                if left == 0 { done.succeed() }
            }
        }
        let sleep = self.sleep
        let timer = Task {
            await sleep(time)
            done.succeed()
        }
        await withTaskCancellationHandler {
            _ = await done.value()
        } onCancel: {
            done.succeed()
        }
        timer.cancel()
        await timer.value
        return answers.withLock { $0 }
    }
}
