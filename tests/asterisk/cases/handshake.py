# SPDX-License-Identifier: MIT OR Apache-2.0
"""How a connection is made: the upgrade request, the addresses, the answers that are accepted."""

from case import case, facts, outcome, sure
from configuration import persistent
from waiting import DEADLINE, Missing

ABSENCE = 1.5


async def connects(application, expected):
    """Whether there is a connection over which something comes; one that is not expected is waited for but shortly."""
    seconds = DEADLINE if expected else ABSENCE
    try:
        connection = await application.connection(seconds)
        await connection.expect("ApplicationRegistered", seconds=seconds)
    except Missing:
        return False
    return True


def header_lines(application):
    _, request = application.handshakes[0]
    varying = {"Sec-WebSocket-Key": "<key>", "Host": request.headers["Host"].replace(str(application.port), "<port>")}
    return {name: varying.get(name, value) for name, value in request.headers.raw_items()}


USER_AGENT = facts("the upgrade request has a User-Agent", "native says nothing of itself", has_agent=(False, True))


@case("handshake/request", USER_AGENT)
async def request(stage):
    """The path with its query, the credentials and the subprotocols, as configured."""
    application = await stage.application()
    client = {"uri": f"ws://127.0.0.1:{application.port}/some/path?query=a%20b", "protocols": "ari,other"}
    await stage.asterisk(persistent(application, client=client))
    await (await application.connection()).expect("ApplicationRegistered")
    headers = header_lines(application)
    agent = headers.pop("User-Agent", None)
    path = sure(application.connections[0].path, "/some/path?query=a%20b")
    return outcome(path=path, headers=headers, has_agent=agent is not None)


@case(
    "handshake/IPv6 literal",
    facts("IPv6 literals work", "native loses the brackets and never connects", connected=(False, True)),
)
async def ipv6(stage):
    """ws://[::1]:port/ari."""
    application = await stage.application(address="::1")
    await stage.asterisk(persistent(application))
    return outcome(connected=await connects(application, expected=not stage.native))


@case(
    "handshake/upper-case scheme",
    facts("schemes in upper case work", "native takes the scheme for a name", connected=(False, True)),
)
async def upper_case(stage):
    """WS://127.0.0.1:port/ari."""
    application = await stage.application()
    uri = application.uri.replace("ws", "WS")
    await stage.asterisk(persistent(application, client={"uri": uri}))
    return outcome(connected=await connects(application, expected=not stage.native))


@case(
    "handshake/Connection with two tokens",
    facts("Connection may have several tokens", "native refuses what RFC 6455 allows", connected=(False, True)),
)
async def two_tokens(stage):
    """An answer with `Connection: keep-alive, Upgrade`, as some proxies make it."""
    application = await stage.application()
    application.answer_with(Connection="keep-alive, Upgrade")
    await stage.asterisk(persistent(application))
    return outcome(connected=await connects(application, expected=not stage.native))


@case(
    "handshake/server accepts and drops",
    facts(
        "a server that accepts and drops causes no storm",
        "native connects again without any pause",
        storm=(True, False),
    ),
)
async def accepts_and_drops(stage):
    """The fastest ten of twenty connections, with a reconnect_interval of 200 ms: the machine may be late with each."""
    application = await stage.application()
    application.drop()
    await stage.asterisk(persistent(application))
    await application.until(lambda: len(application.connections) >= 20, "twentieth connection", 4 * DEADLINE)
    opened = [connection.opened for connection in application.connections]
    return outcome(storm=min(opened[number + 9] - opened[number] for number in range(11)) < 1.2)
