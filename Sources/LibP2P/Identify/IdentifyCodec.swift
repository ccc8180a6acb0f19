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
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The identify protocol (`identify/README.md` of the libp2p specifications): its IDs, limits and messages.
enum IdentifyProtocol {
    static let id = "/ipfs/id/1.0.0"
    static let pushID = "/ipfs/id/push/1.0.0"
    /// One message of an answer; go-libp2p reads no larger one.
    static let maximumMessageLength = 8 * 1024
    /// How many messages an answer may consist of; they are merged.
    static let maximumMessages = 10
    static let maximumProtocols = 1024
    static let maximumAddresses = 64
}

/// What this side says of itself.
struct IdentifyAnswer {
    var identity: Identity
    var protocolVersion: String
    var agentVersion: String
    var protocols: [String]
    var listenAddresses: [Multiaddr]
    var observedAddress: Multiaddr?
    var recordSequence: UInt64

    /// The length-delimited messages, each within the limit of what others read.
    ///
    /// What does not fit into as many messages as others take is left out: addresses that make the signed record too long,
    /// then protocols from the end of the list.
    func encoded() throws -> ByteBuffer {
        let addresses = Self.fitting(self.listenAddresses)
        var record = Identify()
        record.signedPeerRecord = .init(
            try PeerRecord(peerID: self.identity.peerID, sequence: self.recordSequence, addresses: addresses)
                .sealed(by: self.identity))
        var first = Identify()
        first.publicKey = .init(self.identity.publicKey.protobuf)
        first.protocolVersion = Self.cut(self.protocolVersion)
        first.agentVersion = Self.cut(self.agentVersion)
        if let observed = self.observedAddress { first.observedAddr = .init(observed.bytes) }
        var messages = [first]
        let head: [UInt8] = try first.serializedBytes()
        var length = head.count
        /// Makes room for a field; false if no message is left to put it into.
        func makeRoom(for count: Int) -> Bool {
            let size = count + Self.fieldOverhead
            if length + size > IdentifyProtocol.maximumMessageLength {
                // The last of them is the record's.
                guard messages.count < IdentifyProtocol.maximumMessages - 1,
                    size <= IdentifyProtocol.maximumMessageLength
                else { return false }
                messages.append(Identify())
                length = 0
            }
            length += size
            return true
        }
        for address in addresses where makeRoom(for: address.bytes.count) {
            messages[messages.count - 1].listenAddrs.append(.init(address.bytes))
        }
        for name in self.protocols.prefix(IdentifyProtocol.maximumProtocols) where makeRoom(for: name.utf8.count) {
            messages[messages.count - 1].protocols.append(name)
        }
        messages.append(record)
        var output = ByteBuffer()
        for message in messages {
            let bytes: [UInt8] = try message.serializedBytes()
            var prefix: [UInt8] = []
            UnsignedVarint.append(UInt64(bytes.count), to: &prefix)
            output.writeBytes(prefix)
            output.writeBytes(bytes)
        }
        return output
    }

    /// A field's number and the length of what is in it: the latter is below 2 to the 14th.
    private static let fieldOverhead = 3

    /// As many addresses as fit into one signed record.
    private static func fitting(_ addresses: [Multiaddr]) -> [Multiaddr] {
        // The key, the signature, the peer ID and the frames of the envelope take less than 512 bytes.
        var left = IdentifyProtocol.maximumMessageLength - 512
        // Each address of the record is a field within a message of its own.
        return addresses.prefix(IdentifyProtocol.maximumAddresses).filter { address in
            let size = address.bytes.count + 2 * Self.fieldOverhead
            guard size <= left else { return false }
            left -= size
            return true
        }
    }

    /// A name or version, cut to what leaves room for everything else.
    private static func cut(_ text: String) -> String {
        String(text.prefix(while: Self.counter(1024)))
    }

    private static func counter(_ limit: Int) -> (Character) -> Bool {
        var left = limit
        return { character in
            left -= character.utf8.count
            return left >= 0
        }
    }
}

/// Reads an identify answer or push as it comes in, as a value.
struct IdentifyDecoder {
    private var buffer = ByteBuffer()
    private var merged = Identify()
    private var messages = 0

    mutating func receive(_ bytes: ByteBuffer) throws(HostError) {
        var bytes = bytes
        self.buffer.writeBuffer(&bytes)
        do {
            while let (length, prefix) = try UnsignedVarint.decode(self.buffer.readableBytesView) {
                guard length <= UInt64(IdentifyProtocol.maximumMessageLength) else {
                    throw HostError(.protocolViolation, "an identify message of \(length) bytes is too long")
                }
                guard self.buffer.readableBytes >= prefix + Int(length) else { return }
                guard self.messages < IdentifyProtocol.maximumMessages else {
                    throw HostError(.protocolViolation, "an identify answer has too many messages")
                }
                self.messages += 1
                self.buffer.moveReaderIndex(forwardBy: prefix)
                let message = self.buffer.readBytes(length: Int(length)) ?? []
                try self.merged.merge(serializedBytes: message)
                guard self.merged.protocols.count <= IdentifyProtocol.maximumProtocols else {
                    throw HostError(.protocolViolation, "an identify answer lists too many protocols")
                }
            }
        } catch let error as HostError {
            throw error
        } catch {
            throw HostError(.protocolViolation, "an identify message cannot be read", cause: error)
        }
    }

    /// The whole answer, once the other side has finished.
    func finish(remotePeer: PeerID) throws(HostError) -> IdentifyInfo {
        try self.finishUpdate(remotePeer: remotePeer).applied(to: IdentifyInfo())
    }

    /// What the message mentions, once the other side has finished: a push need not mention what has not changed.
    func finishUpdate(remotePeer: PeerID) throws(HostError) -> IdentifyUpdate {
        guard self.messages > 0, self.buffer.readableBytes == 0 else {
            throw HostError(.protocolViolation, "an identify answer ended in the middle")
        }
        if self.merged.hasPublicKey {
            let key = try? PublicKey(protobuf: self.merged.publicKey)
            guard let key, PeerID(publicKey: key) == remotePeer else {
                throw HostError(.protocolViolation, "identify names a public key that is not the peer's")
            }
        }
        var update = IdentifyUpdate()
        if self.merged.hasProtocolVersion { update.protocolVersion = Self.printable(self.merged.protocolVersion) }
        if self.merged.hasAgentVersion { update.agentVersion = Self.printable(self.merged.agentVersion) }
        if !self.merged.protocols.isEmpty { update.protocols = Set(self.merged.protocols) }
        if !self.merged.listenAddrs.isEmpty {
            update.listenAddresses = Multiaddr.list(
                fromNetwork: self.merged.listenAddrs.map { Array($0) }, limit: IdentifyProtocol.maximumAddresses)
        }
        if self.merged.hasObservedAddr { update.observedAddress = try? Multiaddr(bytes: self.merged.observedAddr) }
        if self.merged.hasSignedPeerRecord {
            // A record of somebody else, or one that does not verify, is no reason to end the connection; it is not kept.
            update.signedRecord = try? PeerRecord.open(envelope: Array(self.merged.signedPeerRecord), from: remotePeer)
        }
        return update
    }

    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(256) {
            if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) || scalar.value == 0x2028
                || scalar.value == 0x2029
            {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
