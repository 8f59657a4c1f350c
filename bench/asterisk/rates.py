# SPDX-License-Identifier: MIT OR Apache-2.0
"""SIP calls at rising rates until some fail: answered and hung up by the application, each with its own connection."""

import time

from configuration import per_call
from phone import MODULES, Phones
from receiver import Receiver

LOWEST = 100
HIGHEST = 3200
# After the last call began: Asterisk keeps up if all calls are over by then.
GRACE = 5

# The other extension is the same call without Stasis: what Asterisk and SIPp reach by themselves.
EXTENSIONS = """
[phones]
exten = stasis,1,Stasis(testapp)
 same = n,Hangup()
exten = plain,1,Answer()
 same = n,Hangup()
"""
# As a busy PBX would have it: at these rates each line of the log costs.
LOGGER = "[general]\n[logfiles]\nfull => notice,warning,error\n"


async def problem(stage, receiver, extension, rate, seconds):
    """What went wrong at this rate, in an Asterisk of its own; nothing if every call succeeded."""
    phones = Phones()
    asterisk = await stage.asterisk(
        per_call(receiver.place("/calls"), **stage.undelayed),
        modules=MODULES,
        files=phones.files | {"logger.conf": LOGGER},
        extensions=EXTENSIONS,
    )
    begin = time.monotonic()
    found = ""
    try:
        await phones.call(asterisk, "call", extension, rate * seconds, rate, seconds=seconds + GRACE)
    except AssertionError as error:
        found = str(error)
    await asterisk.kill()
    errors = f"; the application had {len(receiver.errors)} errors" if receiver.errors else ""
    receiver.errors.clear()
    print(f"    {rate} calls a second: {time.monotonic() - begin:.1f} s {found}{errors}", flush=True)
    return found


async def rates(stage, size, extension):
    """The highest rate at which no call failed."""
    async with Receiver() as receiver:

        async def fails(rate):
            return await problem(stage, receiver, extension, rate, size.rate_seconds)

        good, bad = 0, LOWEST
        while bad <= HIGHEST and not await fails(bad):
            good, bad = bad, bad * 2
        for _ in range(size.rate_halvings):
            middle = (good + bad) // 2
            if await fails(middle):
                bad = middle
            else:
                good = middle
        return {"calls a second": good}


async def in_stasis(stage, size):
    return await rates(stage, size, "stasis")


async def plain(stage, size):
    return await rates(stage, size, "plain")
