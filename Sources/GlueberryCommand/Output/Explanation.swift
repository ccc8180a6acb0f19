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

import Glueberry
import LibP2P
import Multiformats
import NIOCore
import NIOPosix
import PeerIdentity

/// Says in one line what an error means, without the names of types and functions.
enum Explanation {
    /// Addresses of a failed dial that are listed.
    private static let maximumAttempts = 4

    /// One line of text; what the error came from is included.
    static func line(for error: any Error) -> String {
        TerminalText.line(self.text(for: error))
    }

    private static func text(for error: any Error) -> String {
        switch error {
        case let error as CommandFailure: error.message
        case let error as GlueberryError: self.text(for: error)
        case let error as HostError: self.text(for: error)
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { self.text(for: $0.error) } ?? "the host name does not resolve"
        case let error as IOError: SystemError.describe(error.errnoCode)
        case let error as ChannelError:
            switch error {
            case .connectTimeout: "no answer"
            default: "\(error)"
            }
        default: "\(error)"
        }
    }

    private static func text(for error: GlueberryError) -> String {
        var text = error.message
        if let cause = error.cause { text += ": " + self.text(for: cause) }
        if let hint = error.hint { text += "; " + hint }
        return text
    }

    private static func text(for error: HostError) -> String {
        guard error.attempts.isEmpty else {
            var reasons = error.attempts.prefix(self.maximumAttempts).map { attempt in
                "\(attempt.address): " + (attempt.error.map { self.text(for: $0) } ?? "no answer in time")
            }
            if error.attempts.count > self.maximumAttempts {
                reasons.append("and \(error.attempts.count - self.maximumAttempts) more")
            }
            return reasons.joined(separator: ", ")
        }
        // What the system says is clearer than that the transport did not connect.
        if error.code == .ioFailed, let cause = error.cause { return self.text(for: cause) }
        return error.message + (error.cause.map { ": " + self.text(for: $0) } ?? "")
    }
}
