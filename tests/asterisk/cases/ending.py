# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole Asterisk is stopped or restarted while connections are up: servers get a Close, nothing is left over."""

import os

from case import case, facts, outcome
from configuration import per_call, persistent
from waiting import poll
from watch import held, settled

SAYS_CLOSE = "native ends the TCP connections without a word, as a crash would"


def closes(native):
    return facts("servers get a Close at the end", SAYS_CLOSE, codes=(native, [1000, 1000]))


async def connected(stage, application):
    """An Asterisk, and its persistent connection."""
    outbounds = persistent(application), per_call(application, name="calls", apps="callapp")
    asterisk = await stage.asterisk(*outbounds, extensions="[calls]\nexten = s,1,Stasis(callapp)\n")
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    return asterisk, connection


async def running(stage):
    """An Asterisk with a persistent connection and one of a call, and both connections."""
    application = await stage.application()
    asterisk, first = await connected(stage, application)
    await asterisk.originate("s", "calls", channel="call1")
    second = await application.connection()
    await second.expect_channel("StasisStart", "call1")
    return asterisk, application, [first, second]


async def stopped(stage, command):
    """Ends it by a command; returns the codes of the Closes."""
    asterisk, application, connections = await running(stage)
    asterisk.stopping = True
    if command == "core stop gracefully":
        # It would wait for the call.
        await asterisk.hang_up("call1")
        await connections[1].expect_channel("StasisEnd", "call1")
    await asterisk.run(command)
    await poll(lambda: asterisk.process.returncode is not None, "end of the process", 20)
    assert asterisk.process.returncode == 0, asterisk.ending
    codes = [await connection.closed() for connection in connections]
    left = [name for name in os.listdir(asterisk.folder / "run") if name != "asterisk.pid"]
    assert not left, left
    await application.no_connection(0.5)
    return outcome(codes=codes)


@case("module/core stop gracefully")
async def stop_gracefully(stage):
    """Waits for the call, then ends."""
    return await stopped(stage, "core stop gracefully")


@case("module/core stop now", closes([1006, 1006]))
async def stop_now(stage):
    """Ends at once, in the middle of the call."""
    return await stopped(stage, "core stop now")


@case("module/core restart now", closes([1006, 1006]))
async def restart_now(stage):
    """The same process begins anew, with no open file of the one before, and connects."""
    asterisk, application, connections = await running(stage)
    pid = asterisk.process.pid
    await asterisk.run("core restart now")
    codes = [await connection.closed() for connection in connections]
    await (await application.connection()).expect("ApplicationRegistered")

    async def booted():
        return "fully booted" in (await asterisk.run("core waitfullybooted"))[1]

    await poll(booted, "boot of Asterisk")
    assert asterisk.process.pid == pid and asterisk.process.returncode is None
    fresh, _ = await connected(stage, application)
    _, files = await settled(fresh)
    await poll(lambda: held(asterisk)[1] <= files, f"{files} open files, as one has that never was another")
    return outcome(codes=codes)
