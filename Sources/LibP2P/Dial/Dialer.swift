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

import Multiformats
import NIOCore
import PeerIdentity

/// The driver of one dial: resolves names, starts attempts as the ``DialSchedule`` says, takes the first connection
/// that is secured and ends the others.
///
/// Confined to its event loop.
final class Dialer {
    private let host: Host
    private let peer: PeerID?
    private let eventLoop: any EventLoop
    /// Told once; answers false if nobody wants the connection any more.
    private let completed: (Result<Connection, HostError>) -> Bool
    private var schedule: DialSchedule
    private let handle: DialHandle
    private var channels: [Int: any Channel] = [:]
    /// Of the attempts that run.
    private var progress: [Int: DialProgress] = [:]
    private var timer: Scheduled<Void>?
    private var deadlineTimer: Scheduled<Void>?
    private var isFinished = false

    init(
        host: Host, peer: PeerID?, eventLoop: any EventLoop, handle: DialHandle,
        completed: @escaping (Result<Connection, HostError>) -> Bool
    ) {
        self.host = host
        self.peer = peer
        self.eventLoop = eventLoop
        self.handle = handle
        self.completed = completed
        self.schedule = DialSchedule(
            limits: host.configuration.limits, timeouts: host.configuration.timeouts, now: eventLoop.now)
    }

