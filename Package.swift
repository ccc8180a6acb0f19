// swift-tools-version: 6.2

import PackageDescription

// Every target of this package is compiled under the same rules: the Swift 6 language mode, which makes
// complete concurrency checking an error, and the upcoming features that make types and imports explicit.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioLocks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "glueberry",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "Glueberry", targets: ["Glueberry"]),
        .library(name: "GlueberrySQLite", targets: ["GlueberrySQLite"]),
        .library(name: "GlueberryTesting", targets: ["GlueberryTesting"]),
        .library(name: "LibP2P", targets: ["LibP2P"]),
        .library(name: "PeerIdentity", targets: ["PeerIdentity"]),
        .library(name: "Multiformats", targets: ["Multiformats"]),
        .library(name: "Yamux", targets: ["Yamux"]),
        .executable(name: "glueberry", targets: ["GlueberryCommand"]),
    ],
    traits: [
        .default(enabledTraits: ["BoringSSL"]),
        .trait(
            name: "BoringSSL",
            description: """
                Seal and open in place with the BoringSSL that swift-crypto carries: no allocation per message. \
                Without it, and on Apple's systems, swift-crypto's own ChaChaPoly is used.
                """
        ),
        .trait(
            name: "SQLite",
            description: """
                An address book in an SQLite database, for very many peers; needs the system's SQLite library.
                """
        ),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .target(name: "Multiformats", swiftSettings: strict),
        .target(
            name: "PeerIdentity",
            dependencies: ["Multiformats", crypto, protobuf],
            swiftSettings: strict
        ),
        .target(name: "AEAD", dependencies: [crypto], swiftSettings: strict),
        .target(name: "MultistreamSelect", dependencies: ["Multiformats", nioCore], swiftSettings: strict),
        .target(
            name: "Noise",
            dependencies: ["AEAD", "PeerIdentity", crypto, protobuf, nioCore],
            swiftSettings: strict
        ),
        .target(name: "Yamux", dependencies: [nioCore, deque, heap], swiftSettings: strict),
        .target(
            name: "LibP2P",
            dependencies: [
                "Multiformats", "PeerIdentity", "MultistreamSelect", "Noise", "Yamux",
                nioCore, nioLocks, nioPosix, crypto, protobuf, logging, deque,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Glueberry",
            dependencies: [
                "AEAD", "LibP2P", "Multiformats", "PeerIdentity", "Yamux", crypto, nioCore, nioPosix, logging, deque,
                metrics, tracing, serviceLifecycle,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GlueberrySQLite",
            dependencies: [
                "Glueberry", "PeerIdentity", "Multiformats",
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["SQLite"])),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GlueberryTesting",
            dependencies: [
                "Glueberry", "LibP2P", "PeerIdentity", "Multiformats", nioCore, nioPosix, nioLocks, logging, deque,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "GlueberryCommand",
            dependencies: [
                "AEAD", "Glueberry", "LibP2P", "Multiformats", "PeerIdentity", "Yamux", crypto, nioCore, nioPosix,
                logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "InstructionCounts",
            dependencies: [
                "Glueberry", "LibP2P", "Multiformats", "MultistreamSelect", "Noise", "PeerIdentity", "Yamux", crypto,
                nioCore,
            ],
            path: "Benchmarks/InstructionCounts",
            swiftSettings: strict
        ),
        .testTarget(name: "MultiformatsTests", dependencies: ["Multiformats"], swiftSettings: strict),
        .testTarget(
            name: "PeerIdentityTests",
            dependencies: ["PeerIdentity", "Multiformats", crypto],
            swiftSettings: strict
        ),
        .testTarget(name: "AEADTests", dependencies: ["AEAD", crypto], swiftSettings: strict),
        .testTarget(
            name: "MultistreamSelectTests",
            dependencies: ["MultistreamSelect", "Multiformats", nioCore],
            swiftSettings: strict
        ),
        .testTarget(
            name: "NoiseTests",
            dependencies: ["Noise", "PeerIdentity", "AEAD", crypto, nioCore],
            swiftSettings: strict
        ),
        .testTarget(name: "YamuxTests", dependencies: ["Yamux", nioCore], swiftSettings: strict),
        .testTarget(
            name: "LibP2PTests",
            dependencies: [
                "LibP2P", "PeerIdentity", "Multiformats", "MultistreamSelect", "Noise", "Yamux", "AEAD",
                crypto, nioCore, nioPosix, nioEmbedded, logging,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GlueberryTests",
            dependencies: [
                "Glueberry", "LibP2P", "AEAD", "PeerIdentity", "Multiformats", "MultistreamSelect", "Yamux", crypto,
                nioCore, nioPosix, nioEmbedded, logging, metrics, coreMetrics, tracing, serviceLifecycle,
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ],
            resources: [.copy("Vectors")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GlueberrySQLiteTests",
            dependencies: [
                "Glueberry", "GlueberrySQLite", "PeerIdentity", "Multiformats",
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["SQLite"])),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Glueberry", "GlueberryTesting", "LibP2P", "PeerIdentity", "Multiformats", "AEAD", "MultistreamSelect",
                "Noise", "Yamux", nioCore, nioPosix, logging,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "GlueberryCommand", "Glueberry", "Multiformats", "PeerIdentity", crypto, nioCore,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "InteropTests",
            dependencies: ["Glueberry", "LibP2P", "PeerIdentity", "Multiformats", crypto, nioCore, nioPosix, logging],
            exclude: ["Peers"],
            swiftSettings: strict
        ),
    ]
)
