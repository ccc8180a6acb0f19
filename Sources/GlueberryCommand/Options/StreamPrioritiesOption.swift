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

import ArgumentParser
import Glueberry

/// Priorities of streams on the command line: `a=high,b=normal:4,c=low`.
struct StreamPrioritiesOption: ExpressibleByArgument {
    static let urgencies = StreamPriority.Urgency.allCases.map(\.rawValue).joined(separator: ", ")

    let priorities: [String: StreamPriority]

    init(_ priorities: [String: StreamPriority] = [:]) {
        self.priorities = priorities
    }

    init?(argument: String) {
        var priorities: [String: StreamPriority] = [:]
        for entry in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = entry.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let values = parts[1].split(separator: ":", omittingEmptySubsequences: false)
            guard values.count <= 2, let urgency = values.first.flatMap({ StreamPriority.Urgency(rawValue: "\($0)") })
            else { return nil }
            var priority = StreamPriority(urgency: urgency)
            if values.count == 2 {
                guard let weight = Int(values[1]), StreamPriority.weights.contains(weight) else { return nil }
                priority.weight = weight
            }
            priorities["\(parts[0])"] = priority
        }
        self.priorities = priorities
    }

    var defaultValueDescription: String { "none" }
}
