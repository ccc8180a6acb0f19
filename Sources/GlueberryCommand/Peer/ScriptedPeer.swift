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

import Crypto
import Glueberry
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A node and what it does with messages, told to the outside as JSON lines.
final class ScriptedPeer: Sendable {
    /// What becomes of messages.
    enum Mode: String, CaseIterable, Sendable {
        case echo
        case sink
        case chat
        case idle
    }

    struct Settings: Sendable {
        var mode: Mode
        var firstStream: String
        var peers: [(peer: PeerID, addresses: [Multiaddr])]
        var isQuiet: Bool
        var hashes: Bool
        var pause: Duration?
        var stateInterval: Duration?
        var lifetime: Duration?
        var endsWithInput: Bool
    }

    private struct Progress {
        var connecting: ContinuousClock.Instant?
        var connected: ContinuousClock.Instant?
    }

    private struct State {
        var known: [PeerID] = []
        var progress: [PeerID: Progress] = [:]
        var readers: [PeerID: Task<Void, Never>] = [:]
        var messages = 0
        var bytes = 0
        var errors = 0
        var first: ContinuousClock.Instant?
        var last: ContinuousClock.Instant?
        var isEnding = false
    }

    /// Peers whose reader is kept after they are gone.
    private static let maximumReaders = 1024
    /// Peers that are remembered for the lines about states.
    private static let maximumKnown = 4096
    /// A stop that takes longer is a failure.
    private static let stopLimit = Duration.seconds(20)

    let node: Node
    let settings: Settings
    private let state = Locked(State())

    init(node: Node, settings: Settings) {
        self.node = node
        self.settings = settings
    }

    // MARK: Life

