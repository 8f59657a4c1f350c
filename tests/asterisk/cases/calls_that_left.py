# SPDX-License-Identifier: MIT OR Apache-2.0
"""A call's connection is lost when its channel is not in its application any more: nothing happens to the channel."""

import asyncio
from urllib.parse import quote

from case import Difference, case, outcome, sure
from cases.rest_channels import is_gone, query
from cases.second_channel import add_channel
from configuration import per_call, persistent
from waiting import Missing
from watch import library_wakeups

# A channel enters the application that its extension names.
CALLS = """
[calls]
exten = _app.,1,Stasis(${EXTEN})
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Wait(600)
[away]
exten = s,1,Verbose(0,${CHANNEL} is away)
 same = n,Wait(600)
"""
ONE_ATTEMPT = {"reconnect_attempts": 1}
# How the server goes, and how long after the channel is elsewhere.
ENDS = (("close", 0), ("close", 0.1), ("close", 0.5), ("close", 2), ("reset", 0), ("reset", 0.5), ("reset", 2))
QUIET = 0.5


async def call_and_requests(stage, apps="app", **configuration):
    """An Asterisk with a per-call connection, its server, and a persistent connection for requests."""
    application, other = await stage.application(), await stage.application()
    calls = per_call(application, name="calls", apps=apps, client=ONE_ATTEMPT)
    asterisk = await stage.asterisk(calls, persistent(other, name="other", apps="other"), **configuration)
    requests = await other.connection()
    await requests.expect("ApplicationRegistered")
    return asterisk, application, requests


async def server_goes(application, connection, way="reset", delay=0.0, comes_back=False):
    """It ends the connection; unless it comes back, that is lost for good."""
    await asyncio.sleep(delay)
    if not comes_back:
        await application.stop_listening()
    if way == "close":
        await connection.close(1001)
    else:
        connection.abort()


async def stays_inside(connection, channel):
    """The channel is in the connection's application, and stays there."""
    await connection.ask("POST", f"channels/{channel}/answer", 204)
    await connection.expect_channel("ChannelStateChange", channel)
    await connection.quiet("StasisEnd", QUIET)


@case("calls that left/moved to a persistent application")
async def moved(stage):
    """Seven calls are moved, and each one's own server ends the connection: at once, later, with a Close and without."""
    return await moved_away(stage, comes_back=True)


FAILS = Difference(
    "channels that were moved away go on",
    "native makes a channel leave whatever application it is in when the connection of its call is lost",
    ends=("FAILED",),
)


@case("calls that left/moved, and the server is gone", FAILS)
async def moved_and_gone(stage):
    """The same where the connection is lost for good."""
    return await moved_away(stage, comes_back=False)


async def moved_away(stage, comes_back):
    servers = [await stage.application() for _ in ENDS]
    other = await stage.application()
    outbounds = [
        per_call(server, name=f"calls{number}", apps=f"app{number}", client=ONE_ATTEMPT)
        for number, server in enumerate(servers)
    ]
    asterisk = await stage.asterisk(*outbounds, persistent(other, name="other", apps="other"), extensions=CALLS)
    target = await other.connection()
    await target.expect("ApplicationRegistered")

    async def call(number, server, way, delay):
        channel = f"call{number}"
        await asterisk.originate(f"app{number}", "calls", channel=channel)
        connection = await server.connection()
        await connection.expect_channel("StasisStart", channel)
        await connection.ask("POST", f"channels/{channel}/move?app=other", 204)
        # A session that could not tell of the end connects again, and stays for as long as the channel may come back.
        await connection.expect_channel("StasisEnd", channel)
        await target.expect_channel("StasisStart", channel)
        await server_goes(server, connection, way, delay, comes_back)
        if not (stage.native and comes_back):
            await asterisk.no_session(f"calls{number}:")

    async with asyncio.TaskGroup() as group:
        for number, server in enumerate(servers):
            group.create_task(call(number, server, *ENDS[number]))
    for number in range(len(ENDS)):
        await stays_inside(target, f"call{number}")
    assert "came back" not in asterisk.log()
    return outcome(left=sure(len(target.of_type("StasisEnd")), 0))


@case("calls that left/moved to the application of another call", FAILS)
async def moved_to_a_call(stage):
    """The channel belongs to the other call's connection: it stays when its own is lost, and fails with the other."""
    first, second = await stage.application(), await stage.application()
    outbounds = (
        per_call(first, name="calls1", apps="app1", client=ONE_ATTEMPT),
        per_call(second, name="calls2", apps="app2", client=ONE_ATTEMPT),
    )
    asterisk = await stage.asterisk(*outbounds, extensions=CALLS)
    connections = []
    for number, server in enumerate((first, second), 1):
        await asterisk.originate(f"app{number}", "calls", channel=f"call{number}")
        connections.append(await server.connection())
        await connections[-1].expect_channel("StasisStart", f"call{number}")
    own, target = connections
    application = target.messages[0].fields["application"]
    await own.ask("POST", "channels/call1/move", 204, query_strings=query(app=application))
    await target.expect_channel("StasisStart", "call1")
    await server_goes(first, own)
    await asterisk.no_session("calls1:")
    await stays_inside(target, "call1")
    await server_goes(second, target)
    assert await asterisk.came_back(2) == ["FAILED", "FAILED"]
    return outcome()


