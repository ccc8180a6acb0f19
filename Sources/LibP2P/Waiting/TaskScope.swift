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

/// What tasks belong to: code that runs in one can tell, also from tasks that it starts itself.
///
/// It is how a shutdown that waits for every task of an object knows that it was called from one of them.
package final class TaskScope: Sendable {
    /// The scopes that the code runs in, the innermost first.
    private indirect enum Chain: Sendable {
        case end
        case link(TaskScope, Chain)

        func contains(_ scope: TaskScope) -> Bool {
            var chain = self
            while case .link(let link, let rest) = chain {
                if link === scope { return true }
                chain = rest
            }
            return false
        }
    }

    @TaskLocal private static var chain = Chain.end

    package init() {}

    /// Whether the code runs within this scope.
    package var isCurrent: Bool { Self.chain.contains(self) }

    /// Runs `body` within this scope, and in the ones around it.
    package func enter<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async rethrows -> Value {
        guard !self.isCurrent else { return try await body() }
        return try await Self.$chain.withValue(.link(self, Self.chain), operation: body, isolation: isolation)
    }
}
