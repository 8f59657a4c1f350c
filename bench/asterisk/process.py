# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the process of an Asterisk has and has used."""

import os

from watch import status

TICK = os.sysconf("SC_CLK_TCK")


def cpu(asterisk):
    """Seconds of processor time so far, of all threads, in the kernel as well."""
    with open(f"/proc/{asterisk.process.pid}/stat", encoding="ascii") as file:
        # The name may have blanks.
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(asterisk):
    """Bytes of memory, those that are shared with other processes by their share."""
    with open(f"/proc/{asterisk.process.pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def threads(asterisk):
    return status(asterisk, "Threads")
