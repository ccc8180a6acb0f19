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

/// The work did not do what it is there for.
struct WrongResult: Error, CustomStringConvertible {
    /// One line for people.
    let description: String

    /// Creates an error with a line for people.
    init(_ description: String) {
        self.description = description
    }
}

/// Throws unless a result is right.
func check(_ isRight: Bool, _ complaint: @autoclosure () -> String) throws(WrongResult) {
    guard isRight else { throw WrongResult(complaint()) }
}
