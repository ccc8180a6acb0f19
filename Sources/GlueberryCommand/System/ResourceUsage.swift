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

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the process has used so far.
struct ResourceUsage {
    /// CPU time in user mode, in seconds.
    var userSeconds = 0.0
    /// CPU time in the kernel, in seconds.
    var systemSeconds = 0.0
    /// Resident memory now, in KiB.
    var residentKiB = 0
    /// The greatest resident memory so far, in KiB.
    var peakKiB = 0

    /// Asks the system.
    static func current() -> ResourceUsage {
        var usage = ResourceUsage()
        var raw = rusage()
        #if canImport(Glibc)
        let isKnown = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &raw) == 0
        #else
        let isKnown = getrusage(RUSAGE_SELF, &raw) == 0
        #endif
        if isKnown {
            usage.userSeconds = Double(raw.ru_utime.tv_sec) + Double(raw.ru_utime.tv_usec) / 1e6
            usage.systemSeconds = Double(raw.ru_stime.tv_sec) + Double(raw.ru_stime.tv_usec) / 1e6
            #if canImport(Darwin)
            usage.peakKiB = Int(raw.ru_maxrss) / 1024
            #else
            usage.peakKiB = Int(raw.ru_maxrss)
            #endif
            usage.residentKiB = usage.peakKiB
        }
        #if os(Linux)
        usage.readStatus()
        #endif
        return usage
    }

    /// What was used since an earlier look; the sizes are those of now.
    func since(_ earlier: ResourceUsage) -> ResourceUsage {
        var difference = self
        difference.userSeconds -= earlier.userSeconds
        difference.systemSeconds -= earlier.systemSeconds
        return difference
    }

    #if os(Linux)
    /// Linux tells the present size too.
    private mutating func readStatus() {
        let descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { _ = close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        guard let count = bytes.withUnsafeMutableBytes({ Descriptor.readFully($0, from: descriptor) }) else { return }
        for line in bytes.prefix(count).split(separator: UInt8(ascii: "\n")) {
            let digits = line.filter { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            guard let value = Int(String(decoding: digits, as: UTF8.self)) else { continue }
            if line.starts(with: Array("VmRSS:".utf8)) { self.residentKiB = value }
            if line.starts(with: Array("VmHWM:".utf8)) { self.peakKiB = value }
        }
    }
    #endif
}
