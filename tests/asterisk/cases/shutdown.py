# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sessions that the operator shuts down and starts again."""

from case import case, facts, outcome, sure

ABSENCE = 1.0


@case("shutdown/one session, then start")
async def one_session(stage):
    """Its application is unregistered, it closes with 1000 and stays down until it is started."""
    application, asterisk, first = await stage.persistent()
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
    application, asterisk, first = await stage.persistent()
    await asterisk.cli("ari shutdown websocket session connection1")
    await first.closed()
    await asterisk.reload()
    if stage.native:
        await (await application.connection()).expect("ApplicationRegistered")
    else:
        await application.no_connection(ABSENCE)
    return outcome(first, restarted=len(application.connections) > 1)
