# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sessions that the operator shuts down and starts again."""

from case import case, facts, outcome, sure
from configuration import persistent

ABSENCE = 1.0


@case("shutdown/one session, then start")
async def one_session(stage):
    """Its application is unregistered, it closes with 1000 and stays down until it is started."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    first = await application.connection()
    await first.expect("ApplicationRegistered")
    output = [await asterisk.cli("ari shutdown websocket session connection1")]
    await first.expect("ApplicationUnregistered")
    code = await first.closed()
    await application.no_connection(ABSENCE)
    output.append(await asterisk.cli("ari show websocket sessions"))
    output.append(await asterisk.cli("ari shutdown websocket session connection1"))
    unregistered = (await asterisk.http("POST", "events/user/x", application="testapp")).status
    context_is_gone = "no existence" in await asterisk.cli("dialplan show stasis-testapp")
    output.append(await asterisk.cli("ari start outbound-websocket connection1"))
    second = await application.connection()
    await second.expect("ApplicationRegistered")
    await asterisk.user_event("after")
    await second.expect("ChannelUserevent")
    sure((code, unregistered, context_is_gone), (1000, 404, True))
    return outcome(first, second, output=output)


@case("shutdown/all sessions")
async def all_sessions(stage):
    """Every connection is closed with 1000 and each of them can be started again."""
    application = await stage.application()
    asterisk = await stage.asterisk(
        persistent(application, name="one", apps="one"), persistent(application, name="two", apps="two,three")
    )
    first, second = await application.connection(), await application.connection()
    await first.expect("ApplicationRegistered")
    await second.expect("ApplicationRegistered")
    output = await asterisk.cli("ari shutdown websocket sessions")
    codes = [await connection.closed() for connection in (first, second)]
    await application.no_connection(ABSENCE)
    sessions = await asterisk.session_rows()
    await asterisk.cli("ari start outbound-websocket two")
    third = await application.connection()
    await third.expect("ApplicationRegistered", application="two")
    await third.expect("ApplicationRegistered", application="three")
    messages = sorted((first, second), key=lambda connection: connection.messages[0].fields["application"])
    return outcome(*messages, third, codes=sure(codes, [1000, 1000]), output=output, sessions=sure(sessions, []))


@case("shutdown/while the server is down")
async def while_down(stage):
    """The connection is not tried any more, until it is started."""
    application = await stage.application(listening=False)
    asterisk = await stage.asterisk(persistent(application))
    output = await asterisk.cli("ari shutdown websocket session connection1")
    await application.listen()
    await application.no_connection(ABSENCE)
    sessions = await asterisk.session_rows()
    await asterisk.cli("ari start outbound-websocket connection1")
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    return outcome(connection, output=output, sessions=sure(sessions, []))


@case(
    "shutdown/then reload",
    facts(
        "a reload does not start what was shut down",
        "native starts every session that was shut down at any reload, even of unchanged files",
        restarted=(True, False),
    ),
)
async def then_reload(stage):
    """A reload of unchanged files after a shutdown."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    first = await application.connection()
    await asterisk.cli("ari shutdown websocket session connection1")
    await first.closed()
    await asterisk.reload()
    if stage.native:
        await (await application.connection()).expect("ApplicationRegistered")
    else:
        await application.no_connection(ABSENCE)
    return outcome(first, restarted=len(application.connections) > 1)