    func start(_ addresses: [Multiaddr], timeout: TimeAmount) {
        self.deadlineTimer = self.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.timedOut(timeout) }
        var seen: Set<Multiaddr> = []
        let limit = self.host.configuration.limits.addressesPerDial
        for address in addresses.prefix(limit) {
            if let other = address.peer, let peer = self.peer, other != peer.bytes {
                self.schedule.unusable(
                    address, stage: .waiting, error: HostError(.wrongPeer, "the address names another peer"),
                    now: self.eventLoop.now)
                continue
            }
            guard let transport = self.host.transport(for: address) else {
                self.schedule.unusable(
                    address, stage: .waiting, error: HostError(.badAddress, "no transport here dials such an address"),
                    now: self.eventLoop.now)
                continue
            }
            let id = self.schedule.resolve(address, now: self.eventLoop.now)
            transport.resolve(address, on: self.eventLoop).assumeIsolated().whenComplete { resolved in
                guard !self.isFinished else { return }
                switch resolved {
                case .success(let found):
                    self.schedule.resolved(id)
                    for address in found where seen.insert(address).inserted {
                        if let refusal = self.host.refusal(ofDialing: address) {
                            self.schedule.unusable(
                                address, stage: .waiting, error: refusal, now: self.eventLoop.now)
                            continue
                        }
                        self.schedule.add(address, isPublic: address.isPublic)
                    }
                case .failure(let error):
                    self.schedule.resolutionFailed(id, error: Self.hostError(error), now: self.eventLoop.now)
                }
                self.advance()
            }
        }
        self.advance()
    }

    /// Ends every attempt without a result.
    func abandon() {
        guard !self.isFinished else { return }
        self.finish(keeping: nil)
    }

    /// Ends every attempt because the host stops.
    func stop() {
        guard !self.isFinished else { return }
        self.finish(keeping: nil)
        _ = self.completed(.failure(HostError(.stopped, "the host is stopping")))
    }

    private func timedOut(_ timeout: TimeAmount) {
        guard !self.isFinished else { return }
        self.finish(keeping: nil)
        let attempts = self.handle.attempts
        _ = self.completed(
            .failure(
                HostError(
                    .timedOut, "no address of \(self.peerName) answered within \(timeout.nanoseconds / 1_000_000) ms",
                    attempts: attempts)))
    }

    private var peerName: String { self.peer.map(\.description) ?? "the peer" }

    private func advance() {
        guard !self.isFinished else { return }
        let now = self.eventLoop.now
        for candidate in self.schedule.start(now: now) { self.attempt(candidate) }
        guard !self.isFinished else { return }
        if self.schedule.isExhausted {
            guard !self.host.isStopping else {
                self.stop()
                return
            }
            self.finish(keeping: nil)
            let attempts = self.schedule.attempts
            _ = self.completed(
                .failure(
                    attempts.isEmpty
                        ? HostError(.dialFailed, "no address of \(self.peerName) is known")
                        : HostError(
                            .dialFailed, "no address of \(self.peerName) could be reached", attempts: attempts)))
            return
        }
        self.handle.publish(self.report())
        self.timer?.cancel()
        self.timer = self.schedule.nextDeadline.map { deadline in
            self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.advance() }
        }
    }

    private func attempt(_ candidate: DialSchedule.Candidate) {
        guard let transport = self.host.transport(for: candidate.address) else { return }
        let id = candidate.id
        let secured = self.eventLoop.makePromise(of: Connection.self)
        let ticket: ConnectionTicket
        do {
            ticket = try self.host.limits.admitOutbound()
        } catch {
            self.schedule.failed(id, stage: .connecting, error: error, now: self.eventLoop.now)
            secured.fail(error)
            self.eventLoop.assumeIsolated().execute { self.advance() }
            return
        }
        secured.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let connection): self.succeeded(id, connection)
            case .failure(let error):
                let failure = error as? UpgradeFailure
                self.failed(id, failure?.stage ?? .connecting, failure?.error ?? Self.hostError(error))
            }
        }
        let host = self.host
        let peer = self.peer
        let progress = DialProgress()
        self.progress[id] = progress
        transport.dial(
            candidate.address, on: self.eventLoop, timeout: host.configuration.timeouts.dialAttempt
        ) { channel in
            channel.closeFuture.whenComplete { _ in ticket.release() }
            return host.install(
                on: channel, isDialer: true, peer: peer, address: candidate.address, ticket: ticket, secured: secured,
                progress: progress)
        }.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel):
                guard !self.isFinished else {
                    channel.close(promise: nil)
                    return
                }
                self.channels[id] = channel
            case .failure(let error):
                ticket.release()
                secured.fail(HostError(.ioFailed, "the transport did not connect", cause: error))
            }
        }
    }

    private func succeeded(_ id: Int, _ connection: Connection) {
        guard !self.isFinished else {
            connection.closeNow(code: ConnectionErrorCode.supplanted)
            return
        }
        self.schedule.succeeded(id, now: self.eventLoop.now)
        self.progress[id] = nil
        self.finish(keeping: id)
        if !self.completed(.success(connection)) { connection.closeNow(code: ConnectionErrorCode.supplanted) }
    }

    private func failed(_ id: Int, _ stage: DialAttempt.Stage, _ error: HostError) {
        // What ends because the dial has is listed as it was then.
        guard !self.isFinished else { return }
        self.channels[id] = nil
        self.progress[id] = nil
        self.schedule.failed(id, stage: stage, error: error, now: self.eventLoop.now)
        self.advance()
    }

    private func finish(keeping winner: Int?) {
        self.isFinished = true
        // As values: how far they got is not to change any more.
        self.handle.end(self.report().map { $0.attempt.reaching($0.progress?.stage) })
        self.timer?.cancel()
        self.timer = nil
        self.deadlineTimer?.cancel()
        self.deadlineTimer = nil
        let losers = self.channels.filter { $0.key != winner }
        self.channels = [:]
        for channel in losers.values { channel.close(promise: nil) }
        self.host.dialEnded(self)
    }

    private func report() -> [(attempt: DialAttempt, progress: DialProgress?)] {
        self.schedule.report(now: self.eventLoop.now).map { attempt, running in
            (attempt, running.flatMap { self.progress[$0] })
        }
    }

    private static func hostError(_ error: any Error) -> HostError {
        (error as? HostError) ?? HostError(.ioFailed, "the transport failed", cause: error)
    }
}
