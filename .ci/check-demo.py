"""Checks what the demo printed and how much memory it took.

usage: check-demo.py OUTPUT PEAK LIMIT

OUTPUT is the demo's standard output; its last line must be a JSON object, and one with a key "ok" must say true there.
PEAK holds the largest resident size of the demo and the processes that it waited for, in KiB, as GNU time prints it.
Neither that nor any "hwm_kb" in a line of the output may reach LIMIT, in decimal megabytes.
"""

import json
import sys


def peaks(value):
    """Every "hwm_kb" in a decoded line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "hwm_kb" and isinstance(inner, (int, float)):
                yield inner
            else:
                yield from peaks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from peaks(inner)


def main():
    output, peak_file, limit_text = sys.argv[1:]
    limit = int(limit_text)
    with open(output, encoding="utf-8") as file:
        text = file.read()
    if not text.endswith("\n"):
        sys.exit("the demo's output does not end with a line")
    lines = text[:-1].split("\n")
    try:
        result = json.loads(lines[-1])
    except ValueError as error:
        sys.exit(f"the last line of the demo is no JSON ({error}): {lines[-1]!r}")
    if not isinstance(result, dict):
        sys.exit(f"the last line of the demo is no JSON object: {lines[-1]!r}")
    if not result.get("ok", True):
        sys.exit(f"the demo says that it failed: {lines[-1]}")
    found = []
    for line in lines:
        try:
            found.extend(peaks(json.loads(line)))
        except ValueError:
            continue
    with open(peak_file, encoding="utf-8") as file:
        # GNU time puts a line about a failed command before the number.
        found.append(int(file.read().split()[-1]))
    largest = max(found) * 1024 / 1_000_000
    print(f"peak resident size of the demo's processes: {largest:.1f} MB, limit {limit} MB")
    if largest >= limit:
        sys.exit("the demo takes too much memory")


main()
