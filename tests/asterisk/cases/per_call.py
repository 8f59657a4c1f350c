# SPDX-License-Identifier: MIT OR Apache-2.0
"""Per-call connections: a call's own connection from Stasis to its end."""

from case import case, outcome
from configuration import per_call


@case("per call/continue in the dialplan")
async def continue_in_dialplan(stage):
    """The application sends the channel on; STASISSTATUS is SUCCESS and the connection closes with 1000."""
    application = await stage.application()
    asterisk = await stage.asterisk(per_call(application))
    await asterisk.originate(channel="call1")
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.expect_channel("StasisStart", "call1", args=[])
    await connection.ask("POST", "channels/call1/continue", 204)
    await connection.expect_channel("StasisEnd", "call1")
    status = await asterisk.came_back()
    code = await connection.closed()
    return outcome(connection, status=status, code=code)
