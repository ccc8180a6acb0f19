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

import DequeModule
import LibP2P
import NIOCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One end of a connection of an ``InMemoryNetwork``, in the place of a socket.
///
/// What is written goes to the partner on the partner's event loop, at the time that the network says, in order. As with a
/// socket, a bounded number of bytes is on its way; what is beyond waits here, and the channel is not writable until it has
/// gone.
///
/// `@unchecked Sendable`: what is used from other threads is in `shared`, behind its lock, or immutable; everything else
/// belongs to the event loop, where each method that touches it runs.
final class InMemoryChannel: Channel, ChannelCore, @unchecked Sendable {
    /// What travels between two ends.
    enum Parcel {
        /// The dial was accepted; the other end.
        case connected(InMemoryChannel)
        /// The dial was refused.
        case refused(any Error)
        case bytes(ByteBuffer)
        /// The other end sends no more.
        case end
        /// The other end is gone.
        case reset
    }

    private enum Phase {
        case idle
        case connecting(EventLoopPromise<any Channel>)
        case active
        case closed
    }

    private struct Shared {
        var pipeline: ChannelPipeline?
        var isActive = false
        var isWritable = true
    }

    private static let highWaterMark = 64 * 1024
    private static let lowWaterMark = 32 * 1024
    private static let readsPerCycle = 16

    let network: InMemoryNetwork
    let machine: InMemoryMachine
    let eventLoop: any EventLoop
    let localAddress: SocketAddress?
    let remoteAddress: SocketAddress?
    let parent: (any Channel)?
    let allocator = ByteBufferAllocator()
    private let remoteNumber: Int
    private let closePromise: EventLoopPromise<Void>
    private let shared = SystemLocked(Shared())

