# SPDX-License-Identifier: MIT OR Apache-2.0
"""Per-call connections whose server goes away, or was never there."""

from case import case, facts, outcome, sure
from cases.per_call import call_in_stasis
from configuration import per_call
from differences import NOISE, REGISTERED_FIRST
from waiting import DEADLINE, Missing, poll

ABSENCE = 1.0
FEW = {"reconnect_attempts": 3}


async def session_is_down(asterisk):
    async def down():
        return any("Down" in row for row in await asterisk.session_rows())

    await poll(down, "session that is down")


@case("per call outage/server is killed and returns", REGISTERED_FIRST)
async def killed_and_returns(stage):
    """The call stays in Stasis; what happened meanwhile comes over the next connection."""
    application, asterisk, first = await call_in_stasis(stage, client={"reconnect_attempts": 20})
    await application.kill()
    await session_is_down(asterisk)
    for number in range(3):
        await asterisk.user_event(f"waiting {number}", first.messages[0].fields["application"])
    await application.listen()
    second = await application.connection()
    await second.expect("ApplicationRegistered")
    await second.expect("ChannelUserevent", eventname="waiting 2")
    await second.ask("POST", "channels/call1/answer", 204)
    await second.expect_channel("ChannelStateChange", "call1")
    await second.ask("POST", "channels/call1/continue", 204)
    await second.expect_channel("StasisEnd", "call1")
    status = sure(await asterisk.came_back(), ["SUCCESS"])
    return outcome(first, second, ignored=NOISE, status=status, code=sure(await second.closed(), 1000))


@case("per call outage/server never returns")
async def never_returns(stage):
    """After the configured attempts Stasis comes back with FAILED and the dialplan goes on."""
    application, asterisk, connection = await call_in_stasis(stage, client=FEW)
    await application.kill()
    status = await asterisk.came_back()
    await asterisk.no_session("call@default")
    alive = (await asterisk.http("GET", "channels/call1")).status
    await asterisk.hang_up("call1")
    return outcome(connection, ignored=NOISE, status=sure(status, ["FAILED"]), alive=sure(alive, 200))


@case("per call outage/server is down")
async def is_down(stage):
    """The call is FAILED after the configured attempts and the dialplan goes on."""
    application = await stage.application(listening=False)
    asterisk = await stage.asterisk(per_call(application, client=FEW))
    await asterisk.originate(channel="call1")
    status = await asterisk.came_back()
    await asterisk.no_session("call@default")
    await asterisk.hang_up("call1")
    return outcome(status=sure(status, ["FAILED"]))


@case("per call outage/server comes up in time")
async def comes_up_in_time(stage):
    """The call waits in Stasis and is served by a later attempt."""
    application = await stage.application()
    application.refuse(503)
    asterisk = await stage.asterisk(per_call(application, client={"reconnect_attempts": 20}))
    await asterisk.originate(channel="call1")
    await application.until(lambda: len(application.handshakes) >= 3, "third attempt")
    application.refuse(None)
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.expect_channel("StasisStart", "call1")
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    return outcome(connection, ignored=NOISE)


@case(
    "per call outage/caller hangs up while connecting",
    facts(
        "a caller who hangs up while connecting is gone at once",
        "native serves the channel again only when the attempts have ended",
        gone_at_once=(False, True),
        further_attempts=(True, False),
    ),
)
async def caller_hangs_up_while_connecting(stage):
    """The server refuses, twenty attempts half a second apart are due, and the caller goes after the first."""
    application = await stage.application()
    application.refuse(503)
    client = {"reconnect_attempts": 20, "reconnect_interval": 500}
    asterisk = await stage.asterisk(per_call(application, client=client))
    await asterisk.originate(channel="call1")
    await application.until(lambda: application.handshakes, "first attempt")
    await asterisk.hang_up("call1")
    try:
        # Half of what the attempts take.
        await asterisk.no_channels(5)
        gone = True
    except Missing:
        gone = False
    attempts = len(application.handshakes)
    try:
        await application.until(lambda: len(application.handshakes) > attempts, "further attempt", ABSENCE)
        further = True
    except Missing:
        further = False
    await asterisk.no_channels()
    await asterisk.no_session("call@default")
    return outcome(gone_at_once=gone, further_attempts=further)


@case(
    "per call outage/server closes after StasisEnd",
    facts(
        "no reconnect after the last StasisEnd",
        "native connects again until its time for trailing events is over",
        connections=(2, 1),
    ),
)
async def closes_after_stasis_end(stage):
    """The application closes the connection when the call has ended."""
    application, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    await connection.close()
    if stage.native:
        await application.connection()
    else:
        await application.no_connection(ABSENCE)
    await asterisk.no_session("call@default")
    return outcome(connection, ignored=NOISE, connections=len(application.connections))


@case(
    "per call outage/operator shuts the session down",
    facts(
        "shutting down a call's session ends its Stasis",
        "native leaves the channel in an application that nobody has",
        status=([], ["FAILED"]),
    ),
)
async def operator_shuts_down(stage):
    """The connection closes with 1000."""
    _, asterisk, connection = await call_in_stasis(stage)
    output = await asterisk.cli("ari shutdown websocket session connection1:Local/call@default-00000000;2")
    await connection.expect("ApplicationUnregistered")
    code = await connection.closed()
    try:
        status = await asterisk.came_back(seconds=ABSENCE if stage.native else DEADLINE)
    except Missing:
        status = []
    await asterisk.http("DELETE", "channels/call1")
    return outcome(connection, ignored=NOISE, output=output, code=sure(code, 1000), status=status)


@case("per call outage/reload in a call")
async def reload_in_a_call(stage):
    """A changed uri and a removed application do not concern the call that runs."""
    application, asterisk, connection = await call_in_stasis(stage)
    other = await stage.application()
    asterisk.configure(per_call(other, apps="another"))
    await asterisk.reload()
    await connection.ask("POST", "channels/call1/answer", 204)
    await other.no_connection(ABSENCE)
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    return outcome(connection, ignored=NOISE, code=sure(await connection.closed(), 1000))
