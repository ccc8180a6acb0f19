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
import DequeModule

typealias NoticeHub = SubscriptionHub<NodeNotice>
typealias NoticeBuffer = SubscriptionBuffer<NodeNotice>

extension NodeNotice: Subscribable {
    /// The oldest give way.
    static func makeRoom(in notices: inout Deque<NodeNotice>, capacity: Int, maximum: Int) {
        notices.removeFirst(max(0, notices.count - (capacity - 1)))
    }
}
