# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the end of a persistent connection costs: nothing that happened after Asterisk knew of it."""

import asyncio

from case import case, outcome, sure
from differences import NOISE, REGISTERED_FIRST
from waiting import poll

DOWN = 3.0
BETWEEN = 0.1


async def is_down(asterisk):
    async def down():
        return any("Down" in row for row in await asterisk.session_rows())

    await poll(down, "session that is down")


async def events_while_down(asterisk):
    """A steady flow of events for three seconds; their number."""
    count = round(DOWN / BETWEEN)
    for number in range(count):
        await asterisk.user_event(f"waiting {number}")
        await asyncio.sleep(BETWEEN)
    return count


def waiting_numbers(connection):
    names = [message.fields["eventname"] for message in connection.of_type("ChannelUserevent")]
    return [int(name.split()[1]) for name in names if name.startswith("waiting")]


async def outage(stage, end):
    """end ends the first connection and the listening."""
    application, asterisk, first = await stage.persistent()
    await asterisk.user_event("before")
    await first.expect("ChannelUserevent", eventname="before")
    await end(application, first)
    await is_down(asterisk)
    count = await events_while_down(asterisk)
    await application.listen()
    second = await application.connection()
    await second.expect("ApplicationRegistered")
    await asterisk.user_event("after")
    await second.expect("ChannelUserevent", eventname="after")
    assert waiting_numbers(second) == list(range(count)), "nothing is lost and the order is kept"
    sure([row[-2:] for row in await asterisk.session_rows()], [["Up", "testapp"]])
    return outcome(first, second)


@case("outage/server closes cleanly", REGISTERED_FIRST)
async def closes_cleanly(stage):
    """A Close frame, then nobody listens for 3 s."""

    async def end(application, connection):
        await application.stop_listening()
        await connection.close()

    return await outage(stage, end)


@case("outage/server is killed", REGISTERED_FIRST)
async def killed(stage):
    """A reset, then nobody listens for 3 s."""

    async def end(application, _):
        await application.kill()

    return await outage(stage, end)


@case("outage/call enters while down", REGISTERED_FIRST)
async def call_enters_while_down(stage):
    """A call enters the application while the connection is down and is served after the reconnect."""
    application, asterisk, first = await stage.persistent()
    await application.kill()
    await is_down(asterisk)
    await asterisk.originate(channel="call1")
    await asterisk.logged(r'Stasis\("Local/call@default-00000000;2"')
    await application.listen()
    second = await application.connection()
    await second.expect_channel("StasisStart", "call1")
    await second.expect("ApplicationRegistered")
    await second.ask("DELETE", "channels/call1", 204)
    await second.expect_channel("StasisEnd", "call1")
    return outcome(first, second, ignored=NOISE)


@case("outage/call goes on", REGISTERED_FIRST)
async def call_goes_on(stage):
    """A call that is in the application when the connection breaks stays in it."""
    application, asterisk, first = await stage.persistent()
    await asterisk.originate(channel="call1")
    await first.expect_channel("StasisStart", "call1")
    await application.kill()
    await is_down(asterisk)
    await asterisk.http("POST", "channels/call1/answer")
    await application.listen()
    second = await application.connection()
    await second.expect("ApplicationRegistered")
    await second.expect_channel("ChannelStateChange", "call1")
    await second.ask("POST", "channels/call1/continue", 204)
    status = sure(await asterisk.came_back(), ["SUCCESS"])
    await second.expect_channel("StasisEnd", "call1")
    return outcome(first, second, ignored=NOISE, status=status)
