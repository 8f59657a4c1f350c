# SPDX-License-Identifier: MIT OR Apache-2.0
"""Per-call connections: a call's own connection from Stasis to its end."""

from case import case, facts, outcome, sure
from configuration import per_call
from differences import NOISE


async def call_in_stasis(stage, extension="call", channel="call1", **configuration):
    """The application, the Asterisk and the connection of a call that has entered Stasis."""
    application = await stage.application()
    asterisk = await stage.asterisk(per_call(application, **configuration))
    await asterisk.originate(extension, channel=channel)
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.expect_channel("StasisStart", channel)
    return application, asterisk, connection


@case("per call/continue in the dialplan")
async def continue_in_dialplan(stage):
    """The application sends the channel on; STASISSTATUS is SUCCESS and the connection closes with 1000."""
    _, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("POST", "channels/call1/continue", 204)
    await connection.expect_channel("StasisEnd", "call1")
    status = await asterisk.came_back()
    code = await connection.closed()
    return outcome(connection, ignored=NOISE, status=sure(status, ["SUCCESS"]), code=sure(code, 1000))


@case("per call/continue elsewhere")
async def continue_elsewhere(stage):
    """The application names the place in the dialplan where the channel goes on."""
    _, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("POST", "channels/call1/continue?context=elsewhere&extension=here&priority=1", 204)
    status = (await asterisk.logged(r"is elsewhere with STASISSTATUS=(\w*)"))[0][1]
    code = await connection.closed()
    assert "came back" not in asterisk.log()
    return outcome(connection, ignored=NOISE, status=sure(status, "SUCCESS"), code=sure(code, 1000))


@case("per call/answer, play and hang up")
async def answer_play_hang_up(stage):
    """The application runs a whole call and ends it."""
    application, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("POST", "channels/call1/answer", 204)
    await connection.expect_channel("ChannelStateChange", "call1")
    sound = asterisk.sound("tiny")
    await connection.ask("POST", f"channels/call1/play?media=sound:{sound}&playbackId=play1", 201)
    await connection.expect("PlaybackStarted")
    await connection.expect("PlaybackFinished")
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    await asterisk.no_channels()
    code = await connection.closed()
    await asterisk.no_session("call@default")
    return outcome(connection, ignored=NOISE, code=sure(code, 1000), connections=sure(len(application.connections), 1))


@case("per call/caller hangs up")
async def caller_hangs_up(stage):
    """The far end goes; the application hears of it and the connection closes with 1000."""
    _, asterisk, connection = await call_in_stasis(stage)
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    await asterisk.no_channels()
    code = await connection.closed()
    return outcome(connection, ignored=NOISE, code=sure(code, 1000))


@case("per call/by the command line")
async def by_the_command_line(stage):
    """A channel that `channel originate` made, with ids of Asterisk's own making."""
    application, asterisk = await stage.per_call()
    await asterisk.originate()
    connection = await application.connection()
    start = (await connection.expect("StasisStart")).fields
    name = start["channel"]["name"]
    assert start["application"] == f"testapp:{name}", start
    await connection.ask("DELETE", f"channels/{start['channel']['id']}", 204)
    await connection.expect("StasisEnd")
    return outcome(connection, ignored=NOISE, code=sure(await connection.closed(), 1000))


@case("per call/arguments of Stasis")
async def arguments_of_stasis(stage):
    """What follows the application's name arrives as args."""
    _, asterisk, connection = await call_in_stasis(stage, "arguments")
    sure(connection.of_type("StasisStart")[0].fields["args"], ["one", "two words", "three"])
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    return outcome(connection, ignored=NOISE)


