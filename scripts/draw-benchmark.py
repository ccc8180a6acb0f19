#!/usr/bin/env python3
# ===----------------------------------------------------------------------===#
#
# This source file is part of the Glueberry open source project
#
# Copyright (c) 2026 the Glueberry project authors
# Licensed under Apache License v2.0
#
# SPDX-License-Identifier: Apache-2.0
#
# ===----------------------------------------------------------------------===#
"""Draws what bench-p2pd.py has measured: reads its line of JSON from standard input, writes an SVG to standard output.

usage: make bench-p2pd | scripts/draw-benchmark.py >Sources/Glueberry/Glueberry.docc/benchmark.svg
"""

import json
import sys

SERIES = [
    ("ours, version 2", "Glueberry, version 2", "two"), ("ours, version 1", "Glueberry, version 1", "one"),
    ("p2pd, noise", "go-libp2p daemon, Noise", "noise"),
    ("p2pd, tls", "go-libp2p daemon, TLS", "tls"),
]
PANELS = [("MB_per_s", "MB/s, more is better"), ("cpu_ns_per_byte", "CPU of both sides, ns per byte, less is better; of 64 B the numbers alone")]
WIDTH, PANEL, LEFT, TOP, BAR, GAP = 820, 230, 20, 64, 40, 34
STYLE = """
    text { font: 13px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1d1d1f; }
    .sheet { fill: #ffffff; }
    .title { font-weight: 600; }
    .value { font-size: 11px; text-anchor: middle; }
    .size { text-anchor: middle; }
    .axis { stroke: #86868b; stroke-width: 1; }
    .two { fill: #0a66c2; } .one { fill: #7fb2e5; } .noise { fill: #b35c00; } .tls { fill: #e0a96d; }
    @media (prefers-color-scheme: dark) { text { fill: #f3f4f6; } .sheet { fill: #111827; } }
"""


def size_name(size):
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def panel(rows, key, title, top):
    sizes = sorted({row["size"] for row in rows})
    values = {(row["what"], row["size"]): row[key] for row in rows}
    # The smallest size costs so much more per byte that the others could not be seen beside it.
    shown = [size for size in sizes if key != "cpu_ns_per_byte" or size > 64]
    most = max(value for (_, size), value in values.items() if size in shown)
    bottom, height = top + PANEL - 40, PANEL - 90
    yield f'<text class="title" x="{LEFT}" y="{top + 14}">{title}</text>'
    yield f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{WIDTH - LEFT}" y2="{bottom}"/>'
    left = LEFT + 8
    for size in sizes:
        for what, name, style in SERIES:
            value = values.get((what, size))
            if value is None:
                continue
            # What is not shown keeps its number, over the line.
            tall = max(round(height * value / most), 1) if size in shown else 0
            yield f'<rect class="{style}" x="{left}" y="{bottom - tall}" width="{BAR - 4}" height="{tall}">'
            yield f"<title>{name}, {size_name(size)}: {number(value)}</title></rect>"
            yield f'<text class="value" x="{left + BAR // 2 - 2}" y="{bottom - tall - 5}">{number(value)}</text>'
            left += BAR
        yield f'<text class="size" x="{left - 2 * BAR - 2}" y="{bottom + 18}">{size_name(size)}</text>'
        left += GAP


def main():
    try:
        rows = json.loads(sys.stdin.read().splitlines()[-1])["oneway"]
    except (IndexError, KeyError, ValueError):
        sys.exit("draw-benchmark: error: there is no result of bench-p2pd.py on standard input")
    height = TOP + len(PANELS) * PANEL
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">')
    print("<title>Messages of Glueberry beside raw streams of the go-libp2p daemon, by size</title>")
    print(f"<style>{STYLE}</style>")
    print(f'<rect class="sheet" width="{WIDTH}" height="{height}" rx="8"/>')
    left = LEFT
    for _, name, style in SERIES:
        print(f'<rect class="{style}" x="{left}" y="16" width="14" height="14"/><text x="{left + 20}" y="28">{name}</text>')
        left += 34 + 7 * len(name)
    for index, (key, title) in enumerate(PANELS):
        print("\n".join(panel(rows, key, title, TOP + index * PANEL)))
    print("</svg>")


if __name__ == "__main__":
    main()
