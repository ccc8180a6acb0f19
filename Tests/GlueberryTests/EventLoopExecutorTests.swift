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

import Glueberry
import NIOCore
import NIOPosix
import PeerIdentity
import Testing

@Suite(.timeLimit(.minutes(2))) struct EventLoopExecutorTests {
    /// Whether the event loop is where the caller runs; the task's children run where it does.
    private func isHere(_ eventLoop: any EventLoop) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await Task.yield()
                return eventLoop.inEventLoop
            }
            return await group.next() == true && eventLoop.inEventLoop
        }
    }

    @Test func aTaskAndItsChildrenRunOnTheEventLoop() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let isHere = await Task(executorPreference: EventLoopExecutor(eventLoop)) { await self.isHere(eventLoop) }.value
        #expect(isHere)
        #expect(await self.isHere(eventLoop) == false)
        try await group.shutdownGracefully()
    }

    @Test func messagesAreAnsweredWithoutLeavingTheEventLoop() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let echo = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard(["a"]),
            eventLoopGroup: group)
        let other = try Node(identity: .generate(), configuration: standard(["a"]))
        try await echo.start()
        try await other.start()
        try await establish(echo, other)
        let eventLoop = group.next()
        let echoing = Task(executorPreference: EventLoopExecutor(eventLoop)) {
            var strays = 0
            for await message in try echo.messages() {
                if !eventLoop.inEventLoop { strays += 1 }
                try await echo.send(message.payload, to: message.peer, on: message.stream)
                if !eventLoop.inEventLoop { strays += 1 }
            }
            return strays
        }
        var answers = try other.messages().makeAsyncIterator()
        for number in 0..<100 {
            try await other.send(pattern(50, seed: number), to: echo.peerID, on: "a")
            #expect(try #require(await answers.next()).bytes == pattern(50, seed: number))
        }
        await other.stop()
        await echo.stop()
        #expect(try await echoing.value == 0)
        try await group.shutdownGracefully()
    }
}
