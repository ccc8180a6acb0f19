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

/// Takes a result, so that the optimizer keeps the work it came of: it knows nothing of what happens here.
@inline(never) @_optimize(none)
func keep<Value>(_ value: Value) {}
