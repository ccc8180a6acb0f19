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

import NIOCore
import Testing

@testable import Glueberry

@Suite struct HandshakeStateMachineTests {
    typealias State = HandshakeStateMachine.State

    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .milliseconds(milliseconds) }

    private func machine(in state: State) -> HandshakeStateMachine {
        var machine = HandshakeStateMachine(maximumRetries: 2)
        let way: [State] =
            switch state {
            case .initial: []
            case .sentRequest: [.sentRequest]
            case .receivedResponse: [.sentRequest, .receivedResponse]
            case .sentFinalize: [.sentRequest, .receivedResponse, .sentFinalize]
            case .complete: [.sentRequest, .receivedResponse, .sentFinalize, .complete]
            case .failed: [.failed]
            }
        for next in way { try? machine.transition(to: next) }
        return machine
    }

    @Test(arguments: State.allCases) func onlyTheDocumentedStepsFollowOneAnother(state: State) {
        let documented: [State: Set<State>] = [
            .initial: [.sentRequest, .failed],
            .sentRequest: [.sentRequest, .receivedResponse, .failed],
            .receivedResponse: [.receivedResponse, .sentFinalize, .failed],
            .sentFinalize: [.sentFinalize, .complete, .failed],
        ]
        #expect(self.machine(in: state).state == state)
        for next in State.allCases {
            var machine = self.machine(in: state)
            let isLegal = documented[state]?.contains(next) ?? false
            #expect(state.canBecome(next) == isLegal)
            do {
                try machine.transition(to: next)
                #expect(isLegal && machine.state == next)
            } catch {
                #expect(!isLegal && error.code == .handshakeFailed && machine.state == state)
            }
        }
    }

    @Test func repetitionsAreCountedAndBounded() throws {
        var machine = self.machine(in: .sentRequest)
        #expect(machine.canRetry)
        try machine.transition(to: .sentRequest)
        try machine.transition(to: .sentRequest)
        #expect(machine.retries == 2 && !machine.canRetry)
        #expect(throws: GlueberryError.self) { try machine.transition(to: .sentRequest) }
        #expect(machine.isFailed && machine.isTerminal && machine.lastError?.code == .handshakeFailed)
        machine.reset()
        #expect(machine.state == .initial && machine.retries == 0 && machine.lastError == nil && machine.canRetry)
    }

    @Test func aMessageIsRepeatedAtIntervalsUntilItIsAnswered() throws {
        var machine = HandshakeStateMachine(maximumRetries: 5, retryInterval: .seconds(2))
        #expect(machine.nextDeadline == nil)
        try machine.send([1], as: .sentRequest, now: at(0))
        #expect(machine.nextDeadline == at(2000))
        #expect(machine.timeout(now: at(1999)) == nil)
        #expect(machine.timeout(now: at(2000)) == .send([1]))
        #expect(machine.nextDeadline == at(4000))
        #expect(machine.timeout(now: at(4100)) == .send([1]))
        #expect(machine.retries == 2)
        try machine.transition(to: .receivedResponse)
        #expect(machine.nextDeadline == at(30_000), "only the end of all is left to wait for")
        #expect(machine.timeout(now: at(6200)) == nil)
        try machine.send([3], as: .sentFinalize, now: at(7000))
        #expect(machine.timeout(now: at(9000)) == .send([3]))
        try machine.transition(to: .complete)
        #expect(machine.nextDeadline == nil && machine.timeout(now: at(99_000)) == nil)
        #expect(machine.duration(now: at(10_000)) == .seconds(10))
    }

    @Test func afterTheLastRepetitionItFails() throws {
        var machine = HandshakeStateMachine(maximumRetries: 2, retryInterval: .seconds(1))
        try machine.send([1], as: .sentRequest, now: at(0))
        #expect(machine.timeout(now: at(1000)) == .send([1]))
        #expect(machine.timeout(now: at(2000)) == .send([1]))
        #expect(machine.timeout(now: at(3000)) == .fail)
        #expect(machine.isFailed && machine.lastError?.code == .handshakeFailed)
        #expect(machine.nextDeadline == nil)
    }

    @Test func theTimeForEverythingEndsItWhateverIsRepeated() throws {
        var machine = HandshakeStateMachine(maximumRetries: 100, retryInterval: .seconds(4), timeout: .seconds(10))
        try machine.send([1], as: .sentRequest, now: at(0))
        var sent = 0
        while let deadline = machine.nextDeadline {
            if case .send = machine.timeout(now: deadline) { sent += 1 }
        }
        #expect(sent == 2)
        #expect(machine.isFailed && machine.lastError?.code == .handshakeTimedOut)
    }

    @Test func aFailureOfOneThatIsCompleteChangesNothing() {
        var machine = self.machine(in: .complete)
        machine.fail(GlueberryError(.closed, "gone"))
        #expect(machine.isComplete && machine.lastError == nil)
    }

    @Test func senselessNumbersAreBroughtIntoTheirRange() throws {
        var machine = HandshakeStateMachine(
            maximumRetries: -5, retryInterval: .seconds(-1), timeout: .seconds(Int64.max / 4))
        try machine.send([1], as: .sentRequest, now: at(0))
        #expect(machine.maximumRetries == 0)
        #expect(machine.timeout(now: at(1)) == .fail)
    }
}
