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

/// `glueberry bench`.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure pairs of nodes on this machine, and the machine beside them.",
        discussion: """
            Starts pairs of 'glueberry peer' as processes of their own on the loopback interface. Tables go to standard \
            error as they are measured, one line of JSON with all of them to standard output. Nothing else should run \
            meanwhile; what is compared is from the same run. CPU is that of both processes together.
            """)

    @Flag(help: "Measure less of everything, for a first impression.")
    var quick = false
    @Option(help: "Measure this alone: \(Bench.Section.allCases.map(\.rawValue).joined(separator: ", ")).")
    var only: Bench.Section?
    @Option(help: "Give up after this time.")
    var timeLimit = TimeOption(seconds: 600)

    func run() async throws {
        let (plan, limit) = (self.quick ? BenchPlan.quick : BenchPlan.full, self.timeLimit.duration)
        let bench = Bench(plan: plan, sections: self.only.map { [$0] } ?? Bench.Section.allCases) { table in
            for line in table.text { StandardError.line(line) }
            StandardError.line("")
        }
        let tables = try await Interruption.racing {
            try await TimeLimit.within(
                limit, orFail: "the benchmark took too long; raise --time-limit, or use --quick"
            ) { try await bench.run() }
        }
        var line = JSONLine()
        line.add("ok", true)
        for table in tables { line.add(table.name, json: table.json) }
        StandardOutput.line(line.finished)
    }
}

extension Bench.Section: ExpressibleByArgument {}
