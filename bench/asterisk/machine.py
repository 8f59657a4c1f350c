# SPDX-License-Identifier: MIT OR Apache-2.0
"""The machine that measures, as far as it matters to the figures."""

import os
import platform
import re
from pathlib import Path


def describe():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": model[1] if model else platform.machine(),
        "memory": f"{round(int(memory[1]) / 2**20)} GiB",
        "kernel": platform.release(),
    }
