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
/// Looks again and again until there is a value, and fails after a minute.
func eventually<Value>(_ look: () async throws -> Value?) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline, !Task.isCancelled {
        if let value = try await look() {
            return value
        }
        await pauseBetweenPolls()
    }
    throw NeverHappenedError()
}

/// What was waited for did not come about in time.
struct NeverHappenedError: Error {}
