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
import Foundation
import Glueberry
import NIOCore
import PeerIdentity
import Testing

@testable import GlueberryCommand

/// The keys of each line are what scripts of others rely on.
@Suite struct PeerLineTests {
    private struct Refusal: Error, CustomStringConvertible { let description = "no \"way\"\n" }

    private let peer: PeerID
    private let usage = ResourceUsage(userSeconds: 1, systemSeconds: 0.5, residentKiB: 100, peakKiB: 200)

    init() throws { self.peer = try PeerID("12D3KooWGC6RxDLAwb9YTTPLMVPCzuCT5r4hrsWRSj3D5W2qJkuq") }

    private func keys(_ line: JSONLine) throws -> Set<String> {
        #expect(!line.finished.contains("\n"))
        return Set(try JSONDecoder().decode([String: Ignored].self, from: Data(line.finished.utf8)).keys)
    }

    private struct Ignored: Decodable { init(from decoder: any Decoder) {} }

    private func expect(_ line: JSONLine, _ event: String, has keys: String) throws {
        let missing = Set(keys.split(separator: " ").map(String.init)).subtracting(try self.keys(line))
        #expect(missing.isEmpty, "\(line.finished)")
        #expect(line.finished.hasPrefix("{\"event\":\"\(event)\","))
    }

    @Test func theBeginningSaysWhoIsThere() throws {
        let line = PeerLine.listening(self.peer, addresses: ["/x"], process: 7, residentKiB: 3)
        try self.expect(line, "listening", has: "peer_id addrs pid rss_kb version")
        #expect(line.finished.contains(#""version":"1.2.9""#) && line.finished.contains(#""addrs":["/x"]"#))
    }

    @Test func sessionsAreTold() throws {
        try self.expect(PeerLine.state(of: self.peer, .established), "state", has: "peer state err")
        let event = ConnectionEvent(peer: self.peer, state: .connected, previous: .connecting, session: 2)
        try self.expect(PeerLine.state(event), "state", has: "peer state err session")
        #expect(PeerLine.state(event).finished.contains(#""err":"""#))
        let times = EstablishmentTimes(connect: .milliseconds(2), handshake: .milliseconds(3))
        let line = PeerLine.established(self.peer, isOutbound: true, times)
        try self.expect(line, "established", has: "peer outbound connect_us handshake_us total_us")
        #expect(line.finished.hasSuffix(#""outbound":true,"connect_us":2000,"handshake_us":3000,"total_us":5000}"#))
    }

    @Test func noticesAreTold() throws {
        let notice = NodeNotice(.messagesDropped(.dropNewest), peer: self.peer, stream: "s", count: 3)
        let line = PeerLine.notice(notice)
        try self.expect(line, "notice", has: "kind peer stream count text")
        #expect(line.finished.contains(#""kind":"messagesDropped""#) && line.finished.contains(#""count":3"#))
    }

    @Test func messagesAreTold() throws {
        let payload = ByteBuffer(string: "a\u{1B}")
        let message = Message(peer: self.peer, stream: "s", payload: payload, session: 2)
        try self.expect(
            PeerLine.message(message, digest: payload.sha256, showsText: true), "message",
            has: "peer stream bytes sha256 text")
        let plain = try self.keys(PeerLine.message(message, digest: nil, showsText: false))
        #expect(!plain.contains("text") && !plain.contains("sha256"))
        try self.expect(PeerLine.sent(stream: "s", payload, peers: 1, hashes: true), "sent", has: "stream bytes sha256")
        try self.expect(
            PeerLine.sent(3, to: self.peer, stream: "s", bytes: 2, digest: payload.sha256), "sent",
            has: "peer stream bytes number sha256")
    }

    @Test func benchmarksAreTold() throws {
        let oneWay = OneWayResult(
            peer: self.peer, size: 1000, sent: 2000, errors: 1, duration: .seconds(2), usage: self.usage)
        let line = PeerLine.bench(oneWay)
        try self.expect(
            line, "bench",
            has: "kind size sent errors secs msgs_per_s MB_per_s cpu_user_s cpu_sys_s hwm_kb")
        // MB is a million bytes.
        #expect(line.finished.contains(#""kind":"oneway""#) && line.finished.contains(#""MB_per_s":1.000"#))
        let pingPong = PingPongResult(
            peer: self.peer, size: 64, samples: [1_000, 2_500], lost: 1, duration: .seconds(1), usage: self.usage)
        let trips = PeerLine.bench(pingPong)
        try self.expect(
            trips, "bench",
            has: "kind size n lost p50_us p90_us p99_us max_us rt_per_s cpu_user_s cpu_sys_s hwm_kb")
        #expect(
            trips.finished.contains(#""kind":"pingpong""#) && trips.finished.contains(#""p50_us":1.0,"p90_us":2.5"#))
        let never = OneWayResult(peer: self.peer, size: 1)
        #expect(PeerLine.bench(never).finished.contains(#""msgs_per_s":0.0"#))
    }

    @Test func handshakesAreTold() throws {
        let times = [EstablishmentTimes(connect: .milliseconds(2), handshake: .milliseconds(3))]
        let line = PeerLine.establishments("hs", tried: 2, times)
        try self.expect(
            line, "hs", has: "n ok connect_p50_us hs_p50_us total_p50_us total_p90_us total_p99_us")
        #expect(line.finished.contains(#""n":2,"ok":1,"connect_p50_us":2000,"hs_p50_us":3000"#))
        try self.expect(PeerLine.establishments("swarm", tried: 2, []), "swarm", has: "n ok")
    }

    @Test func theEndIsTold() async throws {
        var final = PeerLine.Final(malformed: 2, decryptionErrors: 3, errors: 4, dropped: 1, usage: self.usage)
        let begin = ContinuousClock.now
        final.tally.take(bytes: 500_000, at: begin)
        final.tally.take(bytes: 500_000, at: begin + .seconds(1))
        let line = PeerLine.final(final)
        try self.expect(
            line, "final",
            has: "msgs bytes span_s msgs_per_s MB_per_s dropped decrypt_errors cpu_user_s cpu_sys_s rss_kb hwm_kb")
        #expect(line.finished.contains(#""MB_per_s":1.000,"dropped":1,"malformed":2,"decrypt_errors":3"#))
        let snapshot = try await Node(identity: .generate()).snapshot()
        try self.expect(
            PeerLine.dump(snapshot, final), "dump", has: "peers msgs bytes dropped decrypt_errors rss_kb hwm_kb node")
        let usage = PeerLine.usage(self.usage, messages: 7)
        try self.expect(usage, "usage", has: "msgs rss_kb cpu_user_s cpu_sys_s hwm_kb")
        #expect(usage.finished.contains(#""msgs":7,"rss_kb":100"#))
        try self.expect(PeerLine.stopped(after: .milliseconds(5)), "stopped", has: "stop_ms")
        try self.expect(PeerLine.error("send", Refusal()), "error", has: "what err")
    }
}
