# SPDX-License-Identifier: MIT OR Apache-2.0
"""Channels that the application makes itself."""

from case import case, facts, outcome, sure
from cases.per_call import call_in_stasis
from cases.rest_channels import query
from configuration import per_call, persistent
from differences import NOISE


async def add_channel(connection, channel, application):
    """Originates a channel that enters the application when it is answered."""
    parameters = query(endpoint="Local/wait@default", app=application, channelId=channel, formats="ulaw")
    await connection.ask("POST", "channels", 200, query_strings=parameters)


def channel_events(connection, channel):
    """The types of the events about one channel, without those that come from several threads."""
    kept = ("StasisStart", "StasisEnd", "ChannelStateChange")
    return [
        message.type
        for message in connection.messages
        if message.type in kept and message.fields["channel"]["id"] == channel
    ]


@case("second channel/uses the call's connection")
async def uses_the_connection(stage):
    """A channel that is originated into the call's own application, put into a bridge with it, and hung up first."""
    application, asterisk, connection = await call_in_stasis(stage)
    await add_channel(connection, "call2", connection.messages[0].fields["application"])
    await connection.expect_channel("StasisStart", "call2")
    await connection.ask("POST", "bridges/bridge1", 200, query_strings=query(type="mixing"))
    await connection.ask("POST", "bridges/bridge1/addChannel?channel=call1,call2", 204)
    for channel in ("call1", "call2"):
        await connection.expect_channel("ChannelEnteredBridge", channel)
    await connection.ask("DELETE", "channels/call2", 204)
    await connection.expect_channel("StasisEnd", "call2")
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    code = await connection.closed()
    events = {channel: channel_events(connection, channel) for channel in ("call1", "call2")}
    return outcome(events=events, code=sure(code, 1000), connections=sure(len(application.connections), 1))


@case(
    "second channel/outlives the first",
    facts(
        "a second channel keeps the connection open",
        "native closes it 3 s after the first channel's StasisEnd",
        ended=(False, True),
    ),
)
async def outlives_the_first(stage):
    """The first channel is gone for more than 3 s when the second is hung up."""
    application, asterisk, connection = await call_in_stasis(stage)
    await add_channel(connection, "call2", connection.messages[0].fields["application"])
    await connection.expect_channel("StasisStart", "call2")
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    if stage.native:
        await connection.closed()
        await asterisk.http("DELETE", "channels/call2")
    else:
        await connection.stays(4.5)
        await connection.ask("DELETE", "channels/call2", 204)
        await connection.expect_channel("StasisEnd", "call2")
        await connection.closed()
    await asterisk.no_channels()
    sure((connection.close_code, len(application.connections)), (1000, 1))
    return outcome(ended=channel_events(connection, "call2")[-1] == "StasisEnd")


@case("second channel/originated over a persistent connection")
async def over_persistent(stage):
    """The application originates a channel into itself."""
    application, asterisk, connection = await stage.persistent()
    await add_channel(connection, "call1", "testapp")
    await connection.expect_channel("StasisStart", "call1")
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    await asterisk.no_channels()
    return outcome(events=channel_events(connection, "call1"), connections=sure(len(application.connections), 1))


@case("second channel/originated into a per-call application")
async def into_per_call(stage):
    """A request over HTTP puts a channel into the application, which gets a connection of its own."""
    application, asterisk = await stage.per_call()
    parameters = {"endpoint": "Local/wait@default", "app": "testapp", "channelId": "call1", "appArgs": "one,two"}
    reply = await asterisk.http("POST", "channels", formats="ulaw", **parameters)
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    start = await connection.expect_channel("StasisStart", "call1")
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    code = await connection.closed()
    events = channel_events(connection, "call1")
    sure(start.fields["args"], ["one", "two"])
    return outcome(status=sure(reply.status, 200), events=events, code=sure(code, 1000))


@case("second channel/originated with the short name")
async def with_the_short_name(stage):
    """A channel that is originated into `testapp` instead of the call's own application gets another connection."""
    application, asterisk, connection = await call_in_stasis(stage)
    await add_channel(connection, "call2", "testapp")
    second = await application.connection()
    start = await second.expect_channel("StasisStart", "call2")
    for channel in ("call2", "call1"):
        await connection.ask("DELETE", f"channels/{channel}", 204)
    await second.expect_channel("StasisEnd", "call2")
    assert start.fields["application"] == f"testapp:{start.fields['channel']['name']}"
    return outcome(events=channel_events(second, "call2"), connections=sure(len(application.connections), 2))


@case("second channel/moved to another application")
async def moved(stage):
    """The application moves its channel to a persistent one's."""
    own, other = await stage.application(), await stage.application()
    asterisk = await stage.asterisk(per_call(own, name="calls"), persistent(other, name="other", apps="second"))
    target = await other.connection()
    await target.expect("ApplicationRegistered")
    await asterisk.originate(channel="call1")
    connection = await own.connection()
    await connection.expect_channel("StasisStart", "call1")
    await connection.ask("POST", "channels/call1/move?app=second&appArgs=moved", 204)
    await connection.expect_channel("StasisEnd", "call1")
    await target.expect_channel("StasisStart", "call1", args=["moved"])
    await target.ask("DELETE", "channels/call1", 204)
    await target.expect_channel("StasisEnd", "call1")
    await asterisk.no_channels()
    code = await connection.closed()
    return outcome(connection, target, ignored=NOISE, code=sure(code, 1000))
