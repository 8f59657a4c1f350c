# SPDX-License-Identifier: MIT OR Apache-2.0
"""Times that cases measured, in seconds, by what they are of and by host."""

import math

MEASURED = {}


def record(name, host, values):
    MEASURED.setdefault(name, {})[host] = sorted(values)


def percentile(values, part):
    """Of sorted values, the nearest rank."""
    return values[max(math.ceil(part * len(values)), 1) - 1]


def native(name):
    """What was measured on a native host, or None."""
    return next((values for host, values in MEASURED.get(name, {}).items() if host.native), None)


def cell(values, reference):
    """Median and 99th percentile in milliseconds, and how many times as long native takes."""
    parts = [percentile(values, part) for part in (0.5, 0.99)]
    text = " / ".join(f"{part * 1000:.2f}" for part in parts)
    if reference is None or reference is values:
        return text
    return text + " (" + " / ".join(f"x {percentile(reference, p) / v:.0f}" for p, v in zip((0.5, 0.99), parts)) + ")"


def table():
    """All times, with the hosts beside each other."""
    hosts = list(dict.fromkeys(host for by_host in MEASURED.values() for host in by_host))
    rows = [["p50 / p99 in ms (x native)", *(host.name for host in hosts)]]
    for name, by_host in MEASURED.items():
        cells = [cell(by_host[host], native(name)) if host in by_host else "-" for host in hosts]
        rows.append([name, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
