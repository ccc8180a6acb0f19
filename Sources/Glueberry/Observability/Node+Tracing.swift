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

import PeerIdentity
import Tracing

extension Node {
    /// The context of the caller, for spans that belong under its own; nil without a tracer.
    var tracingContext: ServiceContext? { self.instruments.tracing == nil ? nil : ServiceContext.current }

    /// Runs `body` under a span for a message that is sent, if there is a tracer.
    func tracingSend(
        _ size: Int, to peer: PeerID, on stream: String, _ body: () async throws(GlueberryError) -> Void
    ) async throws(GlueberryError) {
        guard let tracing = self.instruments.tracing else { return try await body() }
        let span = tracing.start(.send, under: ServiceContext.current, peer: peer, stream: stream, size: size)
        let result = await ServiceContext.withValue(span.context) { () async -> Result<Void, GlueberryError> in
            do throws(GlueberryError) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        try Self.end(span, result)
    }

    /// The same for a send that does not wait.
    func tracingSend(
        _ size: Int, to peer: PeerID, on stream: String, _ body: () throws(GlueberryError) -> Void
    ) throws(GlueberryError) {
        guard let tracing = self.instruments.tracing else { return try body() }
        let span = tracing.start(.send, under: ServiceContext.current, peer: peer, stream: stream, size: size)
        let result = ServiceContext.withValue(span.context) { () -> Result<Void, GlueberryError> in
            do throws(GlueberryError) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        }
        try Self.end(span, result)
    }

    private static func end(_ span: OpenSpan, _ result: Result<Void, GlueberryError>) throws(GlueberryError) {
        if case .failure(let error) = result { span.fail(error) } else { span.end() }
        try result.get()
    }
}
