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
import Multiformats
import NIOCore
import PeerIdentity

/// The lines of `glueberry peer`, whose keys scripts rely on.
enum PeerLine {
    static func listening(_ peer: PeerID, addresses: [String], process: Int32, residentKiB: Int) -> JSONLine {
        self.line("listening") {
            $0.add("peer_id", "\(peer)")
            $0.add("addrs", addresses)
            $0.add("pid", process)
            $0.add("rss_kb", residentKiB)
            $0.add("version", Node.protocolVersion)
        }
    }

    static func state(_ event: ConnectionEvent) -> JSONLine {
        self.line("state") {
            $0.add("peer", "\(event.peer)")
            $0.add("state", "\(event.state)")
            $0.add("err", event.error.map { "\($0)" } ?? "")
            $0.add("session", event.session)
            if event.missed > 0 { $0.add("missed", event.missed) }
            if !event.unwrittenMessages.isEmpty { $0.add("unwritten", event.unwrittenMessages) }
        }
    }

    /// A state that was asked for, or that the interval shows.
    static func state(of peer: PeerID, _ state: ConnectionState) -> JSONLine {
        self.line("state") {
            $0.add("peer", "\(peer)")
            $0.add("state", "\(state)")
            $0.add("err", "")
            $0.add("tick", true)
        }
    }

    static func established(_ peer: PeerID, isOutbound: Bool, _ times: EstablishmentTimes) -> JSONLine {
        self.line("established") {
            $0.add("peer", "\(peer)")
            $0.add("outbound", isOutbound)
            $0.add("connect_us", times.connect.microseconds)
            $0.add("handshake_us", times.handshake.microseconds)
            $0.add("total_us", times.total.microseconds)
        }
    }

    /// Messages dropped or refused, a consumer that has stopped reading.
    static func notice(_ notice: NodeNotice) -> JSONLine {
        self.line("notice") {
            $0.add("kind", notice.kind.name)
            if let peer = notice.peer { $0.add("peer", "\(peer)") }
            if let stream = notice.stream { $0.add("stream", stream) }
            $0.add("count", notice.count)
            $0.add("text", "\(notice)")
        }
    }

    static func message(_ message: Message, digest: SHA256Digest?, showsText: Bool) -> JSONLine {
        self.line("message") {
            $0.add("peer", "\(message.peer)")
            $0.add("stream", message.stream)
            $0.add("bytes", message.payload.readableBytes)
            $0.add("session", message.session)
            if let digest { $0.add("sha256", Base16.encode(digest)) }
            if showsText { $0.add("text", String(decoding: message.payload.readableBytesView, as: UTF8.self)) }
        }
    }

    /// What `chat` has sent.
    static func sent(stream: String, _ payload: ByteBuffer, peers: Int, hashes: Bool) -> JSONLine {
        self.line("sent") {
            $0.add("stream", stream)
            $0.add("bytes", payload.readableBytes)
            $0.add("peers", peers)
            if hashes { $0.add("sha256", Base16.encode(payload.sha256)) }
        }
    }

    /// What `bench` has sent.
    static func sent(_ number: Int, to peer: PeerID, stream: String, bytes: Int, digest: SHA256Digest) -> JSONLine {
        self.line("sent") {
            $0.add("peer", "\(peer)")
            $0.add("stream", stream)
            $0.add("bytes", bytes)
            $0.add("number", number)
            $0.add("sha256", Base16.encode(digest))
        }
    }

    static func bench(_ result: OneWayResult) -> JSONLine {
        let seconds = result.duration.inSeconds
        return self.line("bench") {
            $0.add("kind", "oneway")
            if let peer = result.peer { $0.add("peer", "\(peer)") }
            $0.add("size", result.size)
            $0.add("sent", result.sent)
            $0.add("errors", result.errors)
            $0.add("secs", seconds, decimals: 6)
            $0.add("msgs_per_s", self.rate(Double(result.sent), seconds), decimals: 1)
            $0.add("MB_per_s", self.rate(Double(result.sent) * Double(result.size) / 1e6, seconds), decimals: 3)
            if let digests = result.digests { $0.add("digest_sum", digests.text) }
            self.addUsage(result.usage, to: &$0)
        }
    }

