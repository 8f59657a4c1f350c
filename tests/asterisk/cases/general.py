# SPDX-License-Identifier: MIT OR Apache-2.0
"""What [general] of ari.conf changes about outbound websockets."""

from case import case, outcome, sure
from normal import normal_text


@case("general/pretty = yes")
async def pretty(stage):
    """Messages are indented, the body inside an answer is not."""
    _, asterisk, connection = await stage.persistent(general={"pretty": "yes"})
    await connection.ask("GET", "asterisk/ping", 200)
    await connection.ask("GET", "channels", 200)
    return outcome(text=[normal_text(message.raw).split("\n") for message in connection.messages])


@case("general/enabled = no")
async def not_enabled(stage):
    """ARI over HTTP is off, outbound websockets and their requests are not."""
    _, asterisk, connection = await stage.persistent(general={"enabled": "no"})
    await connection.ask("GET", "asterisk/ping", 200)
    over_http = (await asterisk.http("GET", "asterisk/ping")).status
    return outcome(connection, over_http=sure(over_http, 404))
