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

import NIOCore

@testable import MultistreamSelect

/// What came of a side that was given some bytes.
struct Transcript: Equatable {
    var outcome: Result<MultistreamOutcome, MultistreamError>
    var output: [UInt8]
    var rest: [UInt8]

    var errorCode: MultistreamError.Code? {
        if case .failure(let error) = self.outcome { return error.code }
        return nil
    }
}

/// The token of a text, made by hand where it may be one that the module itself would not make.
func token(_ text: String) -> [UInt8] {
    token(Array(text.utf8))
}

func token(_ text: [UInt8]) -> [UInt8] {
    let length = text.count + 1
    let prefix = length < 0x80 ? [UInt8(length)] : [UInt8(length & 0x7f) | 0x80, UInt8(length >> 7)]
    return prefix + text + [0x0a]
}

let header = token("/multistream/1.0.0")
let notAvailable: [UInt8] = [3, 0x6e, 0x61, 0x0a]

extension ByteBuffer {
    var allBytes: [UInt8] { Array(self.readableBytesView) }
}

/// Runs an initiator over pieces of what a peer sends.
func initiate(_ protocols: [String], _ pieces: [[UInt8]]) -> Transcript {
    var initiator = MultistreamInitiator(protocols: protocols)
    var output = ByteBuffer()
    initiator.start(into: &output)
    return run(pieces, output: output) { (input, output) throws(MultistreamError) in
        try initiator.receive(&input, into: &output)
    }
}

/// Runs a responder over pieces of what a peer sends.
func respond(_ protocols: Set<String>, maximumAttempts: Int = 20, _ pieces: [[UInt8]]) -> Transcript {
    var responder = MultistreamResponder(maximumAttempts: maximumAttempts)
    var output = ByteBuffer()
    responder.start(into: &output)
    return run(pieces, output: output) { (input, output) throws(MultistreamError) in
        try responder.receive(&input, into: &output, accepting: protocols.contains)
    }
}

private func run(
    _ pieces: [[UInt8]],
    output: ByteBuffer,
    _ receive: (inout ByteBuffer, inout ByteBuffer) throws(MultistreamError) -> MultistreamOutcome
) -> Transcript {
    var input = ByteBuffer()
    var output = output
    var outcome = Result<MultistreamOutcome, MultistreamError>.success(.needsMore)
    for piece in pieces {
        input.writeBytes(piece)
        if case .failure = outcome { continue }
        do throws(MultistreamError) {
            outcome = .success(try receive(&input, &output))
        } catch {
            outcome = .failure(error)
        }
    }
    return Transcript(outcome: outcome, output: output.allBytes, rest: input.allBytes)
}

/// The bytes cut in two at every offset.
func splitsAtEveryOffset(_ bytes: [UInt8]) -> [[[UInt8]]] {
    (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
}

/// The bytes cut into pieces of random length.
func randomPieces(_ bytes: [UInt8], using random: inout SplitMix64) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        let length = Int.random(in: 1...min(rest.count, 9), using: &random)
        pieces.append(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return pieces
}