@case("per call/two calls at once")
async def two_calls_at_once(stage):
    """Each has a connection of its own, over which either can be controlled."""
    application, asterisk = await stage.per_call()
    connections = {}
    for channel in ("call1", "call2"):
        await asterisk.originate(channel=channel)
        connections[channel] = await application.connection()
        await connections[channel].expect_channel("StasisStart", channel)
    one, two = connections.values()
    sessions = [row[:2] for row in await asterisk.session_rows()]
    await one.ask("POST", "channels/call2/answer", 204)
    await two.expect_channel("ChannelStateChange", "call2")
    await one.ask("DELETE", "channels/call1", 204)
    await one.expect_channel("StasisEnd", "call1")
    await one.closed()
    await two.ask("GET", "channels/call2", 200)
    await two.ask("POST", "channels/call2/continue", 204)
    await two.expect_channel("StasisEnd", "call2")
    status = sure(await asterisk.came_back(), ["SUCCESS"])
    code = sure(await two.closed(), 1000)
    return outcome(one, two, ignored=NOISE, status=status, code=code, sessions=sessions)


@case("per call/two applications of one connection")
async def two_applications(stage):
    """Each call's connection has the application that the call entered."""
    application = await stage.application()
    extensions = "exten = other_app,1,Stasis(other)\n"
    asterisk = await stage.asterisk(per_call(application, apps="testapp, other"), extensions="[more]\n" + extensions)
    await asterisk.originate("other_app", "more", "call1")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    return outcome(connection, ignored=NOISE)


@case("per call/through the application's context")
async def through_the_context(stage):
    """Context stasis-testapp leads any extension into the application."""
    application, asterisk = await stage.per_call()
    await asterisk.originate("5551234", "stasis-testapp", "call1")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    plan = await asterisk.cli("dialplan show stasis-testapp")
    steps = [" ".join(line.split()[:-1]) for line in plan.splitlines() if "[" in line and "Context" not in line]
    sure(steps, ["'h' => 1. NoOp()", "'_.' => 1. Stasis(testapp)"])
    return outcome(connection, ignored=NOISE, steps=steps)


@case("per call/unknown application")
async def unknown_application(stage):
    """Stasis comes back with FAILED at once and the dialplan goes on."""
    application, asterisk = await stage.per_call()
    await asterisk.originate("other", channel="call1")
    status = await asterisk.came_back()
    await asterisk.hang_up("call1")
    return outcome(status=sure(status, ["FAILED"]), connections=sure(len(application.connections), 0))


@case("per call/subscribe_all = yes")
async def subscribe_all(stage):
    """The connection hears of all channels, its own one's end included."""
    _, asterisk, connection = await call_in_stasis(stage, outbound={"subscribe_all": "yes"})
    await asterisk.originate("wait", channel="stranger")
    await connection.expect_channel("ChannelCreated", "stranger")
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    await connection.expect_channel("ChannelDestroyed", "call1")
    code = await connection.closed()
    own = [m.type for m in connection.messages if m.fields.get("channel", {}).get("id") == "call1"]
    return outcome(own=[kind for kind in own if kind not in NOISE], code=sure(code, 1000))


@case(
    "per call/the same application twice",
    facts(
        "a call can enter the same application again",
        "native keeps the first connection for some seconds, and the second gets no events",
        second=(["StasisStart"], ["ApplicationRegistered", "StasisStart", "StasisEnd"]),
        replaced=(1, 0),
    ),
)
async def same_application_twice(stage):
    """The dialplan leads the channel into the application again as soon as it comes back."""
    application, asterisk, first = await call_in_stasis(stage, "twice")
    await first.ask("POST", "channels/call1/continue", 204)
    await first.expect_channel("StasisEnd", "call1")
    second = await application.connection()
    if not stage.native:
        await second.expect("ApplicationRegistered")
        await second.expect_channel("StasisStart", "call1", args=["again"])
        await second.ask("POST", "channels/call1/continue", 204)
        await asterisk.came_back(2)
    code = await first.closed()
    await asterisk.http("DELETE", "channels/call1")
    await asterisk.no_channels()
    if not stage.native:
        await second.closed()
    return outcome(
        second=[message.type for message in second.of_type("ApplicationRegistered", "StasisStart", "StasisEnd")],
        replaced=len(first.of_type("ApplicationReplaced")),
        code=sure(code, 1000),
    )
