# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a per-call connection costs each call: before the application hears of it, and after it has left."""

import asyncio

from configuration import per_call
from measure import percentile
from receiver import Receiver

# Each time is the dialplan's own, read in the priority before Stasis and in the one after it.
EXTENSIONS = """
[dead-time]
exten = s,1,Set(BEFORE=${STRFTIME(,,%s%6q)})
 same = n,Stasis(testapp)
 same = n,Set(AFTER=${STRFTIME(,,%s%6q)})
 same = n,Verbose(0,dead time of ${CHANNEL(uniqueid)} ${BEFORE} ${AFTER})
 same = n,Hangup()
"""
LINE = r"dead time of (\S+) (\d+) (\d+)"


async def dead_time(stage, batches, at_once):
    """Seconds from the priority before Stasis to StasisStart, and from the request to continue to the next priority."""
    async with Receiver() as receiver:
        application = receiver.place("/continue")
        asterisk = await stage.asterisk(per_call(application, **stage.undelayed), modules=("func_strings",), extensions=EXTENSIONS)
        arrivals = {"StasisStart": {}, "StasisEnd": {}}
        started, ended = arrivals.values()
        for batch in range(batches + 1):
            names = [f"call{batch}.{number}" for number in range(at_once)]
            await asyncio.gather(*(asterisk.originate("s", "dead-time", channel=name) for name in names))
            while len(ended) < (batch + 1) * at_once:
                line = await receiver.line("call")
                arrivals[line["event"]][line["call"]] = line["at"]
        calls = [match.groups() for match in await asterisk.logged(LINE, len(ended))]
    # The first batch warms up: what both load and make only once.
    calls = [call for call in calls if not call[0].startswith("call0.")]
    before = sorted((started[channel] - int(entered)) / 1e6 for channel, entered, _ in calls)
    # The application asks for it as soon as it has the StasisStart.
    after = sorted((int(left) - started[channel]) / 1e6 for channel, _, left in calls)
    return {
        "before p50": percentile(before, 0.5),
        "before p99": percentile(before, 0.99),
        "after p50": percentile(after, 0.5),
        "after p99": percentile(after, 0.99),
    }


async def one_at_a_time(stage, size):
    return await dead_time(stage, size.calls // 5, 1)


async def many_at_a_time(stage, size):
    return await dead_time(stage, size.calls // 10, 10)
