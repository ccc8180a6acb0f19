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

/// The end of a command that did not do what it was asked for, in one line for people.
struct CommandFailure: Error, CustomStringConvertible {
    /// What went wrong and what can be done.
    let message: String
    /// The exit status.
    let status: Int32

    init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }

    var description: String { self.message }
}
