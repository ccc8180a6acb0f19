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

import Foundation
import Multiformats
import PeerIdentity
import Testing

@testable import Glueberry

/// The file of the original, as a value.
@Suite struct AddressBookDocumentTests {
    private func document(_ text: String) throws -> AddressBookDocument {
        try AddressBookDocument(parsing: Array(text.utf8))
    }

    private func text(_ document: AddressBookDocument) -> String {
        String(decoding: document.encoded(), as: UTF8.self)
    }

    /// A file with everything that this version does not know, in the places where it can be.
    private func strange(_ peer: PeerID, version: String = "1") -> String {
        """
        {"format":"x","version":\(version),"peers":{
        "\(peer)":{"peer_id":"\(peer)","multiaddrs":["/ip4/192.0.2.1/tcp/1","/unheard-of/7"],"trust":0.10,
          "last_seen":"0001-01-01T00:00:00Z","created_at":"2026-01-02T03:04:05+01:00",
          "updated_at":"2026-01-02T03:04:05.000000001Z","blacklisted":false,"metadata":{"name":"a","age":7},
          "public_key":"AAAA","notes":{"b":[1e3,null]}},
        "not a peer":{"peer_id":"not a peer","multiaddrs":["/ip4/192.0.2.9/tcp/9"]},
        "\(Identity.generate().peerID)":5},"extra":[12345678901234567890]}
        """
    }

    @Test func theOriginalsFileIsUnderstood() throws {
        let document = try self.document(OriginalVectors.addressBook())
        let peer = try OriginalVectors.identity(2)
        let entry = try #require(document.entry(of: peer.peerID))
        #expect(entry.addresses == [try Multiaddr("/ip4/127.0.0.1/tcp/7402")])
        #expect(entry.publicKey == peer.publicKey)
        #expect(entry.metadata.isEmpty)
        #expect(entry.lastSeen?.description == "2026-11-22T17:04:01.903587921Z")
        #expect(entry.createdAt.description == "2026-11-22T17:04:01.893127598Z")
        #expect(entry.updatedAt.description == "2026-11-22T17:04:01.905885549Z")
        #expect(!entry.isBlacklisted)
        #expect(entry.unknownFields.isEmpty)
        #expect(Array(document.peers) == [peer.peerID])
        #expect(document.unreadable == 0)
    }

    @Test func theOriginalsFileIsWrittenByteForByteAsItWas() throws {
        let original = try OriginalVectors.addressBook()
        #expect(self.text(try self.document(original)) == original)
    }

