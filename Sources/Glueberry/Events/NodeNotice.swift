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

public import PeerIdentity

/// Something that whoever runs a node may want to know, and that is no change of a peer's state: messages dropped or
/// refused, a consumer that has stopped reading.
///
/// Notices never hold anything up. Of one kind, peer and stream there is at most one per second; what happens in between
/// is counted in the next. Kinds may be added, so a `switch` over them wants a `default`.
public struct NodeNotice: Sendable, CustomStringConvertible {
    /// What has happened.
    public enum Kind: Hashable, Sendable {
        /// Received messages wait, and nobody has taken one for `stallTimeout`.
        ///
        /// It comes again only after the consumer has gone on and stopped once more.
        case consumerStalled(pendingMessages: Int, pendingBytes: Int)
        /// Received messages were dropped because their queue was full; `count` says how many.
        case messagesDropped(ReceivePolicy)
        /// Something that a peer sent was refused before it became a message; `count` says how often.
        case messageRefused(MessageRefusal)
        /// The peer refused a message of ours, which it has not got and which is not sent again; `count` says how often.
        ///
        /// Most often it is larger than the peer takes.
        case sentMessageRefused
        /// The key shared with the peer has sealed so many messages, of both directions and all sessions, that it should be
        /// given up: agree on streams 2.0.0 with the peer, or give one of the two a new identity.
        ///
        /// It comes at 2^40 messages (``NodeConfiguration/pairMessageThreshold``) and again at every doubling.
        case pairKeyWorn(messages: UInt64)

        /// The name of the kind, without what it carries; stable across releases.
        public var name: String {
            switch self {
            case .consumerStalled: "consumerStalled"
            case .messagesDropped: "messagesDropped"
            case .messageRefused: "messageRefused"
            case .sentMessageRefused: "sentMessageRefused"
            case .pairKeyWorn: "pairKeyWorn"
            }
        }
    }

    /// What has happened.
    public let kind: Kind
    /// The peer that it is about.
    public let peer: PeerID?
    /// The stream that it is about.
    public let stream: String?
    /// The number of the session that it happened in, where it belongs to one.
    public let session: UInt64?
    /// How often it has happened, or to how many messages, since the last notice of this kind, peer and stream.
    public internal(set) var count: Int
    /// How many notices before this one were not delivered because the buffer was full.
    public internal(set) var missed = 0

    /// Creates a notice.
    public init(
        _ kind: Kind, peer: PeerID? = nil, stream: String? = nil, session: UInt64? = nil, count: Int = 1
    ) {
        self.kind = kind
        self.peer = peer
        self.stream = stream
        self.session = session
        self.count = count
    }

    /// Everything that is known, in one line.
    public var description: String {
        var text: String
        switch self.kind {
        case .consumerStalled(let messages, let bytes):
            text = "nobody reads: \(messages) messages, \(bytes) bytes wait"
        case .messagesDropped(let policy): text = "received messages dropped (\(policy)): \(self.count)"
        case .messageRefused(let refusal): text = "refused \(self.count): \(refusal)"
        case .sentMessageRefused: text = "the peer refused messages of ours: \(self.count)"
        case .pairKeyWorn(let messages):
            text = "\(messages) messages were sealed with one key; \(PairKeyWarning.advice)"
        }
        if let peer = self.peer { text += ", peer \(peer)" }
        if let stream = self.stream { text += ", stream \(stream)" }
        return text
    }
}

/// Why something that a peer sent was refused.
public enum MessageRefusal: Hashable, Sendable, CustomStringConvertible {
    /// It announced more bytes than `maximumMessageSize` allows, and no memory was reserved for them.
    ///
    /// The stream is reset with code 0x1004; the session stays. On a stream of version 1 both figures include the 28 bytes
    /// that its encryption adds.
    case tooLarge(announced: UInt64, maximum: Int)
    /// Its lengths are no frame's; the stream is reset with code 0x1004, and the session stays.
    case malformed
    /// It could not be opened with the key of the pair; after some of these, the stream is reset.
    case notAuthentic

    /// What was wrong, in words.
    public var description: String {
        switch self {
        case .tooLarge(let announced, let maximum): "a frame of \(announced) bytes, where at most \(maximum) are taken"
        case .malformed: "a malformed frame"
        case .notAuthentic: "a frame that is not authentic"
        }
    }
}
