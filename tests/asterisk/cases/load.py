# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real SIP calls, many at a time, each with a connection of its own; afterwards nothing is left of them."""

import asyncio

from case import case, outcome
from configuration import per_call
from phone import MODULES, Phones
from waiting import Missing, poll
from watch import held

CALLS = 200
PER_SECOND = 20
BURST = 60

EXTENSIONS = """
[phones]
exten = call,1,Stasis(testapp)
 same = n,Hangup()
"""


async def telephones(stage, application, **client):
    phones = Phones()
    asterisk = await stage.asterisk(
        per_call(application, client=client),
        modules=MODULES,
        files=phones.files,
        extensions=EXTENSIONS,
    )
    return asterisk, phones


async def serve_call(connection, number):
    """Answers; then hangs up, or lets the dialplan do so."""
    start = await connection.expect("StasisStart")
    path = f"channels/{start.fields['channel']['id']}"
    await connection.ask("POST", f"{path}/answer", 204)
    if number % 2:
        await connection.ask("POST", f"{path}/continue", 204)
    else:
        await connection.ask("DELETE", path, 204)
    await connection.expect("StasisEnd")
    assert await connection.closed() == 1000, connection


async def serve_calls(application, count):
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(serve_call(await application.connection(), number))


@case("load/200 SIP calls, 20 a second", alone=True, ours_only=True, needs=("chan_pjsip",))
async def load(stage):
    """Every call goes through; sessions, threads and files return to what they were before."""
    application = await stage.application()
    asterisk, phones = await telephones(stage, application)
    # A burst first: Asterisk and the library keep the threads that they needed most of for a while.
    await calls(asterisk, application, phones, BURST, BURST)
    threads, files = held(asterisk)
    await calls(asterisk, application, phones, CALLS, PER_SECOND)
    last = []

    def as_before():
        last.append(held(asterisk))
        return last[-1][0] <= threads and last[-1][1] <= files

    try:
        await poll(as_before, "end of threads and files", 30)
    except Missing:
        raise AssertionError(f"{last[-1]} threads and files, {threads, files} before") from None
    return outcome()


async def calls(asterisk, application, phones, count, rate):
    async with asyncio.TaskGroup() as group:
        group.create_task(serve_calls(application, count))
        group.create_task(phones.call(asterisk, "call", "call", count, rate))
    await nothing_left(asterisk)


async def nothing_left(asterisk):
    """No channel and no connection of a call is there any more."""
    await asterisk.no_channels()
    await asterisk.no_session(":PJSIP/")


@case("load/callers who hang up while connecting", alone=True, ours_only=True, needs=("chan_pjsip",))
async def cancelled(stage):
    """The attempts end with the calls; the next call, to a server that answers, goes through."""
    application = await stage.application()
    asterisk, phones = await telephones(stage, application, connection_timeout=20000)
    application.hold()
    await phones.call(asterisk, "cancel", "call", 20, PER_SECOND, pause=300)
    await nothing_left(asterisk)
    application.release()
    async with asyncio.TaskGroup() as group:
        group.create_task(phones.call(asterisk, "call", "call", 1, 1))
        await serve_call(await application.connection(), 0)
    return outcome()
