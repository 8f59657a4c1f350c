# SPDX-License-Identifier: MIT OR Apache-2.0
"""An application's name that somebody else takes, and one that a channel enters twice in a row."""

import asyncio
import json

from websockets.asyncio.client import connect

from case import Difference, case, outcome
from waiting import DEADLINE

LOST = Difference(
    "registered again after a take-over",
    "native leaves the application unregistered when the client that took it over has left",
    ends=("FAILED", "hung"),
)


def inbound(asterisk, **query):
    """A client that connects to Asterisk and is the application testapp."""
    parameters = {"app": "testapp", "api_key": "user1:userpass"} | query
    words = "&".join(f"{name}={value}" for name, value in parameters.items())
    return connect(f"ws://127.0.0.1:{asterisk.http_port}/ari/events?{words}", compression=None)


async def taken_and_left(stage, subscribe_all):
    """The connection loses its application to the client, and has it again as soon as the client has left."""
    application, asterisk, connection = await stage.persistent(outbound={"subscribe_all": subscribe_all})
    async with inbound(asterisk, subscribeAll="true" if subscribe_all == "yes" else "false") as client:
        await connection.expect("ApplicationReplaced")
        await asterisk.user_event("theirs")
        async with asyncio.timeout(DEADLINE):
            while json.loads(await client.recv()).get("eventname") != "theirs":
                pass
    await connection.expect("ApplicationRegistered")
    await asterisk.user_event("ours")
    await connection.expect("ChannelUserevent", eventname="ours")
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    await connection.ask("POST", "channels/call1/answer", 204)
    if subscribe_all == "yes":
        # A channel that is not in the application.
        await connection.expect_channel("ChannelStateChange", "far.call1")
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    assert not [message for message in connection.messages if message.fields.get("eventname") == "theirs"], connection
    return outcome()


@case("crash/inbound client takes the application", LOST)
async def inbound_client(stage):
    """A client connects to Asterisk with the application's name, and leaves."""
    return await taken_and_left(stage, "no")


@case("crash/inbound client takes an application with subscribe_all", LOST)
async def inbound_client_subscribe_all(stage):
    """The same where the connection hears of everything, before and afterwards."""
    return await taken_and_left(stage, "yes")


@case(
    "crash/two Stasis() in a row",
    Difference(
        "a second Stasis() in a row works",
        "native gives the second one's events to nobody when the first one's connection closes",
        ends=("FAILED", "hung"),
    ),
)
async def twice(stage):
    """A channel enters the application again while its first connection still waits for trailing events."""
    application, asterisk = await stage.per_call()
    await asterisk.originate("twice", channel="call1")
    for arguments in ([], ["again"]):
        connection = await application.connection()
        await connection.expect("ApplicationRegistered")
        await connection.expect_channel("StasisStart", "call1", args=arguments)
        await connection.ask("POST", "channels/call1/continue", 204)
        await connection.expect_channel("StasisEnd", "call1")
    assert await asterisk.came_back(2) == ["SUCCESS", "SUCCESS"]
    await asterisk.hang_up("call1")
    await asterisk.no_session("call1")
    for connection in application.connections:
        assert await connection.closed() == 1000
    return outcome()