@case("calls that left/moved, and still heard", FAILS)
async def moved_and_heard(stage):
    """The application has subscribed to the channel that it has moved away: Asterisk lists it with both."""
    asterisk, first, target = await call_and_requests(stage, "app1", extensions=CALLS)
    await asterisk.originate("app1", "calls", channel="call1")
    own = await first.connection()
    await own.expect_channel("StasisStart", "call1")
    application = quote(own.messages[0].fields["application"], safe="")
    await own.ask("POST", "channels/call1/move?app=other", 204)
    await target.expect_channel("StasisStart", "call1")
    await own.ask("POST", f"applications/{application}/subscription?eventSource=channel:call1", 200)
    await server_goes(first, own)
    await asterisk.no_session("calls:")
    await stays_inside(target, "call1")
    assert "came back" not in asterisk.log()
    return outcome()


@case("calls that left/heard by everybody, and not by its own")
async def not_heard(stage):
    """The application does not want the events of its channel, which others want: the channel is in it, and fails with it."""
    first = await stage.application()
    others = await stage.application()
    outbounds = (
        per_call(first, name="calls1", apps="app1", client=ONE_ATTEMPT),
        persistent(others, name="others", apps="all", outbound={"subscribe_all": "yes"}),
    )
    asterisk = await stage.asterisk(*outbounds, extensions=CALLS)
    await (await others.connection()).expect("ApplicationRegistered")
    await asterisk.originate("app1", "calls", channel="call1")
    own = await first.connection()
    await own.expect_channel("StasisStart", "call1")
    application = quote(own.messages[0].fields["application"], safe="")
    await own.ask("DELETE", f"applications/{application}/subscription?eventSource=channel:call1", 200)
    await server_goes(first, own)
    assert await asterisk.came_back() == ["FAILED"]
    return outcome()


COUNT = 24
# Some housekeeping, none of it for a call.
WINDOW, IDLE = 1.0, 200


@case("calls that left/24 in a dialplan inside Stasis")
async def dialplan_inside(stage):
    """Channels that have no dialplan of their own run one inside Stasis(): nobody waits for them, and calls and requests go on."""
    asterisk, application, requests = await call_and_requests(stage, extensions=CALLS)
    connections = []
    for number in range(COUNT):
        await add_channel(requests, f"call{number}", "app")
        connections.append(await application.connection())
    for number, connection in enumerate(connections):
        start = await connection.expect("StasisStart")
        channel = start.fields["channel"]["id"]
        await connection.ask("POST", f"channels/{channel}/continue?context=away&extension=s&priority=1", 204)
        await connection.expect_channel("StasisEnd", channel)
    await asterisk.logged(r"app_verbose.c: \S+ is away", COUNT)
    await application.kill()
    await asterisk.no_session("calls:")
    if not stage.native:
        wakeups = library_wakeups(asterisk)
        await asyncio.sleep(WINDOW)
        wakeups = library_wakeups(asterisk) - wakeups
        assert wakeups < IDLE, f"{wakeups} wakeups of the library's threads in {WINDOW:g} s"
    await requests.ask("GET", "asterisk/ping", 200)
    await application.listen()
    await add_channel(requests, "another", "app")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "another")
    await connection.ask("DELETE", "channels/another", 204)
    await connection.expect_channel("StasisEnd", "another")
    channels = await requests.ask("GET", "channels", 200)
    alive = [channel for channel in channels if channel["dialplan"]["context"] == "away"]
    return outcome(alive=sure(len(alive), COUNT))


@case(
    "calls that left/another channel in its place",
    Difference(
        "a channel that took another one's place in a call fails with it",
        "native looks for the channel by the id that it had at first, and leaves it in an application that nobody has",
        ends=("FAILED",),
    ),
)
async def replaced(stage):
    """A channel is picked up: another one is in Stasis in its place, which is told of the end of the connection."""
    pick_up = "[pick-up]\nexten = s,1,PickupChan(${CHANNEL(name)}&${PICK})\n same = n,Wait(600)\n"
    asterisk, application, requests = await call_and_requests(stage, extensions=CALLS + pick_up, modules=["app_directed_pickup"])
    channel = query(endpoint="Local/s@away", app="app", channelId="call1", formats="ulaw")
    name = (await requests.ask("POST", "channels/create", 200, query_strings=channel))["name"]
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    await requests.ask("POST", "asterisk/variable", 204, query_strings=query(variable="PICK", value=name))
    await asterisk.originate("s", "pick-up", channel="call2")
    start = await connection.expect_channel("StasisStart", "call2")
    assert start.fields["replace_channel"]["id"] == "call1", start.fields
    await connection.expect_channel("StasisEnd", "call1")
    await connection.ask("POST", "channels/call2/answer", 204)
    await server_goes(application, connection)
    await asterisk.no_session("calls:")
    await is_gone(asterisk, "channels/call2")
    return outcome()


@case("calls that left/taken out by somebody else")
async def stolen(stage):
    """Another dialplan takes the channel out of Stasis to talk with it: it goes on talking when the connection is lost."""
    steal = "[steal]\nexten = s,1,Answer()\n same = n,Bridge(${STEAL})\n same = n,Wait(600)\n"
    asterisk, application, requests = await call_and_requests(stage, "app1", extensions=CALLS + steal, modules=["app_bridgewait"])
    await asterisk.originate("app1", "calls", channel="call1")
    connection = await application.connection()
    name = (await connection.expect_channel("StasisStart", "call1")).fields["channel"]["name"]
    await connection.ask("POST", "channels/call1/answer", 204)
    await requests.ask("POST", "asterisk/variable", 204, query_strings=query(variable="STEAL", value=name))
    await asterisk.originate("s", "steal", channel="call2")
    await connection.expect_channel("StasisEnd", "call1")
    await server_goes(application, connection)
    await asterisk.no_session("calls:")
    try:
        await asterisk.came_back(seconds=QUIET)
        raise AssertionError("the channel came back")
    except Missing:
        pass
    for channel in ("call1", "call2"):
        assert (await asterisk.http("GET", f"channels/{channel}")).status == 200, channel
    return outcome()
