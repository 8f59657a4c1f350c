# SPDX-License-Identifier: MIT OR Apache-2.0
"""Waiting for a condition until a deadline, instead of sleeping for as long as it might take."""

import asyncio

DEADLINE = 15.0
POLL = 0.02


class Missing(AssertionError):
    """What was waited for did not come in time."""


class Watched:
    """Something that changes and says so."""

    def __init__(self):
        self._change = asyncio.Event()

    def changed(self):
        self._change.set()
        self._change = asyncio.Event()

    async def until(self, condition, what, seconds=DEADLINE):
        """Returns what condition returns as soon as that is true."""
        end = asyncio.get_running_loop().time() + seconds
        while not (value := condition()):
            rest = end - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._change.wait(), max(rest, 0))
            except TimeoutError:
                raise Missing(f"no {what} within {seconds:g} s; {self}") from None
        return value


async def poll(condition, what, seconds=DEADLINE):
    """Like Watched.until for what does not say when it changes; condition may be a coroutine function."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > end:
            raise Missing(f"no {what} within {seconds:g} s")
        await asyncio.sleep(POLL)