    static func bench(_ result: PingPongResult) -> JSONLine {
        let times = Percentiles(result.samples)
        func microseconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1000 }
        return self.line("bench") {
            $0.add("kind", "pingpong")
            if let peer = result.peer { $0.add("peer", "\(peer)") }
            $0.add("size", result.size)
            $0.add("n", result.samples.count)
            $0.add("lost", result.lost)
            $0.add("p50_us", microseconds(times.value(50)), decimals: 1)
            $0.add("p90_us", microseconds(times.value(90)), decimals: 1)
            $0.add("p99_us", microseconds(times.value(99)), decimals: 1)
            $0.add("max_us", microseconds(times.maximum), decimals: 1)
            $0.add("rt_per_s", self.rate(Double(result.samples.count), result.duration.inSeconds), decimals: 1)
            if result.bulkBytes > 0 {
                let perSecond = self.rate(Double(result.bulkBytes), result.duration.inSeconds)
                $0.add("bulk_MB_per_s", perSecond / 1e6, decimals: 1)
            }
            self.addUsage(result.usage, to: &$0)
        }
    }

    /// How a number of nodes became established, for `hs` and `swarm`.
    static func establishments(_ event: String, tried: Int, _ times: [EstablishmentTimes]) -> JSONLine {
        let connect = Percentiles(times.map(\.connect.microseconds))
        let handshake = Percentiles(times.map(\.handshake.microseconds))
        let total = Percentiles(times.map(\.total.microseconds))
        let usage = ResourceUsage.current()
        return self.line(event) {
            $0.add("n", tried)
            $0.add("ok", times.count)
            $0.add("connect_p50_us", connect.value(50))
            $0.add("hs_p50_us", handshake.value(50))
            $0.add("total_p50_us", total.value(50))
            $0.add("total_p90_us", total.value(90))
            $0.add("total_p99_us", total.value(99))
            $0.add("rss_kb", usage.residentKiB)
            self.addUsage(usage, to: &$0)
        }
    }

    /// What else the end of the node has to say.
    struct Final {
        var tally = MessageTally()
        /// Of what was received, if it was asked for.
        var digests: DigestSum?
        var malformed = 0
        var decryptionErrors = 0
        var errors = 0
        /// Messages that the policy of a full queue dropped.
        var dropped = 0
        var connections = PeerStatistics.Connections()
        var streams: [String: StreamStatistics] = [:]
        var usage = ResourceUsage()
    }

    static func final(_ final: Final) -> JSONLine {
        let (tally, span) = (final.tally, final.tally.span)
        return self.line("final") {
            $0.add("msgs", tally.messages)
            $0.add("bytes", tally.bytes)
            $0.add("span_s", span, decimals: 6)
            $0.add("msgs_per_s", self.rate(Double(tally.messages), span), decimals: 1)
            $0.add("MB_per_s", self.rate(Double(tally.bytes) / 1e6, span), decimals: 3)
            self.addTroubles(final, to: &$0)
            self.addStatistics(final, to: &$0)
            if let digests = final.digests { $0.add("digest_sum", digests.text) }
            $0.add("rss_kb", final.usage.residentKiB)
            self.addUsage(final.usage, to: &$0)
        }
    }

    /// The state of everything, for `chat`.
    static func dump(_ snapshot: NodeSnapshot, _ final: Final) -> JSONLine {
        self.line("dump") {
            $0.add("peers", snapshot.peers.count + snapshot.omittedPeers)
            $0.add("msgs", final.tally.messages)
            $0.add("bytes", final.tally.bytes)
            self.addTroubles(final, to: &$0)
            self.addStatistics(final, to: &$0)
            $0.add("rss_kb", final.usage.residentKiB)
            $0.add("hwm_kb", final.usage.peakKiB)
            $0.add("node", json: snapshot.json)
        }
    }

    /// What the process takes, and what it has received: a short line, however many peers there are.
    static func usage(_ usage: ResourceUsage, messages: Int) -> JSONLine {
        self.line("usage") {
            $0.add("msgs", messages)
            $0.add("rss_kb", usage.residentKiB)
            self.addUsage(usage, to: &$0)
        }
    }

    private static func addTroubles(_ final: Final, to line: inout JSONLine) {
        line.add("dropped", final.dropped)
        line.add("malformed", final.malformed)
        line.add("decrypt_errors", final.decryptionErrors)
        line.add("errors", final.errors)
    }

    private static func addStatistics(_ final: Final, to line: inout JSONLine) {
        line.add("connections_in", final.connections.openedInbound)
        line.add("connections_out", final.connections.openedOutbound)
        line.add("streams_opened", final.streams.mapValues(\.streamsOpened))
    }

    static func stopped(after time: Duration) -> JSONLine {
        self.line("stopped") { $0.add("stop_ms", time.inMilliseconds, decimals: 3) }
    }

    static func error(_ what: String, _ error: any Error) -> JSONLine {
        self.line("error") {
            $0.add("what", what)
            $0.add("err", "\(error)")
        }
    }

    static func line(_ event: String, _ fill: (inout JSONLine) -> Void) -> JSONLine {
        var line = JSONLine(event: event)
        fill(&line)
        return line
    }

    private static func rate(_ amount: Double, _ seconds: Double) -> Double { seconds > 0 ? amount / seconds : 0 }

    private static func addUsage(_ usage: ResourceUsage, to line: inout JSONLine) {
        line.add("cpu_user_s", usage.userSeconds, decimals: 3)
        line.add("cpu_sys_s", usage.systemSeconds, decimals: 3)
        line.add("hwm_kb", usage.peakKiB)
    }
}

extension ByteBuffer {
    /// The SHA-256 of what can be read.
    var sha256: SHA256Digest {
        var hash = SHA256()
        self.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        return hash.finalize()
    }
}
