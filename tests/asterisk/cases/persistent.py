# SPDX-License-Identifier: MIT OR Apache-2.0
"""Persistent connections: the first one, and what an outage costs."""

from case import case, outcome
from configuration import persistent


@case("persistent/first connect")
async def first_connect(stage):
    """The application hears that it is registered as soon as the connection is made."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered", application="testapp")
    await asterisk.user_event("after")
    await connection.expect("ChannelUserevent", eventname="after")
    headers = {name: connection.headers.get(name) for name in ("Authorization", "Sec-WebSocket-Protocol")}
    return outcome(connection, path=connection.path, **headers)
