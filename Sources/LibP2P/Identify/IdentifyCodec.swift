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
    /// How many bytes of protocol IDs go into one message that we send.
    static let protocolBytesPerMessage = 4 * 1024
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
    func encoded() throws -> ByteBuffer {
        let addresses = self.listenAddresses.prefix(IdentifyProtocol.maximumAddresses)
        var first = Identify()
        first.publicKey = .init(self.identity.publicKey.protobuf)
        first.protocolVersion = self.protocolVersion
        first.agentVersion = self.agentVersion
        first.listenAddrs = addresses.map { .init($0.bytes) }
        if let observed = self.observedAddress { first.observedAddr = .init(observed.bytes) }
        var record = Identify()
        record.signedPeerRecord = .init(
            try PeerRecord(peerID: self.identity.peerID, sequence: self.recordSequence, addresses: Array(addresses))
                .sealed(by: self.identity))
        var messages = [first]
        var length = 0
        for name in self.protocols {
            length += name.utf8.count + 2
            if length > IdentifyProtocol.protocolBytesPerMessage, messages.count < IdentifyProtocol.maximumMessages - 1
            {
                messages.append(Identify())
                length = name.utf8.count + 2
            }
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
        guard self.messages > 0, self.buffer.readableBytes == 0 else {
            throw HostError(.protocolViolation, "an identify answer ended in the middle")
        }
        if self.merged.hasPublicKey {
            let key = try? PublicKey(protobuf: self.merged.publicKey)
            guard let key, PeerID(publicKey: key) == remotePeer else {
                throw HostError(.protocolViolation, "identify names a public key that is not the peer's")
            }
        }
        var info = IdentifyInfo()
        info.protocolVersion = Self.printable(self.merged.protocolVersion)
        info.agentVersion = Self.printable(self.merged.agentVersion)
        info.protocols = Set(self.merged.protocols)
        info.listenAddresses = Multiaddr.list(
            fromNetwork: self.merged.listenAddrs.map { Array($0) }, limit: IdentifyProtocol.maximumAddresses)
        if self.merged.hasObservedAddr { info.observedAddress = try? Multiaddr(bytes: self.merged.observedAddr) }
        if self.merged.hasSignedPeerRecord {
            // A record of somebody else, or one that does not verify, is no reason to end the connection; it is not kept.
            info.signedRecord = try? PeerRecord.open(envelope: Array(self.merged.signedPeerRecord), from: remotePeer)
        }
        return info
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
