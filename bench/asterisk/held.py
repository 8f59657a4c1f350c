# SPDX-License-Identifier: MIT OR Apache-2.0
"""What many calls cost that are in Stasis at the same time, each with a connection of its own."""

import asyncio

from configuration import per_call
from process import cpu, memory, threads
from receiver import Receiver
from waiting import poll

AT_ONCE = 10
# The calls are there: until what their beginning left to do is done.
SETTLE = 2
# Threads that only their beginning needed are gone by then.
HOLD = 12

# The other extension is the same call without Stasis, to know what is Stasis' and the websocket's part.
EXTENSIONS = """
[held]
exten = stasis,1,Stasis(testapp)
 same = n,Hangup()
exten = plain,1,Wait(600)
"""


async def begin(asterisk, extension, count):
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        await asyncio.gather(*(asterisk.originate(extension, "held", channel=f"call{number}") for number in numbers))


async def end(asterisk):
    """Hangs all up, and waits until they are gone."""
    await asterisk.cli("channel request hangup all")

    async def gone():
        return "0 active channels" in (await asterisk.run("core show channels count"))[1]

    await poll(gone, "end of all calls", 60)


async def held(stage, size, extension):
    """Threads and memory that the calls added; processor time for their beginning, their stay and their end."""
    async with Receiver() as receiver:
        asterisk = await stage.asterisk(per_call(receiver.place("/hold"), **stage.undelayed), extensions=EXTENSIONS)
        threads_before, memory_before, cpu_before = threads(asterisk), memory(asterisk), cpu(asterisk)
        await begin(asterisk, extension, size.held)
        if extension == "stasis":
            for _ in range(size.held):
                await receiver.line("call", 60)
        await asyncio.sleep(SETTLE)
        threads_begun, cpu_held = threads(asterisk), cpu(asterisk)
        await asyncio.sleep(HOLD)
        threads_held, memory_held, cpu_end = threads(asterisk), memory(asterisk), cpu(asterisk)
        await end(asterisk)
        return {
            "threads begun": threads_begun - threads_before,
            "threads": threads_held - threads_before,
            "memory": (memory_held - memory_before) / size.held,
            "begin": (cpu_held - cpu_before) / size.held,
            "holding": (cpu_end - cpu_held) / HOLD,
            "end": (cpu(asterisk) - cpu_end) / size.held,
        }


async def in_stasis(stage, size):
    return await held(stage, size, "stasis")


async def plain(stage, size):
    return await held(stage, size, "plain")
