# SPDX-License-Identifier: MIT OR Apache-2.0
"""How fast events go to an application, and how long the thread is kept that has one to send."""

import json
import re

from asterisk import Hung
from configuration import persistent
from process import cpu
from receiver import Receiver

# Of the kernel, for what a stalled application does not read, so that it is full soon.
RECEIVE_BUFFER = 65536
STALLED_SECONDS = 10


async def pumped(asterisk, count, size, seconds):
    """What `pump send` says; raises Hung, with what `pump show` says, if it does not come back."""
    try:
        output = (await asterisk.run(f"pump send testapp {count} {size} {seconds}", seconds + 10))[1]
    except Hung:
        output = (await asterisk.run("pump show"))[1]
        progress = answer(output)
        raise Hung(f"event {progress['calls'] + 1} has kept its sender for {progress['kept']:.0f} s") from None
    return answer(output)


def answer(output):
    found = re.search(r"^\{.*\}$", output, re.MULTILINE)
    assert found, f"the pump said: {output}"
    return json.loads(found[0])


async def load_pump(asterisk):
    output = await asterisk.cli("module load bench_pump.so")
    assert "Loaded" in output, output


async def reading(stage, size, length):
    """An application that reads: events a second from its first to its last, and the sender's time for each."""
    async with Receiver() as receiver:
        count = size.events
        asterisk = await stage.asterisk(persistent(receiver.place(f"/count?events={count}")))
        await receiver.line("registered")
        await load_pump(asterisk)
        await pumped(asterisk, count, length, 60)
        await receiver.line("events", 60)
        before = cpu(asterisk)
        sender = await pumped(asterisk, count, length, 60)
        received = await receiver.line("events", 60)
        assert received["bytes"] == count * length, received
        return {
            "events a second": count / ((received["last"] - received["first"]) / 1e6),
            "processor time": (cpu(asterisk) - before) / count,
            "p50": sender["p50"],
            "p99": sender["p99"],
            "max": sender["max"],
        }


async def reading_short(stage, size):
    return await reading(stage, size, 200)


async def reading_long(stage, size):
    return await reading(stage, size, 1024)


async def stalled(stage, size):
    """An application that has stopped to read: the sender's time, and how many lines the log has of it."""
    async with Receiver("--receive-buffer", str(RECEIVE_BUFFER)) as receiver:
        asterisk = await stage.asterisk(persistent(receiver.place("/stall")))
        await receiver.line("registered")
        await load_pump(asterisk)
        before = len(asterisk.log().splitlines())
        sender = await pumped(asterisk, size.stalled_events, 1024, STALLED_SECONDS)
        return {
            "events a second": sender["calls"] / sender["seconds"],
            "p50": sender["p50"],
            "p99": sender["p99"],
            "max": sender["max"],
            "lines": len(asterisk.log().splitlines()) - before,
        }
