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
import PeerIdentity
import Testing

@testable import GlueberryCommand

@Suite struct ChatLineTests {
    private static let id = "12D3KooWGC6RxDLAwb9YTTPLMVPCzuCT5r4hrsWRSj3D5W2qJkuq"

    @Test func textIsTextEvenWhenItIsEmpty() throws {
        for text in ["", "hello", " /quit", "a /quit"] { #expect(try ChatLine(text) == .text(text)) }
    }

    @Test func commandsAreReadWithWhatTheyNeed() throws {
        let peer = try PeerID(Self.id)
        let address = "/ip4/127.0.0.1/tcp/1/p2p/\(Self.id)"
        #expect(try ChatLine("/connect \(address)") == .connect(try Multiaddr(address)))
        #expect(try ChatLine("/disconnect \(Self.id)") == .disconnect(peer))
        #expect(try ChatLine("/reconnect \(Self.id)") == .reconnect(peer))
        #expect(try ChatLine("/state") == .state)
        #expect(try ChatLine("/dump") == .dump)
        #expect(try ChatLine("/usage") == .usage)
        #expect(try ChatLine("/big 64KiB") == .big(65_536))
        #expect(try ChatLine("/quit") == .quit)
    }

    @Test(arguments: [
        "/", "/dance", "/connect", "/connect x", "/connect /ip4/127.0.0.1/tcp/1", "/disconnect", "/reconnect me",
        "/big", "/big 0", "/big -1", "/big x", "//quit",
    ])
    func whatIsNoCommandIsAnError(line: String) {
        #expect(throws: CommandFailure.self) { try ChatLine(line) }
    }
}
