# SPDX-License-Identifier: MIT OR Apache-2.0
"""Requests over the websocket, GET asterisk/ping."""

from configuration import persistent
from process import cpu
from receiver import Receiver

WINDOW = 64


async def ping(stage, count, window):
    """Requests a second, and from each one to its answer; so many are on their way at a time."""
    async with Receiver() as receiver:
        asterisk = await stage.asterisk(persistent(receiver.place(f"/ping?count={count}&window={window}")))
        await receiver.line("ready", 30)
        before = cpu(asterisk)
        answered = await receiver.line("requests", 60)
        return {
            "requests a second": answered["requests"] / answered["seconds"],
            "processor time": (cpu(asterisk) - before) / answered["requests"],
            "p50": answered["p50"],
            "p99": answered["p99"],
        }


async def serial(stage, size):
    return await ping(stage, size.requests, 1)


async def pipelined(stage, size):
    return await ping(stage, size.requests, WINDOW)
