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

/// Lets other tasks run until something is so.
///
/// A suite that uses it has a time limit, which is where it ends if it never is. Between many looks there is a pause, so
/// that tests which wait leave the processor to those that work.
func eventually(_ condition: () async throws -> Bool) async throws {
    var looks = 0
    while try await !condition() {
        try Task.checkCancellation()
        looks += 1
        if looks % 64 == 0 {
            try await Task.sleep(for: .milliseconds(1))
        } else {
            await Task.yield()
        }
    }
}
