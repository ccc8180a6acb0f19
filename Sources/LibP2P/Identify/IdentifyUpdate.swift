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

/// What one identify message mentions; what it does not is left as it was.
struct IdentifyUpdate: Sendable {
    var protocolVersion: String?
    var agentVersion: String?
    var protocols: Set<String>?
    var listenAddresses: [Multiaddr]?
    var observedAddress: Multiaddr?
    var signedRecord: PeerRecord?

    func applied(to info: IdentifyInfo) -> IdentifyInfo {
        var info = info
        if let text = self.protocolVersion { info.protocolVersion = text }
        if let text = self.agentVersion { info.agentVersion = text }
        if let protocols = self.protocols { info.protocols = protocols }
        if let addresses = self.listenAddresses { info.listenAddresses = addresses }
        if let address = self.observedAddress { info.observedAddress = address }
        if let record = self.signedRecord { info.signedRecord = record }
        return info
    }

    /// Both, where the newer has the last word.
    func merged(with newer: IdentifyUpdate) -> IdentifyUpdate {
        IdentifyUpdate(
            protocolVersion: newer.protocolVersion ?? self.protocolVersion,
            agentVersion: newer.agentVersion ?? self.agentVersion, protocols: newer.protocols ?? self.protocols,
            listenAddresses: newer.listenAddresses ?? self.listenAddresses,
            observedAddress: newer.observedAddress ?? self.observedAddress,
            signedRecord: newer.signedRecord ?? self.signedRecord)
    }
}
