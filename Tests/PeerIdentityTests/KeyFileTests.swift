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
import PeerIdentity
import Testing

@Suite struct KeyFileTests {
    /// Calls `body` with the path of a new directory, and removes it afterwards.
    private func inTemporaryDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        try await body(directory.path)
    }

    private func content(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { [UInt8]($0) }
    }

    private func write(_ bytes: [UInt8], to path: String) {
        #expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
    }

    private func failure(_ body: () throws(IdentityError) -> Void) -> IdentityError? {
        do {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test func whatIsSavedIsLoaded() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            let identity = try Identity(seed: NodeVector.first.seed)
            try identity.save(to: path)
            #expect(content(path) == identity.keyFileBytes)
            #expect(try Identity.load(from: path).peerID == identity.peerID)
        }
    }

    @Test func onlyTheOwnerMayReadANewFileAndNothingElseIsLeft() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            try Identity.generate().save(to: path)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["node.key"])
        }
    }

    @Test func aFileThatIsThereIsNeverOverwritten() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            write([1, 2, 3], to: path)
            let error = failure { () throws(IdentityError) in try Identity.generate().save(to: path) }
            #expect(error?.code == .fileExists)
            #expect(error?.message == "key file '\(path)' exists already and is not overwritten")
            let loading = failure { () throws(IdentityError) in _ = try Identity.load(from: path, orCreate: true) }
            #expect(loading?.code == .malformedKeyFile)
            #expect(content(path) == [1, 2, 3])
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["node.key"])
        }
    }

    @Test func aMissingFileIsCreatedOnceWhenAsked() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: path) }
            #expect(error?.code == .noSuchFile)
            #expect(error?.message == "key file '\(path)' does not exist")
            #expect(throws: IdentityError.self) { try Identity.load(from: path, orCreate: false) }
            #expect(content(path) == nil)
            let created = try Identity.load(from: path, orCreate: true)
            #expect(try Identity.load(from: path, orCreate: true).peerID == created.peerID)
            #expect(try Identity.load(from: path).peerID == created.peerID)
        }
    }

    @Test func manyThatCreateAtOnceEndUpWithOneIdentity() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            let peers = try await withThrowingTaskGroup(of: PeerID.self) { group in
                for _ in 0..<16 {
                    group.addTask { try Identity.load(from: path, orCreate: true).peerID }
                }
                return try await group.reduce(into: Set<PeerID>()) { $0.insert($1) }
            }
            #expect(peers.count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["node.key"])
        }
    }

    @Test func theOlderFormIsLoaded() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            let identity = try Identity(seed: NodeVector.second.seed)
            write(identity.keyFileBytes + identity.publicKey.bytes, to: path)
            #expect(try Identity.load(from: path).peerID == identity.peerID)
        }
    }

    @Test(arguments: [(0, "0"), (32, "32"), (63, "63"), (65, "65"), (96 + 1, "more than 96"), (5000, "more than 96")])
    func aFileOfAnotherLengthIsRefusedWithItsName(length: Int, shown: String) async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            write([UInt8](repeating: 1, count: length), to: path)
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: path) }
            #expect(error?.code == .malformedKeyFile)
            #expect(error?.message == "key file '\(path)' has \(shown) bytes, expected 64 (seed and public key)")
        }
    }

    @Test func aPublicHalfOfAnotherKeyIsRefusedWithTheNameOfTheFile() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            let other = try Identity(seed: NodeVector.second.seed)
            write(NodeVector.first.seed + other.publicKey.bytes, to: path)
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: path) }
            #expect(error?.code == .keyMismatch)
            #expect(error?.message == "key file '\(path)': public half of the key does not belong to its seed")
        }
    }

    @Test func aDirectoryIsNoKeyFile() async throws {
        try await inTemporaryDirectory { directory throws in
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: directory, orCreate: true) }
            #expect(error?.code == .fileAccess)
            #expect(error?.message == "key file '\(directory)' is not a regular file")
        }
    }

    @Test func aMissingDirectoryIsNamed() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/none/node.key"
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: path, orCreate: true) }
            #expect(error?.code == .noSuchFile)
            #expect(error?.message.contains("its directory does not exist") == true)
        }
    }

    @Test func aFileInPlaceOfADirectoryIsAnError() async throws {
        try await inTemporaryDirectory { directory throws in
            write([], to: "\(directory)/file")
            let path = "\(directory)/file/node.key"
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: path, orCreate: true) }
            #expect(error?.code == .fileAccess)
        }
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser may read every file"))
    func anUnreadableFileIsAPermissionError() async throws {
        try await inTemporaryDirectory { directory throws in
            let path = "\(directory)/node.key"
            try Identity.generate().save(to: path)
            try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
            let error = failure { () throws(IdentityError) in _ = try Identity.load(from: path, orCreate: true) }
            #expect(error?.code == .permissionDenied)
        }
    }

    @Test(arguments: ["", "a\u{0}b"]) func namesThatNoFileCanHaveAreErrors(path: String) {
        #expect(throws: IdentityError.self) { try Identity.load(from: path) }
        #expect(throws: IdentityError.self) { try Identity.load(from: path, orCreate: true) }
        #expect(throws: IdentityError.self) { try Identity.generate().save(to: path) }
    }

    @Test func namesAreEscapedInMessages() {
        let error = failure { () throws(IdentityError) in _ = try Identity.load(from: "/no\u{1b}[2J/such\nfile") }
        #expect(error?.message == "key file '/no\\u{1B}[2J/such\\nfile' does not exist")
    }
}
