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
import Logging

/// Where the log goes and how much of it there is.
struct LogOptions: ParsableArguments {
    @Option(help: "Log to standard error from this level on: trace, debug, info, notice, warning, error, critical.")
    var logLevel: LogLevelOption = .init(level: .warning)

    /// A logger that writes one line per record.
    func logger() -> Logger {
        let level = self.logLevel.level
        return Logger(label: "glueberry") { StandardErrorLog(label: $0, level: level) }
    }
}

/// A log level on the command line.
struct LogLevelOption: ExpressibleByArgument, CustomStringConvertible {
    let level: Logger.Level

    init(level: Logger.Level) { self.level = level }

    init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument) else { return nil }
        self.level = level
    }

    static var allValueStrings: [String] { Logger.Level.allCases.map(\.rawValue) }

    var description: String { self.level.rawValue }
    var defaultValueDescription: String { self.description }
}
