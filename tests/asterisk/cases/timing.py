# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a per-call connection costs a call: until the application hears of it, and after it has left."""

import asyncio

import measure
from case import case, outcome
from configuration import per_call, persistent

CALLS = 100
AT_A_TIME = 10
# Far from what is usual, for machines that are busy; a tenth of native's is far from that as well.
MOST_SECONDS = 0.1
NATIVE_TIMES = 10

NAMES = (
    "from the open websocket to StasisStart",
    "from ApplicationRegistered to StasisStart",
    "from StasisEnd to the next priority of the dialplan",
)

# Both applications are in one process, so that one clock has all times.
EXTENSIONS = """
[timing]
exten = s,1,Stasis(testapp)
 same = n,Stasis(marker)
 same = n,Hangup()
"""


async def one_call(connection, marker):
    """The times of one call, as in NAMES."""
    registered = await connection.expect("ApplicationRegistered")
    start = await connection.expect("StasisStart")
    channel = start.fields["channel"]["id"]
    await connection.ask("POST", f"channels/{channel}/continue", 204)
    end = await connection.expect("StasisEnd")
    after = await marker.expect_channel("StasisStart", channel)
    await marker.ask("DELETE", f"channels/{channel}", 204)
    begins = connection.opened, registered.arrival, end.arrival
    ends = start.arrival, start.arrival, after.arrival
    return [end - begin for begin, end in zip(begins, ends, strict=True)]


@case("timing/100 calls, 10 at a time", alone=True)
async def timing(stage):
    """Until StasisStart, and until the dialplan goes on, with the start_delay that is usual."""
    return await measured(stage, "")


@case("timing/100 calls without start_delay, 10 at a time", alone=True, ours_only=True)
async def without_start_delay(stage):
    """The same for applications that listen when they accept."""
    return await measured(stage, ", without start_delay", **stage.undelayed)


async def measured(stage, suffix, **more):
    application, marker = await stage.application(), await stage.application()
    outbounds = per_call(application, **more), persistent(marker, name="marker", apps="marker")
    asterisk = await stage.asterisk(*outbounds, extensions=EXTENSIONS)
    marker = await marker.connection()
    times = []
    for batch in range(CALLS // AT_A_TIME):
        await asyncio.gather(
            *(asterisk.originate("s", "timing", channel=f"call{batch}.{number}") for number in range(AT_A_TIME))
        )
        connections = [await application.connection() for _ in range(AT_A_TIME)]
        times += await asyncio.gather(*(one_call(connection, marker) for connection in connections))
    for name, values in zip(NAMES, zip(*times, strict=True), strict=True):
        measure.record(name + suffix, stage.host, values)
        check(name + suffix, stage)
    return outcome()


def check(name, stage):
    if stage.native:
        return
    median = measure.percentile(measure.MEASURED[name][stage.host], 0.5)
    assert median < MOST_SECONDS, f"{name}: {median * 1000:.1f} ms"
    if reference := measure.native(name):
        assert median < measure.percentile(reference, 0.5) / NATIVE_TIMES, f"{name}: {median * 1000:.1f} ms"
