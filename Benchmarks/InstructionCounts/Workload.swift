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

/// Work of which the instructions are counted.
protocol Workload: Sendable {
    /// What it is called on the command line and among the budgets.
    var name: String { get }

    /// Sets up what it takes, and does the work so many times.
    ///
    /// Runs of two counts tell what one time costs: the set-up is the same in both.
    ///
    /// - Throws: ``WrongResult`` or the error of what is measured, since the cost of a failure is of no interest.
    func run(_ count: Int) throws
}
