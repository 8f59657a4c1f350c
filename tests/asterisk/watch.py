# SPDX-License-Identifier: MIT OR Apache-2.0
"""Looking at an Asterisk while something goes on: whether its command line answers, what its process holds."""

import asyncio
import contextlib
import os
import statistics
import time
from pathlib import Path

from waiting import poll

INTERVAL = 0.1


class CommandLine:
    """Asks something again and again for as long as the block lasts, and knows how long each answer took."""

    def __init__(self, asterisk):
        self.asterisk = asterisk
        self.times = []
        self._going = True
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, kind, *_):
        self._going = False
        await asyncio.wait({self._task})
        if kind is None:
            # Raises if one did not come at all.
            self._task.result()

    async def _ask(self):
        while self._going:
            begin = time.monotonic()
            await self.asterisk.run("core show uptime")
            self.times.append(time.monotonic() - begin)
            await asyncio.sleep(INTERVAL)

    def assert_prompt(self):
        """Answers came within a second, but for some that a busy machine delayed."""
        usual, most = statistics.median(self.times), max(self.times)
        assert usual < 1 and most < 5, f"the command line took {usual:.2f} s, at most {most:.2f} s"


def status(asterisk, name):
    """A number of the process's status file, such as `VmRSS` (in kB) or `Threads`."""
    with open(f"/proc/{asterisk.process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def processor_time(asterisk):
    """Seconds that the process has computed, on threads that have ended too (proc_pid_stat(5): utime and stime)."""
    fields = Path(f"/proc/{asterisk.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def library_status(asterisk):
    """The status files of the library's threads."""
    for path in Path(f"/proc/{asterisk.process.pid}/task").glob("*/status"):
        # One may end just now.
        with contextlib.suppress(OSError):
            text = path.read_text()
            if text.startswith("Name:\tariws-"):
                yield text


def library_threads(asterisk):
    """How many threads of the library the process has."""
    return sum(1 for _ in library_status(asterisk))


def library_wakeups(asterisk):
    """How often the library's threads have waited for something, those that have ended left out."""
    return sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in library_status(asterisk))


def held(asterisk):
    """How many threads and open files the process has."""
    return status(asterisk, "Threads"), len(os.listdir(f"/proc/{asterisk.process.pid}/fd"))


async def settled(asterisk, rounds=5):
    """What the process holds as soon as that has not changed for some rounds."""
    last = []

    def same():
        last.append(held(asterisk))
        return len(last) > rounds and len(set(last[-rounds:])) == 1

    await poll(same, "settled number of threads and files")
    return last[-1]
