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

import LibP2P
public import NIOCore
public import PeerIdentity
import Tracing

extension Node {
    /// Sends a message to every established peer that has the stream prepared, and tells what became of each.
    ///
    /// Where there is room the message is taken at once. The others are waited for side by side, so that a slow peer holds
    /// up no other, and none for longer than `timeout`; then its outcome is `sendTimedOut`. Who becomes established
    /// meanwhile is not sent to.
    ///
    /// - Parameters:
    ///   - payload: At most `maximumMessageSize` bytes.
    ///   - stream: A prepared stream; not `handshake`.
    ///   - timeout: The longest wait for room, for all together; by default `sendTimeout`.
    /// - Returns: For each peer, success when its bounded queue has taken the message, or why it has not, as
    ///   ``send(_:to:on:in:timeout:)-(ByteBuffer,_,_,_,_)`` would have thrown it. When the calling task is cancelled, the
    ///   peers that were waited for have the error `cancelled`.
    /// - Throws: ``GlueberryError`` with code `notStarted` or `invalidStreamName`.
    @discardableResult
    public func broadcast(
        _ payload: ByteBuffer, on stream: String, timeout: Duration? = nil
    ) async throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        var (results, waiting) = self.trySend(payload, on: try self.channels(named: stream), waits: true)
        guard !waiting.isEmpty else { return results }
        let timeout = TimeAmount(timeout ?? self.configuration.sendTimeout)
        await withTaskGroup(of: (PeerID, Result<Void, GlueberryError>).self) { group in
            for send in waiting {
                group.addTask {
                    (send.channel.peer, await send.wait(payload, timeout: timeout))
                }
            }
            for await (peer, result) in group { results[peer] = result }
        }
        return results
    }

    /// Sends a message to every established peer that has the stream prepared, and tells what became of each.
    ///
    /// - Throws: As ``broadcast(_:on:timeout:)-(ByteBuffer,_,_)``.
    @discardableResult
    public func broadcast(
        _ payload: some Collection<UInt8>, on stream: String, timeout: Duration? = nil
    ) async throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try await self.broadcast(ByteBuffer(bytes: payload), on: stream, timeout: timeout)
    }

    /// Sends a message to every established peer that has the stream prepared and room for it now; never waits.
    ///
    /// - Returns: For each peer, success or why not: `sendQueueFull` where there is no room.
    /// - Throws: ``GlueberryError`` with code `notStarted` or `invalidStreamName`.
    @discardableResult
    public func tryBroadcast(
        _ payload: ByteBuffer, on stream: String
    ) throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        self.trySend(payload, on: try self.channels(named: stream), waits: false).results
    }

    /// Sends a message to every established peer that has the stream prepared and room for it now; never waits.
    ///
    /// - Throws: As ``tryBroadcast(_:on:)-(ByteBuffer,_)``.
    @discardableResult
    public func tryBroadcast(
        _ payload: some Collection<UInt8>, on stream: String
    ) throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try self.tryBroadcast(ByteBuffer(bytes: payload), on: stream)
    }

    private func channels(named stream: String) throws(GlueberryError) -> [StreamChannel] {
        guard StreamName.isValid(stream), stream != StreamName.handshake else {
            throw GlueberryError(.invalidStreamName, "there is no broadcast on a stream of this name")
        }
        return try self.requireRunning().directory.allSessions.compactMap { session in
            session.isEstablished ? session.channel(stream) : nil
        }
    }

    /// A send to one of the peers, and the span over it.
    private struct Send {
        var channel: StreamChannel
        var span: OpenSpan?

        /// Sends if there is room; leaves the span open.
        func attempt(_ payload: ByteBuffer) -> Result<Void, GlueberryError> {
            func body() -> Result<Void, GlueberryError> {
                do throws(GlueberryError) {
                    return .success(try self.channel.trySend(payload))
                } catch {
                    return .failure(error)
                }
            }
            guard let span = self.span else { return body() }
            return ServiceContext.withValue(span.context) { body() }
        }

        /// Sends when there is room, and ends the span.
        func wait(_ payload: ByteBuffer, timeout: TimeAmount) async -> Result<Void, GlueberryError> {
            func body() async -> Result<Void, GlueberryError> {
                do throws(GlueberryError) {
                    return .success(try await self.channel.send(payload, timeout: timeout))
                } catch {
                    return .failure(error)
                }
            }
            guard let span = self.span else { return await body() }
            let result = await ServiceContext.withValue(span.context) { await body() }
            self.end(result)
            return result
        }

        func end(_ result: Result<Void, GlueberryError>) {
            if case .failure(let error) = result { self.span?.fail(error) } else { self.span?.end() }
        }
    }

    /// Sends where there is room; where there is none, and that is to be waited for, the send stays open.
    private func trySend(
        _ payload: ByteBuffer, on channels: [StreamChannel], waits: Bool
    ) -> (results: [PeerID: Result<Void, GlueberryError>], waiting: [Send]) {
        var results: [PeerID: Result<Void, GlueberryError>] = [:]
        var waiting: [Send] = []
        for channel in channels {
            let span = self.instruments.tracing?.start(
                .send, under: ServiceContext.current, peer: channel.peer, stream: channel.name,
                size: payload.readableBytes)
            let send = Send(channel: channel, span: span)
            let result = send.attempt(payload)
            if waits, case .failure(let error) = result, error.code == .sendQueueFull {
                waiting.append(send)
            } else {
                send.end(result)
            }
            results[channel.peer] = result
        }
        return (results, waiting)
    }
}
