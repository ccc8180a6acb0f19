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

import FoundationEssentials
import Testing

/// The code in the articles is the code that the tests compile and run.
@Suite struct ArticleSnippetTests {
    private struct Snippet: Hashable {
        let name: String
        let lines: [String]
    }

    private static let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()

    private func lines(_ path: String) throws -> [String] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
    }

    private func files(in folder: String, endingWith suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(Self.root)/\(folder)").filter { $0.hasSuffix(suffix) }
            .sorted().map { "\(Self.root)/\(folder)/\($0)" }
    }

    /// Lines without the indentation that all of them share.
    private func dedented(_ lines: some Collection<String>) -> [String] {
        let indents = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }
        let shared = indents.min() ?? 0
        return lines.map { String($0.dropFirst(shared)) }
    }

    /// What stands between `// snippet: NAME` and `// end` in the sources.
    private func compiled() throws -> [Snippet] {
        var snippets: [Snippet] = []
        for file in try self.files(in: "Tests/GlueberryTests/Guide", endingWith: "Guide.swift") {
            var open: (name: String, lines: [String])?
            for line in try self.lines(file) {
                let text = String(line.drop { $0 == " " })
                if text.hasPrefix("// snippet: ") {
                    open = (String(text.dropFirst("// snippet: ".count)), [])
                } else if text == "// end", let ended = open {
                    snippets.append(Snippet(name: ended.name, lines: self.dedented(ended.lines)))
                    open = nil
                } else {
                    open?.lines.append(line)
                }
            }
            #expect(open == nil, "\(file): the snippet \(open?.name ?? "") has no end")
        }
        return snippets
    }

    /// The code blocks that follow `<!-- snippet: NAME -->` in the articles.
    private func printed() throws -> [Snippet] {
        var snippets: [Snippet] = []
        for file in try self.files(in: "Sources/Glueberry/Glueberry.docc", endingWith: ".md") {
            let lines = try self.lines(file)
            for (index, line) in lines.enumerated() where line.hasPrefix("<!-- snippet: ") {
                let name = String(line.dropFirst("<!-- snippet: ".count).dropLast(" -->".count))
                let block = lines[(index + 1)...].drop { $0.isEmpty }
                try #require(block.first == "```swift", "\(file): no code follows the snippet \(name)")
                snippets.append(Snippet(name: name, lines: Array(block.dropFirst().prefix { $0 != "```" })))
            }
        }
        return snippets
    }

    @Test func theCodeInTheArticlesIsTheCodeThatIsTested() throws {
        let compiled = try self.compiled()
        let printed = try self.printed()
        #expect(!printed.isEmpty)
        #expect(Set(compiled.map(\.name)).count == compiled.count)
        #expect(Set(printed.map(\.name)) == Set(compiled.map(\.name)))
        for snippet in printed {
            let source = try #require(compiled.first { $0.name == snippet.name }, "\(snippet.name) is not compiled")
            #expect(snippet.lines == source.lines, "\(snippet.name)")
        }
    }
}
