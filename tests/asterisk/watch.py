# SPDX-License-Identifier: MIT OR Apache-2.0
"""Looking at an Asterisk while something goes on: whether its command line answers, what its process holds."""

import asyncio
import os
import time

from waiting import poll

INTERVAL = 0.1


class CommandLine:
    """Asks something again and again for as long as the block lasts, and knows the slowest answer."""

    def __init__(self, asterisk):
        self.asterisk = asterisk
        self.slowest = 0.0
        self.answers = 0
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._ask())
        return self

    async def __aexit__(self, kind, *_):
        self._task.cancel()
        await asyncio.wait({self._task})
        if kind is None and not self._task.cancelled():
            # It did not answer at all.
            self._task.result()

    async def _ask(self):
        while True:
            begin = time.monotonic()
            await self.asterisk.run("core show uptime")
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.answers += 1
            await asyncio.sleep(INTERVAL)


def status(asterisk, name):
    """A number of the process's status file, such as `VmRSS` (in kB) or `Threads`."""
    with open(f"/proc/{asterisk.process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


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
