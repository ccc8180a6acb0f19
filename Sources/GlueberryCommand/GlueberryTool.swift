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

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The command `glueberry`: its subcommands, and how it fails.
///
/// Whatever goes wrong is one line on standard error that begins with `glueberry:`. The exit status is 0 for success, 1
/// for a failure and 64 for arguments that make no sense.
@main
struct GlueberryTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "glueberry",
        abstract: "Encrypted messages and files between peers, over libp2p.",
        discussion: """
            Begin with 'glueberry demo'. Addresses are written like \
            /ip4/192.0.2.1/tcp/9000/p2p/12D3KooW…, times like 500ms, 3s, 1m or 2h.
            """,
        version: "glueberry (protocol \(Node.protocolVersion))",
        subcommands: Self.tools)

    private static let tools: [any ParsableCommand.Type] = {
        var tools: [any ParsableCommand.Type] = [
            ChatCommand.self, SendCommand.self, ReceiveCommand.self, PingCommand.self, KeygenCommand.self,
            IDCommand.self, PeerCommand.self,
        ]
        // Those that start processes.
        if ChildProcess.isSupported {
            tools.insert(DemoCommand.self, at: 0)
            tools.append(BenchCommand.self)
        }
        return tools
    }()

    static func main() async {
        // A reader that goes away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try GlueberryTool.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Self.fail(failure.message, status: failure.status)
        } catch {
            let status = GlueberryTool.exitCode(for: error)
            guard !status.isSuccess, !(error is ExitCode) else { GlueberryTool.exit(withError: error) }
            guard status == .validationFailure else { Self.fail(Explanation.line(for: error), status: 1) }
            var message = GlueberryTool.message(for: error)
            if message.hasSuffix(".") { message.removeLast() }
            Self.fail("\(message); see 'glueberry --help'", status: status.rawValue)
        }
        ProcessEnd.now(0)
    }

    private static func fail(_ message: String, status: Int32) -> Never {
        StandardError.line("glueberry: \(TerminalText.line(message))")
        ProcessEnd.now(status)
    }
}
