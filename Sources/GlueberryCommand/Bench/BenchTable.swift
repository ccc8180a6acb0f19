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

/// What was measured of one kind: a table for people, a list of objects in JSON.
struct BenchTable: Sendable {
    struct Column: Sendable {
        /// The name in JSON; it ends in the unit.
        let key: String
        /// The heading for people.
        let heading: String
        let decimals: Int

        init(_ key: String, _ heading: String, decimals: Int = 0) {
            self.key = key
            self.heading = heading
            self.decimals = decimals
        }
    }

    /// The name in JSON.
    let name: String
    let title: String
    let columns: [Column]
    private(set) var rows: [[Double]] = []

    init(_ name: String, _ title: String, _ columns: [Column]) {
        self.name = name
        self.title = title
        self.columns = columns
    }

    /// Adds a row: one number for each column.
    mutating func add(_ row: [Double]) { self.rows.append(row) }

    /// The table as lines of text, the columns aligned.
    var text: [String] {
        let cells = [self.columns.map(\.heading)] + self.rows.map(self.cells)
        let widths = self.columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return [self.title]
            + cells.map { row in
                zip(row, widths).map { cell, width in
                    String(repeating: " ", count: width - cell.count + 2) + cell
                }.joined()
            }
    }

    /// The rows as a list in JSON.
    var json: String {
        let rows = self.rows.map { row in
            var line = JSONLine()
            for (column, value) in zip(self.columns, row) {
                if column.decimals == 0, let whole = Int64(exactly: value.rounded()) {
                    line.add(column.key, whole)
                } else {
                    line.add(column.key, value, decimals: column.decimals)
                }
            }
            return line.finished
        }
        return "[" + rows.joined(separator: ",") + "]"
    }

    private func cells(_ row: [Double]) -> [String] {
        zip(self.columns, row).map { DecimalText.of($1, decimals: $0.decimals) }
    }
}
