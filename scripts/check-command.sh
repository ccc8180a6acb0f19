#!/bin/sh
#===----------------------------------------------------------------------===#
#
# This source file is part of the Glueberry open source project
#
# Copyright (c) 2026 the Glueberry project authors
# Licensed under Apache License v2.0
#
# SPDX-License-Identifier: Apache-2.0
#
#===----------------------------------------------------------------------===#

# Checks the command `glueberry` with real processes: scripts/check-command.sh PATH-OF-THE-BINARY [WORD…]
# With words, only the checks whose names contain one of them run. Needs python3 and nothing else.

exec python3 "$(dirname "$0")/check-command.py" "$@"
