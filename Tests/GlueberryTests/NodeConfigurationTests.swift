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
import Multiformats
import NIOCore
import PeerIdentity
import Testing
import Yamux

@testable import Glueberry

/// What a node is told is looked at before there is one.
@Suite struct NodeConfigurationTests {
    /// A field with a value that it must not have.
    struct BadField: Sendable, CustomTestStringConvertible {
        let name: String
        let value: String
        let set: @Sendable (inout NodeConfiguration) -> Void

        init<Value: Sendable>(
            _ name: String, _ field: any WritableKeyPath<NodeConfiguration, Value> & Sendable, _ value: Value
        ) {
            self.name = name
            self.value = "\(value)"
            self.set = { $0[keyPath: field] = value }
        }

        var testDescription: String { "\(self.name) = \(self.value)" }
    }

    /// Every field that is checked, with what it must not be; of several lines on one field the last goes with all others.
    private static let badFields: [BadField] = nodeFields + watermarks + handshakes + limits + timeouts

    private static let nodeFields: [BadField] = [
        BadField("connectTimeout", \.connectTimeout, .zero),
        BadField("handshakeTimeout", \.handshakeTimeout, .zero),
        BadField("cooldown", \.cooldown, .zero),
        BadField("reconnectBase", \.reconnectBase, .zero),
        BadField("reconnectMaximum", \.reconnectMaximum, .milliseconds(999)),
        BadField("reconnectMaximum", \.reconnectMaximum, .seconds(-1)),
        BadField("reconnectAttempts", \.reconnectAttempts, -1),
        BadField("maximumMessageSize", \.maximumMessageSize, 64 * 1024 * 1024),
        BadField("maximumMessageSize", \.maximumMessageSize, 0),
        BadField("sendTimeout", \.sendTimeout, .zero),
        BadField("sendBufferBytes", \.sendBufferBytes, 0),
        BadField("sendBufferMessages", \.sendBufferMessages, 0),
        BadField("receiveBufferMessages", \.receiveBufferMessages, 0),
        BadField("receiveBufferBytes", \.receiveBufferBytes, 0),
        BadField("receivePolicies", \.receivePolicies, ["no name": .dropNewest]),
        BadField("streamPriorities", \.streamPriorities, ["no name": .high]),
        BadField("streamPriorities", \.streamPriorities, ["handshake": .high]),
        BadField("streamPriorities", \.streamPriorities, ["a": StreamPriority(weight: 0)]),
        BadField("stallTimeout", \.stallTimeout, .zero),
        BadField("maximumLeftoverBytes", \.maximumLeftoverBytes, 0),
        BadField("eventBuffer", \.eventBuffer, 0),
        BadField("flushTimeout", \.flushTimeout, .nanoseconds(-1)),
        BadField("probeTimeout", \.probeTimeout, .zero),
        BadField("idleConnectionTimeout", \.idleConnectionTimeout, .zero),
        BadField("pairMessageThreshold", \.pairMessageThreshold, 0),
        BadField("maximumPeers", \.maximumPeers, 0),
        BadField("maximumDials", \.maximumDials, 0),
        BadField("addressBookWriteDelay", \.addressBookWriteDelay, .zero),
    ]

    private static let watermarks: [BadField] = [
        BadField("sendLowWatermarkBytes", \.sendLowWatermarkBytes, 1024 * 1024 + 1),
        BadField("sendLowWatermarkBytes", \.sendLowWatermarkBytes, -1),
        BadField("sendLowWatermarkMessages", \.sendLowWatermarkMessages, 4097),
        BadField("sendLowWatermarkMessages", \.sendLowWatermarkMessages, -1),
        BadField("receiveLowWatermarkMessages", \.receiveLowWatermarkMessages, 4097),
        BadField("receiveLowWatermarkMessages", \.receiveLowWatermarkMessages, -1),
        BadField("receiveLowWatermarkBytes", \.receiveLowWatermarkBytes, 4 * 1024 * 1024 + 1),
        BadField("receiveLowWatermarkBytes", \.receiveLowWatermarkBytes, -1),
    ]

    private static let handshakes: [BadField] = [
        BadField("handshake.streams", \.handshake, .standard(StandardHandshake(streams: ["handshake"]))),
        BadField("handshake.streams", \.handshake, .standard(StandardHandshake(streams: ["a", "no name"]))),
        BadField(
            "handshake.hello", \.handshake,
            .standard(StandardHandshake(hello: pattern(StandardHandshakeRun.maximumHelloLength + 1), streams: ["a"]))),
    ]