    /// Runs until a signal, the end of the time, or `/quit`.
    func run() async throws {
        let signals = await Interruption.stream()
        let events = try self.node.events()
        do {
            try await self.node.start()
        } catch {
            throw CommandFailure(Explanation.line(for: error))
        }
        self.printListening()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in signals { return true }
                return false
            }
            group.addTask {
                for await event in events { self.follow(event) }
                return false
            }
            for (peer, addresses) in self.settings.peers {
                group.addTask {
                    do {
                        try await self.node.addPeer(peer, addresses: addresses)
                    } catch {
                        self.printError("connect", error)
                    }
                    return false
                }
            }
            if self.settings.mode != .echo {
                group.addTask {
                    await self.readAll()
                    return false
                }
            }
            if self.settings.mode == .chat || self.settings.endsWithInput {
                group.addTask { await self.readInput() }
            }
            if let interval = self.settings.stateInterval {
                group.addTask {
                    while (try? await Task.sleep(for: interval)) != nil { self.printStates() }
                    return false
                }
            }
            if let lifetime = self.settings.lifetime {
                group.addTask { (try? await Task.sleep(for: lifetime)) != nil }
            }
            for await isEnd in group where isEnd { break }
            group.cancelAll()
        }
        let readers = self.state.withLock { state in
            state.isEnding = true
            return Array(state.readers.values)
        }
        for reader in readers { reader.cancel() }
        for reader in readers { await reader.value }
        self.printFinal()
        await self.stop()
    }

    private func stop() async {
        let begin = ContinuousClock.now
        let guardian = Task {
            try await Task.sleep(for: Self.stopLimit)
            self.emit("error") {
                $0.add("what", "stop")
                $0.add("err", "the node did not stop in time")
            }
            exit(1)
        }
        await self.node.stop()
        guardian.cancel()
        self.emit("stopped") { $0.add("stop_ms", (ContinuousClock.now - begin).inMilliseconds, decimals: 3) }
    }

    // MARK: Events

    private func follow(_ event: ConnectionEvent) {
        let now = ContinuousClock.now
        self.emit("state") {
            $0.add("peer", "\(event.peer)")
            $0.add("state", "\(event.state)")
            if let error = event.error { $0.add("err", "\(error)") }
            if event.missed > 0 { $0.add("missed", event.missed) }
            if !event.unwrittenMessages.isEmpty { $0.add("unwritten", event.unwrittenMessages) }
        }
        let finished = self.state.withLock { state -> Progress? in
            if !state.known.contains(event.peer), state.known.count < Self.maximumKnown {
                state.known.append(event.peer)
            }
            switch event.state {
            case .connecting: state.progress[event.peer] = Progress(connecting: now)
            case .connected: state.progress[event.peer, default: Progress()].connected = now
            case .established: return state.progress.removeValue(forKey: event.peer) ?? Progress()
            case .disconnected, .reconnecting, .cooldown: state.progress[event.peer] = nil
            }
            return nil
        }
        if event.state == .connected, self.settings.mode == .echo { self.startReader(of: event.peer) }
        guard let finished else { return }
        // An event that was missed leaves its time out: then there is no interval before it.
        let connected = finished.connected ?? now
        let connecting = finished.connecting ?? connected
        self.emit("established") {
            $0.add("peer", "\(event.peer)")
            $0.add("outbound", event.isOutbound ?? false)
            $0.add("connect_us", (connected - connecting).microseconds)
            $0.add("handshake_us", (now - connected).microseconds)
            $0.add("total_us", (now - connecting).microseconds)
        }
    }

    // MARK: Messages

    private func readAll() async {
        do {
            for await message in try self.node.messages() { await self.take(message) }
        } catch {
            self.printError("receive", error)
        }
    }

    /// A peer has a reader of its own, so that one that does not take its echoes holds up no other.
    private func startReader(of peer: PeerID) {
        let node = self.node
        let surplus = self.state.withLock { state -> [Task<Void, Never>] in
            guard !state.isEnding, state.readers[peer] == nil else { return [] }
            var surplus: [Task<Void, Never>] = []
            if state.readers.count >= Self.maximumReaders {
                for (other, reader) in state.readers where node.state(of: other) == .disconnected {
                    surplus.append(reader)
                    state.readers[other] = nil
                }
            }
            state.readers[peer] = Task { await self.echo(peer) }
            return surplus
        }
        for reader in surplus { reader.cancel() }
    }

    private func echo(_ peer: PeerID) async {
        do {
            var lanes: [String: EchoLane] = [:]
            for await message in try self.node.messages(from: peer) {
                let lane =
                    lanes[message.stream]
                    ?? EchoLane(node: self.node, peer: peer, stream: message.stream) { self.printError("echo", $0) }
                lanes[message.stream] = lane
                await self.take(message)
                await lane.add(message.payload)
            }
            for lane in lanes.values { lane.end() }
        } catch {
            self.printError("receive", error)
        }
    }

    private func take(_ message: Message) async {
        let now = ContinuousClock.now
        self.state.withLock { state in
            state.messages += 1
            state.bytes += message.payload.readableBytes
            if state.first == nil { state.first = now }
            state.last = now
        }
        let isShown = !self.settings.isQuiet && self.settings.mode != .idle
        if isShown || self.settings.hashes {
            // The digest is computed even when it is not shown, so that its cost can be measured.
            let digest =
                self.settings.hashes
                ? Self.digest(message.payload) : nil
            if isShown {
                self.emit("message") {
                    $0.add("peer", "\(message.peer)")
                    $0.add("stream", message.stream)
                    $0.add("bytes", message.payload.readableBytes)
                    if let digest { $0.add("sha256", digest) }
                    if self.settings.mode == .chat {
                        $0.add("text", String(decoding: message.payload.readableBytesView, as: UTF8.self))
                    }
                }
            }
        }
        if let pause = self.settings.pause { try? await Task.sleep(for: pause) }
    }

    private static func digest(_ payload: ByteBuffer) -> String {
        var digest = SHA256()
        payload.withUnsafeReadableBytes { digest.update(bufferPointer: $0) }
        return Base16.encode(digest.finalize())
    }

    // MARK: Standard input

    /// Follows standard input; true if the node is to end.
    private func readInput() async -> Bool {
        let input = StandardInput()
        while let line = await input.nextText() {
            guard self.settings.mode == .chat else { continue }
            if line == "/quit" { return true }
            await self.obey(line)
        }
        return self.settings.endsWithInput && !Task.isCancelled
    }

    private func obey(_ line: String) async {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = parts.dropFirst().first ?? ""
        do {
            switch parts.first {
            case "/connect":
                let (address, _) = try Addresses.peer(argument)
                self.background("connect") { _ = try await self.node.connect(to: address) }
            case "/disconnect": await self.node.disconnect(from: try Addresses.peerID(argument))
            case "/reconnect":
                let peer = try Addresses.peerID(argument)
                self.background("reconnect") {
                    await self.node.disconnect(from: peer)
                    try await self.node.connect(to: peer)
                }
            case "/state": self.printStates()
            case "/dump": self.printDump()
            case "/big":
                guard let count = ByteCountOption(argument: argument)?.bytes,
                    count <= self.node.configuration.maximumMessageSize
                else {
                    throw CommandFailure("/big takes 1 to \(self.node.configuration.maximumMessageSize) bytes")
                }
                await self.sendToAll(Self.randomPayload(count))
            case .some(let word) where word.hasPrefix("/"):
                throw CommandFailure(
                    "\(word) is no command; /connect, /disconnect, /reconnect, /state, /dump, /big, /quit")
            default: await self.sendToAll(ByteBuffer(string: line))
            }
        } catch {
            self.printError("input", error)
        }
    }

    private static func randomPayload(_ count: Int) -> ByteBuffer {
        var generator = SystemRandomNumberGenerator()
        var payload = ByteBufferAllocator().buffer(capacity: count + 8)
        while payload.readableBytes < count { payload.writeInteger(generator.next()) }
        payload.moveWriterIndex(to: count)
        return payload
    }

    private func sendToAll(_ payload: ByteBuffer) async {
        var count = 0
        for peer in self.state.withLock({ $0.known }) where self.node.state(of: peer) == .established {
            do {
                try await self.node.send(payload, to: peer, on: self.settings.firstStream)
                count += 1
            } catch {
                self.printError("send", error)
            }
        }
        self.emit("sent") {
            $0.add("stream", self.settings.firstStream)
            $0.add("bytes", payload.readableBytes)
            $0.add("peers", count)
        }
    }

    /// Does what may take long without holding up the next line of input; the node's stop ends it.
    private func background(_ what: String, _ body: @escaping @Sendable () async throws -> Void) {
        Task {
            do {
                try await body()
            } catch {
                if !self.state.withLock({ $0.isEnding }) { self.printError(what, error) }
            }
        }
    }

    // MARK: Lines

    private func emit(_ event: String, _ fill: (inout JSONLine) -> Void) {
        var line = JSONLine(event: event)
        fill(&line)
        StandardOutput.line(line.finished)
    }

    private func printListening() {
        self.emit("listening") {
            $0.add("peer_id", "\(self.node.peerID)")
            $0.add("addrs", self.node.listenAddresses.map(\.description))
            $0.add("pid", getpid())
            $0.add("rss_kb", ResourceUsage.current().residentKiB)
            $0.add("version", Node.protocolVersion)
        }
    }

    private func printStates() {
        for peer in self.state.withLock({ $0.known }) {
            self.emit("state") {
                $0.add("peer", "\(peer)")
                $0.add("state", "\(self.node.state(of: peer))")
                $0.add("tick", true)
            }
        }
    }

    private func printDump() {
        let (messages, bytes, errors, known) = self.state.withLock {
            ($0.messages, $0.bytes, $0.errors, $0.known.count)
        }
        let usage = ResourceUsage.current()
        let refused = self.node.refusedMessages
        self.emit("dump") {
            $0.add("peers", known)
            $0.add("msgs", messages)
            $0.add("bytes", bytes)
            $0.add("errors", errors)
            $0.add("malformed", refused.malformed)
            $0.add("decrypt_errors", refused.notAuthentic)
            $0.add("rss_kb", usage.residentKiB)
            $0.add("hwm_kb", usage.peakKiB)
        }
    }

    private func printFinal() {
        let (messages, bytes, errors, first, last) = self.state.withLock {
            ($0.messages, $0.bytes, $0.errors, $0.first, $0.last)
        }
        let span = first.flatMap { first in last.map { $0 - first } }?.inSeconds ?? 0
        let usage = ResourceUsage.current()
        let refused = self.node.refusedMessages
        self.emit("final") {
            $0.add("msgs", messages)
            $0.add("bytes", bytes)
            $0.add("span_s", span, decimals: 6)
            $0.add("msgs_per_s", span > 0 ? Double(messages) / span : 0, decimals: 1)
            $0.add("MB_per_s", span > 0 ? Double(bytes) / span / 1e6 : 0, decimals: 3)
            // A full queue holds its stream up, so nothing is ever dropped.
            $0.add("dropped", 0)
            $0.add("malformed", refused.malformed)
            $0.add("decrypt_errors", refused.notAuthentic)
            $0.add("errors", errors)
            $0.add("cpu_user_s", usage.userSeconds, decimals: 3)
            $0.add("cpu_sys_s", usage.systemSeconds, decimals: 3)
            $0.add("rss_kb", usage.residentKiB)
            $0.add("hwm_kb", usage.peakKiB)
        }
    }

    private func printError(_ what: String, _ error: any Error) {
        self.state.withLock { $0.errors += 1 }
        self.emit("error") {
            $0.add("what", what)
            $0.add("err", "\(error)")
        }
    }
}