    @Test func aChangeOfTheOriginalsEntryChangesThatFieldAlone() throws {
        let original = try OriginalVectors.addressBook()
        var document = try self.document(original)
        var entry = try #require(document.peers.first.flatMap { document.entry(of: $0) })
        entry.lastSeen = Timestamp("2026-11-23T00:00:00Z")
        #expect(document.apply(.sighting(entry)) == nil)
        #expect(
            self.text(document)
                == original.replacingOccurrences(of: "2026-11-22T17:04:01.903587921Z", with: "2026-11-23T00:00:00Z"))
    }

    @Test func whatIsNotUnderstoodStaysAsItWas() throws {
        let peer = Identity.generate().peerID
        let strange = self.strange(peer)
        var document = try self.document(strange)
        #expect(document.unreadable == 2)
        var entry = try #require(document.entry(of: peer))
        #expect(entry.addresses == [try Multiaddr("/ip4/192.0.2.1/tcp/1")])
        #expect(entry.publicKey == nil)
        #expect(entry.metadata == ["name": "a"])
        #expect(entry.lastSeen == nil)
        #expect(entry.createdAt.description == "2026-01-02T02:04:05Z")
        #expect(entry.unknownFields == ["trust": "0.10", "notes": #"{"b":[1e3,null]}"#])
        entry.addresses = [try Multiaddr("/ip4/192.0.2.2/tcp/2")]
        entry.updatedAt = Timestamp.now
        entry.lastSeen = Timestamp.now
        #expect(document.apply(.put(entry)) == nil)
        let written = try #require(
            JSONSerialization.jsonObject(with: Data(document.encoded())) as? [String: Any])
        let before = try #require(JSONSerialization.jsonObject(with: Data(strange.utf8)) as? [String: Any])
        #expect(written["format"] as? String == "x")
        #expect(self.text(document).contains("12345678901234567890"))
        #expect(self.text(document).contains("\"trust\": 0.10"))
        let rows = try #require(written["peers"] as? [String: Any])
        let rowsBefore = try #require(before["peers"] as? [String: Any])
        #expect(Set(rows.keys) == Set(rowsBefore.keys))
        let row = try #require(rows[peer.description] as? [String: Any])
        let rowBefore = try #require(rowsBefore[peer.description] as? [String: Any])
        #expect(row["multiaddrs"] as? [String] == ["/ip4/192.0.2.2/tcp/2", "/unheard-of/7"])
        for field in ["public_key", "created_at"] { #expect(row[field] as? String == rowBefore[field] as? String) }
        #expect((row["metadata"] as? [String: Any])?["age"] as? Int == 7)
        #expect(
            NSDictionary(dictionary: row["notes"] as? [String: Any] ?? [:])
                == NSDictionary(
                    dictionary: rowBefore["notes"] as? [String: Any] ?? ["": 0]))
        #expect(self.text(document).contains("not a peer"))
    }

    @Test func aNewEntryHasEveryFieldOfTheOriginals() throws {
        let identity = Identity.generate()
        var document = AddressBookDocument()
        let entry = AddressBookEntry(
            peer: identity.peerID, addresses: [try Multiaddr("/ip4/192.0.2.1/tcp/1")], publicKey: identity.publicKey,
            metadata: ["name": "<a>"], createdAt: Timestamp(seconds: 1), updatedAt: Timestamp(seconds: 2))
        #expect(document.apply(.put(entry)) == nil)
        let file = try #require(JSONSerialization.jsonObject(with: Data(document.encoded())) as? [String: Any])
        #expect(file["version"] as? Int == 1)
        let row = try #require((file["peers"] as? [String: Any])?[identity.peerID.description] as? [String: Any])
        #expect(row["peer_id"] as? String == identity.peerID.description)
        #expect(row["multiaddrs"] as? [String] == ["/ip4/192.0.2.1/tcp/1"])
        #expect(Data(base64Encoded: row["public_key"] as? String ?? "") == Data(identity.publicKey.bytes))
        #expect(row["metadata"] as? [String: String] == ["name": "<a>"])
        #expect(row["last_seen"] as? String == "0001-01-01T00:00:00Z")
        #expect(row["created_at"] as? String == "1970-01-01T00:00:01Z")
        #expect(row["blacklisted"] as? Bool == false)
        #expect(try self.document(self.text(document)).entry(of: identity.peerID) == entry)
    }

    @Test func aKeyThatIsNotThePeersIsNotBelieved() throws {
        let peer = Identity.generate().peerID
        let key = Data(Identity.generate().publicKey.bytes).base64EncodedString()
        let document = try self.document(
            #"{"version":1,"peers":{"\#(peer)":{"peer_id":"\#(peer)","public_key":"\#(key)"}}}"#)
        #expect(document.entry(of: peer)?.publicKey == nil)
        #expect(self.text(document).contains(key))
    }

    @Test func theLaterChangeCountsAndSightingsArePutTogether() throws {
        let peer = Identity.generate().peerID
        let (a, b) = (try Multiaddr("/ip4/192.0.2.1/tcp/1"), try Multiaddr("/ip4/192.0.2.2/tcp/2"))
        let older = AddressBookEntry(
            peer: peer, addresses: [a], lastSeen: Timestamp(seconds: 9), createdAt: Timestamp(seconds: 1),
            updatedAt: Timestamp(seconds: 2), seenAddresses: [a])
        let newer = AddressBookEntry(
            peer: peer, addresses: [b], metadata: ["x": "y"], lastSeen: Timestamp(seconds: 5),
            createdAt: Timestamp(seconds: 3), updatedAt: Timestamp(seconds: 4), isBlacklisted: true,
            seenAddresses: [b])
        for (first, second) in [(older, newer), (newer, older)] {
            var document = AddressBookDocument()
            _ = document.apply(.put(first))
            _ = document.apply(.put(second))
            let merged = try #require(document.entry(of: peer))
            #expect(merged.addresses == [b])
            #expect(merged.metadata == ["x": "y"])
            #expect(merged.isBlacklisted)
            #expect(merged.createdAt == Timestamp(seconds: 1))
            #expect(merged.lastSeen == Timestamp(seconds: 9))
            #expect(merged.seenAddresses == [a, b])
        }
    }

    @Test func aRemovalGivesWayToALaterChange() throws {
        let peer = Identity.generate().peerID
        var document = AddressBookDocument()
        let entry = AddressBookEntry(peer: peer, createdAt: Timestamp(seconds: 1), updatedAt: Timestamp(seconds: 5))
        _ = document.apply(.put(entry))
        #expect(document.apply(.remove(peer, at: Timestamp(seconds: 4))) == .put(entry))
        #expect(document.entry(of: peer) == entry)
        #expect(document.apply(.remove(peer, at: Timestamp(seconds: 5))) == nil)
        #expect(document.entry(of: peer) == nil)
        // A sighting brings nobody back.
        #expect(document.apply(.sighting(entry)) == nil)
        #expect(document.entry(of: peer) == nil)
    }

    @Test(arguments: ["2", "1.5", "\"1\"", "9999999999999999999999"])
    func anotherVersionIsReadAndKnownToBeNewer(version: String) throws {
        let peer = Identity.generate().peerID
        let document = try self.document(self.strange(peer, version: version))
        #expect(document.isNewer)
        #expect(document.entry(of: peer) != nil)
    }

    @Test(arguments: ["", "[]", "7", #"{"version":1,"peers":[]}"#, #"{"version":1,"peers":{}"#])
    func whatIsNoAddressBookIsRefused(text: String) {
        #expect(throws: AddressBookDocument.Malformed.self) { try self.document(text) }
    }

    @Test(arguments: ["{}", #"{"version":1}"#, #"{"version":1,"peers":null}"#, #"{"version":0,"peers":{}}"#])
    func anEmptyBookIsTaken(text: String) throws { #expect(try self.document(text).peers.isEmpty) }

    @Test func blocksOfAllKindsComeBack() throws {
        var document = BlocksDocument()
        let entries = [
            BlacklistEntry(subject: .peer(Identity.generate().peerID), createdAt: Timestamp(seconds: 1)),
            BlacklistEntry(
                subject: .address(try IPAddress("2001:db8::1")), createdAt: Timestamp(seconds: 2),
                expires: Timestamp(seconds: 9)),
            BlacklistEntry(subject: .subnet(try IPSubnet("10.0.0.0/8")), createdAt: Timestamp(seconds: 3)),
        ]
        for entry in entries { document.apply(.block(entry)) }
        var again = try BlocksDocument(parsing: document.encoded())
        #expect(Set(again.entries) == Set(entries))
        again.removeExpired(now: Timestamp(seconds: 9))
        #expect(Set(again.entries) == [entries[0], entries[2]])
        again.apply(.unblock(entries[2].subject))
        #expect(again.entries == [entries[0]])
    }

    @Test func aBlockWhoseEndIsNotUnderstoodIsNotOneWithoutEnd() throws {
        let text = #"{"version":1,"blocks":[{"address":"192.0.2.1","expires":"soon"},{"planet":"Mars"}],"x":1}"#
        let document = try BlocksDocument(parsing: Array(text.utf8))
        #expect(document.entries.isEmpty)
        #expect(document.unreadable == 2)
        let written = String(decoding: document.encoded(), as: UTF8.self)
        #expect(written.contains("soon"))
        #expect(written.contains("Mars"))
        #expect(written.contains("\"x\": 1"))
    }
}