    // On the event loop.
    private var phase = Phase.idle
    private var partner: InMemoryChannel?
    private var inbox: Deque<(due: NIODeadline, parcel: Parcel)> = []
    private var timer: Scheduled<Void>?
    private var isPumping = false
    private var isAutoRead = true
    private var allowsHalfClosure = false
    private var isReadPending = false
    private var isInputEnded = false
    private var isOutputEnding = false
    private var isOutputEnded = false
    private var hasReset = false
    private var hasVanished = false
    private var unflushed: Deque<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)> = []
    private var flushed: Deque<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)> = []
    private var waitingBytes = 0
    private var bytesInFlight = 0
    private var lastDue = NIODeadline.uptimeNanoseconds(0)

    init(
        network: InMemoryNetwork, machine: InMemoryMachine, eventLoop: any EventLoop, local: SocketAddress?,
        remote: SocketAddress?, remoteNumber: Int, parent: (any Channel)?
    ) {
        self.network = network
        self.machine = machine
        self.eventLoop = eventLoop
        self.localAddress = local
        self.remoteAddress = remote
        self.remoteNumber = remoteNumber
        self.parent = parent
        self.closePromise = eventLoop.makePromise()
        network.opened(self)
    }

    // MARK: Channel

    var closeFuture: EventLoopFuture<Void> { self.closePromise.futureResult }
    var isActive: Bool { self.shared.withLock { $0.isActive } }
    var isWritable: Bool { self.shared.withLock { $0.isWritable } }
    var _channelCore: any ChannelCore { self }

    var pipeline: ChannelPipeline {
        self.shared.withLock { shared in
            if let pipeline = shared.pipeline { return pipeline }
            let pipeline = ChannelPipeline(channel: self)
            shared.pipeline = pipeline
            return pipeline
        }
    }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        let box = UncheckedBox((option, value))
        return self.eventLoop.submit { try self.set(box.value.0, box.value.1) }
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        let box = UncheckedBox(option)
        return self.eventLoop.submit { UncheckedBox(try self.get(box.value)) }.map { $0.value }
    }

    private func set<Option: ChannelOption>(_ option: Option, _ value: Option.Value) throws {
        switch (option, value) {
        case (is ChannelOptions.Types.AutoReadOption, let value as Bool):
            self.isAutoRead = value
            if value, case .active = self.phase { self.pipeline.read() }
        case (is ChannelOptions.Types.AllowRemoteHalfClosureOption, let value as Bool):
            self.allowsHalfClosure = value
        default: throw ChannelError.operationUnsupported
        }
    }

    private func get<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        let value: Any? =
            switch option {
            case is ChannelOptions.Types.AutoReadOption: self.isAutoRead
            case is ChannelOptions.Types.AllowRemoteHalfClosureOption: self.allowsHalfClosure
            default: nil
            }
        guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
        return value
    }

    // MARK: Opening, on the event loop

    /// Connects to whoever listens at the remote address.
    func dial(
        timeout: TimeAmount, initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let connected = self.eventLoop.makePromise(of: (any Channel).self)
        self.phase = .connecting(connected)
        initializer(self).hop(to: self.eventLoop).assumeIsolated().whenComplete { result in
            guard case .connecting = self.phase else { return }
            switch result {
            case .failure(let error): self.finish(error, tellsPartner: false)
            case .success:
                self.pipeline.fireChannelRegistered()
                guard !self.machine.isDead, let target = self.remoteAddress else {
                    self.finish(IOError(errnoCode: ENETDOWN, reason: "connect"), tellsPartner: false)
                    return
                }
                let timer = self.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                    guard case .connecting = self.phase else { return }
                    self.finish(ChannelError.connectTimeout(timeout), tellsPartner: false)
                }
                connected.futureResult.whenComplete { _ in timer.cancel() }
                self.network.dial(target, number: self.remoteNumber, from: self)
            }
        }
        return connected.futureResult
    }

    /// Becomes the accepting end of a dial.
    func accept(
        from dialer: InMemoryChannel, initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) {
        self.partner = dialer
        initializer(self).hop(to: self.eventLoop).assumeIsolated().whenComplete { result in
            guard case .idle = self.phase else { return }
            // As with a socket, the other side is connected before anybody here has had a say.
            self.post(.connected(self))
            switch result {
            case .failure(let error): self.finish(error, tellsPartner: true)
            case .success: self.activate()
            }
        }
    }

    func activate() {
        guard case .idle = self.phase else { return }
        self.pipeline.fireChannelRegistered()
        self.becomeActive()
    }

    private func becomeActive() {
        self.phase = .active
        self.shared.withLock { $0.isActive = true }
        self.pipeline.fireChannelActive()
        if self.isAutoRead, case .active = self.phase { self.pipeline.read() }
        self.pump()
    }

    // MARK: What the network does, from any thread

    /// Whether this is an end of a connection between two machines.
    func joins(_ one: Int, _ other: Int) -> Bool {
        let ends = (self.machine.number, self.remoteNumber)
        return ends == (one, other) || ends == (other, one)
    }

    /// Ends this end at once, as if the other had reset it.
    func cut() {
        self.eventLoop.execute {
            self.hasReset = true
            self.receive(.reset)
        }
    }

    /// Ends this end because its process is gone; the other side sees the end of the connection.
    func die() {
        self.eventLoop.execute {
            self.finish(IOError(errnoCode: ECONNABORTED, reason: "the process was killed"), tellsPartner: true)
        }
    }

    /// Ends this end without the other's hearing of it, and without an answer to what it still sends.
    func vanish() {
        self.eventLoop.execute {
            self.hasVanished = true
            self.finish(IOError(errnoCode: ECONNABORTED, reason: "the machine lost its power"), tellsPartner: false)
        }
    }

    /// Looks again at what may be delivered.
    func wake() { self.eventLoop.execute { self.pump() } }

    /// Takes something that another machine sends now.
    func send(_ parcel: Parcel, from sender: Int, now: NIODeadline) {
        let due = self.network.arrival(of: 0, from: sender, to: self.machine.number, now: now)
        let box = UncheckedBox(parcel)
        self.eventLoop.execute { self.arrive(box.value, due: due) }
    }

    private func arrive(_ parcel: Parcel, due: NIODeadline) {
        self.inbox.append((due, parcel))
        self.pump()
    }

    /// The partner has read bytes.
    private func acknowledge(_ bytes: Int) {
        self.bytesInFlight -= bytes
        self.transmit()
    }

    // MARK: Receiving

    private func pump() {
        guard !self.isPumping else { return }
        self.isPumping = true
        defer { self.isPumping = false }
        while let first = self.inbox.first {
            if case .idle = self.phase { return }
            guard !self.network.isBlocked(from: self.remoteNumber, to: self.machine.number) else { return }
            let now = self.eventLoop.now
            guard first.due <= now else {
                self.timer?.cancel()
                self.timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: first.due) { self.pump() }
                return
            }
            if case .bytes = first.parcel, case .active = self.phase {
                guard self.isReadPending else {
                    // A reset overtakes what nobody reads.
                    guard let reset = self.inbox.first(where: { if case .reset = $0.parcel { true } else { false } }),
                        reset.due <= now
                    else { return }
                    self.receive(.reset)
                    return
                }
                self.read(now)
            } else {
                self.inbox.removeFirst()
                self.receive(first.parcel)
            }
        }
    }

    private func read(_ now: NIODeadline) {
        self.isReadPending = false
        var count = 0
        var bytes = 0
        while count < Self.readsPerCycle, case .active = self.phase, let first = self.inbox.first, first.due <= now,
            case .bytes(let piece) = first.parcel
        {
            self.inbox.removeFirst()
            count += 1
            bytes += piece.readableBytes
            self.pipeline.fireChannelRead(piece)
        }
        let bytesRead = bytes
        if let partner = self.partner { partner.eventLoop.execute { partner.acknowledge(bytesRead) } }
        guard case .active = self.phase else { return }
        self.pipeline.fireChannelReadComplete()
        if self.isAutoRead, case .active = self.phase { self.pipeline.read() }
    }

    private func receive(_ parcel: Parcel) {
        switch (parcel, self.phase) {
        case (.connected(let partner), .connecting(let promise)):
            self.partner = partner
            // As NIO has it: whoever dialled hears of it before the pipeline does.
            self.phase = .active
            self.shared.withLock { $0.isActive = true }
            promise.succeed(self)
            if case .active = self.phase { self.becomeActive() }
        case (.connected(let partner), _):
            self.partner = partner
            self.postReset()
        case (.refused(let error), .connecting): self.finish(error, tellsPartner: false)
        case (.bytes, .closed):
            // A socket answers so for a connection that is no more, if there is a machine to answer.
            if !self.hasVanished || self.network.isRestarted(self.machine) { self.postReset() }
        case (.end, .closed), (.reset, .closed):
            // Nothing more will come.
            self.partner = nil
        case (.end, .active):
            self.isInputEnded = true
            if self.allowsHalfClosure {
                self.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            } else {
                self.finish(ChannelError.eof, tellsPartner: true)
            }
        case (.reset, .active):
            self.hasReset = true
            self.inbox = []
            self.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read"))
            self.finish(IOError(errnoCode: ECONNRESET, reason: "read"), tellsPartner: false)
        case (.reset, .connecting):
            self.finish(IOError(errnoCode: ECONNRESET, reason: "connect"), tellsPartner: false)
        default: break
        }
    }

    // MARK: Sending

    private func transmit() {
        guard !self.isOutputEnded, case .active = self.phase else { return }
        let quality = self.network.quality(from: self.machine.number, to: self.remoteNumber)
        while self.bytesInFlight < quality.bytesInFlight, let (bytes, promise) = self.flushed.popFirst() {
            var rest = bytes
            self.waitingBytes -= bytes.readableBytes
            self.bytesInFlight += bytes.readableBytes
            // On a slow link large writes arrive bit by bit.
            let segment = max(1, quality.segment ?? (quality.bytesPerSecond == nil ? Int.max : 16 * 1024))
            while let piece = rest.readSlice(length: min(segment, rest.readableBytes)), piece.readableBytes > 0 {
                self.post(.bytes(piece), bytes: piece.readableBytes)
            }
            promise?.succeed(())
        }
        if self.isOutputEnding, self.flushed.isEmpty { self.endOutput() }
        self.updateWritability()
    }

    private func endOutput() {
        guard !self.isOutputEnded else { return }
        self.isOutputEnded = true
        self.post(.end)
    }

    private func postReset() {
        guard !self.hasReset else { return }
        self.hasReset = true
        self.post(.reset)
    }

    private func post(_ parcel: Parcel, bytes: Int = 0) {
        guard let partner = self.partner else { return }
        let due = self.network.arrival(
            of: bytes, from: self.machine.number, to: self.remoteNumber, now: self.eventLoop.now)
        // Chance must not change the order.
        self.lastDue = max(self.lastDue, due)
        let box = UncheckedBox((parcel, self.lastDue))
        partner.eventLoop.execute { partner.arrive(box.value.0, due: box.value.1) }
    }

    private func updateWritability() {
        let isChanged = self.shared.withLock { shared in
            let isWritable = self.waitingBytes <= (shared.isWritable ? Self.highWaterMark : Self.lowWaterMark)
            defer { shared.isWritable = isWritable }
            return shared.isWritable != isWritable
        }
        if isChanged { self.pipeline.fireChannelWritabilityChanged() }
    }

    // MARK: End

    private func finish(_ error: any Error, tellsPartner: Bool, promise: EventLoopPromise<Void>? = nil) {
        let before = self.phase
        if case .closed = before {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        self.phase = .closed
        self.shared.withLock { $0.isActive = false }
        self.timer?.cancel()
        self.timer = nil
        if tellsPartner {
            let isUnread = self.inbox.contains { if case .bytes = $0.parcel { true } else { false } }
            // A socket that is closed with unread input resets the connection.
            if isUnread { self.postReset() } else { self.endOutput() }
        }
        if !tellsPartner && !self.hasVanished || self.isInputEnded { self.partner = nil }
        self.isOutputEnded = true
        let waiting = self.flushed + self.unflushed
        self.flushed = []
        self.unflushed = []
        for (_, promise) in waiting { promise?.fail(error) }
        self.network.closed(self)
        switch before {
        case .connecting(let connected): connected.fail(error)
        case .active: self.pipeline.fireChannelInactive()
        case .idle, .closed: break
        }
        self.pipeline.fireChannelUnregistered()
        promise?.succeed(())
        self.eventLoop.assumeIsolated().execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed(())
            self.pump()
        }
    }

    // MARK: ChannelCore, on the event loop

    func localAddress0() throws -> SocketAddress {
        guard let address = self.localAddress else { throw ChannelError.unknownLocalAddress }
        return address
    }

    func remoteAddress0() throws -> SocketAddress {
        guard let address = self.remoteAddress else { throw ChannelError.operationUnsupported }
        return address
    }

    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }

    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .active = self.phase else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard !self.isOutputEnding else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        let bytes = self.unwrapData(data, as: ByteBuffer.self)
        self.unflushed.append((bytes, promise))
        self.waitingBytes += bytes.readableBytes
        self.updateWritability()
    }

    func flush0() {
        self.flushed.append(contentsOf: self.unflushed)
        self.unflushed = []
        self.transmit()
    }

    func read0() {
        self.isReadPending = true
        self.pump()
    }

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            guard case .active = self.phase, !self.isOutputEnding else {
                promise?.fail(ChannelError.outputClosed)
                return
            }
            self.isOutputEnding = true
            self.flush0()
            promise?.succeed(())
            self.pipeline.fireUserInboundEventTriggered(ChannelEvent.outputClosed)
        case .input: promise?.fail(ChannelError.operationUnsupported)
        case .all: self.finish(error, tellsPartner: true, promise: promise)
        }
    }

    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
}

/// Carries a value to an event loop, where it is used once.
private struct UncheckedBox<Value>: @unchecked Sendable {
    // Guarded by its use: made by one party, read once by the event loop that it is brought to.
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
