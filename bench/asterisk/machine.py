# SPDX-License-Identifier: MIT OR Apache-2.0
"""The machine that measures, as far as it matters to the figures."""

import os
import platform
import re
import time
from pathlib import Path


def describe():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model[1] if model else platform.machine(),
        "memory": f"{round(int(memory[1]) / 2**20)} GiB",
        # Without what its builder has added.
        "kernel": platform.release().split("-")[0],
    }


def idle(seconds=1):
    """How much of the time the processors have nothing to do. A load average still has what was built before in it."""
    before = times()
    time.sleep(seconds)
    after = times()
    spent = [later - earlier for earlier, later in zip(before, after)]
    # The fourth is idle, the fifth waits for a disk (proc_stat(5)).
    return (spent[3] + spent[4]) / sum(spent)


def times():
    """What the processors were doing since the machine started, in the kernel's own kinds and ticks."""
    return [int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
