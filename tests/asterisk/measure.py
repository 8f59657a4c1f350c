# SPDX-License-Identifier: MIT OR Apache-2.0
"""Times that cases measured, in seconds, by what they are of and by host."""

import math

MEASURED = {}

# What two messages are apart that are read at once is no time.
RESOLUTION = 0.0001


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
    texts = []
    for part in (0.5, 0.99):
        value = percentile(values, part)
        small = value < RESOLUTION
        text = f"<{RESOLUTION * 1000:g}" if small else f"{value * 1000:.1f}"
        if reference is not None and reference is not values:
            ratio = percentile(reference, part) / max(value, RESOLUTION)
            text += f" (x {'>' if small else ''}{ratio:.0f})"
        texts.append(text)
    return " / ".join(texts)


def table():
    """All times, with the hosts beside each other."""
    hosts = list(dict.fromkeys(host for by_host in MEASURED.values() for host in by_host))
    rows = [["p50 / p99 in ms (native: x times as long)", *(host.name for host in hosts)]]
    for name, by_host in MEASURED.items():
        cells = [cell(by_host[host], native(name)) if host in by_host else "-" for host in hosts]
        rows.append([name, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
