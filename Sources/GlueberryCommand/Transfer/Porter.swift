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

import Glueberry
import PeerIdentity

/// Decides whom to let in: those that were named, or everybody, or whomever the person at standard input says yes to.
actor Porter {
    /// Peers that may wait for an answer; more are sent away.
    private static let maximumWaiting = 8

    private let input: StandardInput
    private let everybody: Bool
    private let named: Set<PeerID>
    private var admitted: Set<PeerID> = []
    private var waiting = 0
    private var last: Task<Bool, Never>?

    init(input: StandardInput, everybody: Bool, named: Set<PeerID>) {
        self.input = input
        self.everybody = everybody
        self.named = named
    }

    /// Whether the peer may come in.
    ///
    /// A yes at the prompt holds until the command ends; no answer is a no.
    func admits(_ peer: PeerID) async -> Bool {
        if self.everybody || self.named.contains(peer) || self.admitted.contains(peer) { return true }
        guard self.named.isEmpty, self.waiting < Self.maximumWaiting else { return false }
        self.waiting += 1
        defer { self.waiting -= 1 }
        let (previous, input) = (self.last, self.input)
        // One question at a time.
        let question = Task {
            _ = await previous?.value
            guard !Task.isCancelled else { return false }
            StandardError.write("\(peer) wants to send a file. Let it in? [y/N] ")
            guard let answer = await input.nextText() else {
                StandardError.line("no answer, so no")
                return false
            }
            return ["y", "yes"].contains(answer.lowercased())
        }
        self.last = question
        let isWelcome = await withTaskCancellationHandler {
            await question.value
        } onCancel: {
            question.cancel()
        }
        if isWelcome { self.admitted.insert(peer) }
        return isWelcome
    }

    /// Asks no more.
    func end() { self.last?.cancel() }
}