    private static let limits: [BadField] = [
        BadField("host.limits.connections", \.host.limits.connections, 0),
        BadField("host.limits.connectionsPerPeer", \.host.limits.connectionsPerPeer, 0),
        BadField("host.limits.outboundConnections", \.host.limits.outboundConnections, 0),
        BadField("host.limits.unauthenticatedConnections", \.host.limits.unauthenticatedConnections, 0),
        BadField("host.limits.connectionsPerAddress", \.host.limits.connectionsPerAddress, 0),
        BadField("host.limits.streamsPerPeer", \.host.limits.streamsPerPeer, 0),
        BadField("host.limits.bufferedBytesPerPeer", \.host.limits.bufferedBytesPerPeer, -1),
        BadField("host.limits.dialsPerPeer", \.host.limits.dialsPerPeer, 0),
        BadField("host.limits.addressesPerDial", \.host.limits.addressesPerDial, -1),
        BadField("host.limits.addressesPerDial", \.host.limits.addressesPerDial, 0),
        BadField("host.streamWriteBuffer", \.host.streamWriteBuffer, 0),
        BadField("host.yamux.maximumInboundStreams", \.host.yamux.maximumInboundStreams, 0),
    ]

    private static let timeouts: [BadField] = [
        BadField("host.timeouts.accept", \.host.timeouts.accept, .zero),
        BadField("host.timeouts.dial", \.host.timeouts.dial, .zero),
        BadField("host.timeouts.dialAttempt", \.host.timeouts.dialAttempt, .zero),
        BadField("host.timeouts.negotiation", \.host.timeouts.negotiation, .zero),
        BadField("host.timeouts.securityHandshake", \.host.timeouts.securityHandshake, .zero),
        BadField("host.timeouts.streamNegotiation", \.host.timeouts.streamNegotiation, .zero),
        BadField("host.timeouts.identify", \.host.timeouts.identify, .zero),
        BadField("host.timeouts.ping", \.host.timeouts.ping, .seconds(-1)),
        BadField("host.timeouts.ping", \.host.timeouts.ping, .zero),
        BadField("host.yamux.keepAliveTimeout", \.host.yamux.keepAliveTimeout, .zero),
        BadField("host.timeouts.close", \.host.timeouts.close, .nanoseconds(-1)),
        BadField("host.timeouts.nextPublicAddress", \.host.timeouts.nextPublicAddress, .nanoseconds(-1)),
        BadField("host.timeouts.nextPrivateAddress", \.host.timeouts.nextPrivateAddress, .nanoseconds(-1)),
    ]

    /// The fields that the error of a node with this configuration names, one for each problem.
    private func fieldsNamed(_ configuration: NodeConfiguration) throws -> [String] {
        let error = try #require(
            #expect(throws: GlueberryError.self) {
                try Node(identity: .generate(), listen: [Multiaddr](), configuration: configuration)
            })
        #expect(error.code == .configurationInvalid)
        return error.message.split(separator: "; ").map { String($0.prefix { $0 != " " }) }
    }

    @Test(arguments: badFields) func aBadFieldIsNamed(_ field: BadField) throws {
        var configuration = NodeConfiguration()
        field.set(&configuration)
        #expect(try self.fieldsNamed(configuration) == [field.name])
    }

    @Test func aBadConfigurationNamesEveryBadField() throws {
        var configuration = NodeConfiguration()
        for field in Self.badFields { field.set(&configuration) }
        // One handshake has bad names or a hello that is too long, not both.
        let names = Set(Self.badFields.map(\.name)).subtracting(["handshake.streams"])
        #expect(try Set(self.fieldsNamed(configuration)) == names)
    }

    /// Numbers and times that are added later are checked as well, or stand here.
    @Test func everyNumberAndTimeIsChecked() {
        let configuration = NodeConfiguration()
        let sections: [(prefix: String, section: Any)] = [
            ("", configuration), ("host.", configuration.host), ("host.limits.", configuration.host.limits),
            ("host.timeouts.", configuration.host.timeouts),
        ]
        let types: [any Any.Type] = [
            Int.self, Int?.self, UInt64.self, Duration.self, Duration?.self, TimeAmount.self,
        ]
        var fields: Set<String> = []
        for (prefix, section) in sections {
            for case (let label?, let value) in Mirror(reflecting: section).children
            where types.contains(where: { $0 == type(of: value) }) {
                fields.insert(prefix + label)
            }
        }
        #expect(fields.count > 40)
        #expect(fields.subtracting(Self.badFields.map(\.name)).isEmpty)
    }

    @Test func theDefaultsAndTheOutermostValuesAreFine() {
        #expect(NodeConfiguration().problems().isEmpty)
        var configuration = NodeConfiguration()
        configuration.reconnectAttempts = 0
        configuration.reconnectMaximum = configuration.reconnectBase
        configuration.maximumMessageSize = 64 * 1024 * 1024 - 64
        configuration.sendLowWatermarkBytes = configuration.sendBufferBytes
        configuration.sendLowWatermarkMessages = 0
        configuration.receiveLowWatermarkBytes = 0
        configuration.receiveLowWatermarkMessages = configuration.receiveBufferMessages
        configuration.flushTimeout = .zero
        configuration.idleConnectionTimeout = nil
        configuration.host.limits.connections = 1
        configuration.host.limits.bufferedBytesPerPeer = 0
        configuration.host.timeouts.close = .zero
        configuration.host.yamux.keepAliveInterval = .zero
        configuration.host.yamux.keepAliveTimeout = .zero
        configuration.host.timeouts.nextPublicAddress = .zero
        configuration.host.timeouts.nextPrivateAddress = .zero
        #expect(configuration.problems().isEmpty)
    }
}
