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
import Testing

@testable import LibP2P

/// What the Go original sends, as it was recorded between two of its nodes.
@Suite struct OriginalIdentifyTests {
    private static let answer =
        "ee020a24080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3941208047f00000106"
        + "1cea1a212f676c756562657272792f73747265616d2f68616e647368616b652f312e302e301a0e2f697066732f69642f"
        + "312e302e301a132f697066732f69642f707573682f312e302e301a102f697066732f70696e672f312e302e301a202f6c"
        + "69627032702f636972637569742f72656c61792f302e322e302f73746f702208047f000001061ce92a003205676f6762"
        + "4042ac010a24080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394120203011a3e"
        + "0a260024080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39410f7a4c4cbfb999b"
        + "f5181a0a0a08047f000001061cea2a408fc3b762296fc27c4af3705648bec7fbb3f3225f8dcc1366464d93ffe6e29ef9"
        + "02891d107670a2470028d456d745f100d52d2fbd8d60d19ef0c6a9074c02ce0a"
    private static let push =
        "a4030a24080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c1208047f00000106"
        + "1ce91a192f676c756562657272792f73747265616d2f612f312e302e301a192f676c756562657272792f73747265616d"
        + "2f622f312e302e301a212f676c756562657272792f73747265616d2f68616e647368616b652f312e302e301a0e2f6970"
        + "66732f69642f312e302e301a132f697066732f69642f707573682f312e302e301a102f697066732f70696e672f312e30"
        + "2e301a202f6c69627032702f636972637569742f72656c61792f302e322e302f73746f702208047f000001061cea2a00"
        + "3205676f67624042ac010a24080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
        + "120203011a3e0a260024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c1081"
        + "819aabff999bf5181a0a0a08047f000001061ce92a40d875eca52d9038694f075231fb0bb458a49712eb3da450afb7b5"
        + "b836faf98d054c01186eea17d7bad306a155a2be545c78168cb297e9d2187d0fa8af983eb70d"

    private func decode(_ text: String, from peer: PeerID, pieces: Int = 1) throws -> IdentifyInfo {
        let bytes = try #require([UInt8](hexadecimal: text))
        var decoder = IdentifyDecoder()
        for piece in bytes.cut(at: (1..<pieces).map { $0 * bytes.count / pieces }) {
            try decoder.receive(ByteBuffer(bytes: piece))
        }
        return try decoder.finish(remotePeer: peer)
    }

    @Test(arguments: [1, 2, 7, 368])
    func theAnswerIsRead(_ pieces: Int) throws {
        let peer = try PeerID("12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq")
        let info = try self.decode(Self.answer, from: peer, pieces: pieces)
        #expect(info.agentVersion == "gogb@")
        #expect(info.protocolVersion == "")
        #expect(
            info.protocols == [
                "/glueberry/stream/handshake/1.0.0", "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0",
                "/libp2p/circuit/relay/0.2.0/stop",
            ])
        #expect(info.listenAddresses.map(\.description) == ["/ip4/127.0.0.1/tcp/7402"])
        #expect(info.observedAddress?.description == "/ip4/127.0.0.1/tcp/7401")
        let record = try #require(info.signedRecord)
        #expect(record.peerID == peer)
        #expect(record.addresses == info.listenAddresses)
        #expect(record.sequence > 0)
    }

    @Test func thePushIsRead() throws {
        let key = try #require(
            [UInt8](hexadecimal: "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"))
        let peer = PeerID(publicKey: try PublicKey(ed25519: key))
        let info = try self.decode(Self.push, from: peer)
        #expect(info.agentVersion == "gogb@")
        #expect(
            info.protocols == [
                "/glueberry/stream/a/1.0.0", "/glueberry/stream/b/1.0.0", "/glueberry/stream/handshake/1.0.0",
                "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/libp2p/circuit/relay/0.2.0/stop",
            ])
        #expect(info.listenAddresses.map(\.description) == ["/ip4/127.0.0.1/tcp/7401"])
        #expect(info.observedAddress?.description == "/ip4/127.0.0.1/tcp/7402")
        #expect(info.signedRecord?.peerID == peer)
    }

    @Test func theAnswerOfOnePeerIsRefusedFromAnother() throws {
        let other = try SeededKeys(1).identity.peerID
        #expect { try self.decode(Self.answer, from: other) } throws: {
            ($0 as? HostError)?.code == .protocolViolation
        }
    }
}
