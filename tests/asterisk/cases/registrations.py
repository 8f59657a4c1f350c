# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who has a Stasis application: clients that connect to Asterisk with its name come and go, and leave things behind."""

import asyncio
import json
import re
from contextlib import asynccontextmanager

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from case import Difference, case, outcome
from cases.takeover import LOST, inbound
from configuration import per_call, persistent
from phone import MODULES, Phones
from waiting import DEADLINE, poll

ENDPOINT = "endpoint:PJSIP/phones"

INACTIVE = Difference(
    "an application whose client has left is no obstacle",
    "native takes an application that only a subscription keeps for one that somebody has: its calls fail for ever",
    ends=("FAILED",),
)


async def with_endpoint(stage, outbound):
    """An Asterisk that has the endpoint."""
    phones = Phones()
    return await stage.asterisk(outbound, modules=MODULES, files=phones.files)


async def state(asterisk):
    """The status of the application's resource."""
    return (await asterisk.http("GET", "applications/testapp")).status


async def comes_and_goes(asterisk, subscription=None, **query):
    """A client is the application for a moment."""
    async with inbound(asterisk, **query):
        if subscription:
            reply = await asterisk.http("POST", "applications/testapp/subscription", eventSource=subscription)
            assert reply.status == 200, reply


async def call_works(asterisk, application, channel):
    """A call reaches the application; gives the connection that it came over."""
    await asterisk.originate(channel=channel)
    connection = await application.connection()
    await connection.expect_channel("StasisStart", channel)
    await connection.ask("POST", f"channels/{channel}/answer", 204)
    await asterisk.hang_up(channel)
    await connection.expect_channel("StasisEnd", channel)


@case("registrations/client that heard everything has left")
async def heard_everything(stage):
    """Older versions keep its application for its subscriptions: calls go through connections of their own all the same."""
    application, asterisk = await stage.per_call()
    # Before any call: Asterisk 22 stops for ever if such a client leaves while a device changes its state, as each end of a
    # call does.
    await comes_and_goes(asterisk, subscribeAll="true")
    if stage.version < (20,):
        # There, and nobody has it.
        assert await state(asterisk) == 200
    await call_works(asterisk, application, "call1")
    return outcome()


@case("registrations/client that heard an endpoint has left", INACTIVE)
async def heard_an_endpoint(stage):
    """Every version keeps its application for the subscription."""
    application = await stage.application()
    asterisk = await with_endpoint(stage, per_call(application))
    await comes_and_goes(asterisk, ENDPOINT)
    await poll(lambda: asterisk.log().count("Deactivating Stasis app 'testapp'"), "end of the client")
    assert await state(asterisk) == 200
    await call_works(asterisk, application, "call1")
    # Who is there has it: the call goes to the client.
    async with inbound(asterisk) as client:
        await asterisk.originate(channel="call2")
        await event(client, "StasisStart")
        await asterisk.hang_up("call2")
    await asterisk.no_channels()
    await call_works(asterisk, application, "call3")
    return outcome()


@case("registrations/persistent, client that heard an endpoint has left", LOST)
async def persistent_heard_an_endpoint(stage):
    """The connection has its application again, as soon as the client has left."""
    application = await stage.application()
    asterisk = await with_endpoint(stage, persistent(application))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await comes_and_goes(asterisk, ENDPOINT)
    await connection.expect("ApplicationReplaced")
    await connection.expect("ApplicationRegistered")
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    return outcome()


async def event(client, kind, **fields):
    """Reads until such an event is there."""
    async with asyncio.timeout(DEADLINE):
        while True:
            message = json.loads(await client.recv())
            if message["type"] == kind and all(message.get(name) == value for name, value in fields.items()):
                return message


@case(
    "registrations/one client takes the application from another",
    Difference(
        "an application is registered again with the next call",
        "native leaves the application unregistered when the clients that took it over have left",
        ends=("FAILED", "hung"),
    ),
)
async def from_client_to_client(stage):
    """The second keeps it when the first leaves; when the second has left too, the connection has it with the next call."""
    _, asterisk, connection = await stage.persistent()
    async with inbound(asterisk) as first:
        await connection.expect("ApplicationReplaced")
        async with inbound(asterisk) as second:
            await event(first, "ApplicationReplaced")
            await first.close()
            await connection.quiet("ApplicationRegistered", 0.5)
            await asterisk.user_event("theirs")
            await event(second, "ChannelUserevent", eventname="theirs")
    await poll(lambda: asterisk.log().count("Deactivating Stasis app 'testapp'"), "end of the second client")
    await asterisk.originate(channel="call1")
    await connection.expect("ApplicationRegistered")
    await connection.expect_channel("StasisStart", "call1")
    await connection.ask("POST", "channels/call1/answer", 204)
    return outcome()


@case(
    "registrations/the connection is removed while a client has its application",
    Difference(
        "a removed connection leaves a client what it took",
        "native unregisters the application, whoever has it: the client gets nothing more",
        ends=("FAILED",),
    ),
)
async def removed_while_taken(stage):
    """The application stays the client's."""
    _, asterisk, connection = await stage.persistent()
    async with inbound(asterisk) as client:
        await connection.expect("ApplicationReplaced")
        asterisk.configure()
        await asterisk.reload()
        await connection.closed()
        await asterisk.user_event("theirs")
        await event(client, "ChannelUserevent", eventname="theirs")
    # Nothing keeps it when the client has left.
    await poll(lambda: asterisk.log().count("Destroying Stasis app testapp"), "end of the application")
    return outcome()


@case("registrations/context of an application that is registered again", ours_only=True)
async def context(stage):
    """It is there with each registration, and Asterisk does not complain that it is there already."""
    application, asterisk, connection = await stage.persistent()
    for _ in range(3):
        await comes_and_goes(asterisk)
        await connection.expect("ApplicationReplaced")
        await connection.expect("ApplicationRegistered")
        text = await asterisk.cli("dialplan show stasis-testapp")
        assert "Stasis(testapp)" in text and "[res_ariws]" in text and "[res_stasis]" not in text, text
    # Registered anew by ourselves.
    asterisk.configure(persistent(application, outbound={"subscribe_all": "yes"}))
    await asterisk.reload()
    await connection.expect("ApplicationRegistered")
    await asterisk.originate("anything", "stasis-testapp", channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    assert "Not creating context" not in asterisk.log()
    return outcome()


@case("registrations/applications do not wake each other", ours_only=True)
async def do_not_wake(stage):
    """Asterisk runs no task for an application because others are registered and unregistered."""
    application, asterisk = await stage.per_call()

    async def tasks():
        """How many Asterisk has run for each subscription to all bridges."""
        text = await asterisk.cli("core show taskprocessors")
        found = re.findall(r"^(stasis/m:bridge:all-\w+)\s+(\d+)", text, re.MULTILINE)
        return {name: int(count) for name, count in found}

    others = await tasks()
    await asterisk.originate(channel="call1")
    await (await application.connection()).expect_channel("StasisStart", "call1")
    (mine,) = (await tasks()).keys() - others.keys()

    async def settled():
        """Its subscription was told of itself, and to leave others out."""
        return (await tasks())[mine] >= 2

    await poll(settled, "tasks of the first application")
    for number in range(2, 5):
        await call_works(asterisk, application, f"call{number}")
    await poll(lambda: asterisk.log().count("Destroying Stasis app testapp:") == 3, "end of the other applications")
    assert (await tasks())[mine] == 2
    return outcome()


@case("registrations/applications that hear everything end with their calls", ours_only=True)
async def hear_everything(stage):
    """Each call's end changes a device's state, which is on its way to the applications of the others that end."""
    application = await stage.application()
    asterisk = await stage.asterisk(per_call(application, outbound={"subscribe_all": "yes"}))

    def entered():
        starts = [start for connection in application.connections for start in connection.of_type("StasisStart")]
        return {start.fields["channel"]["id"] for start in starts}

    async def caller(number):
        for call in range(50):
            channel = f"call{number}-{call}"
            await asterisk.originate(channel=channel)
            await application.until(lambda: channel in entered(), f"StasisStart of {channel}")
            await asterisk.hang_up(channel)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(caller(number))
    await asterisk.no_channels()
    return outcome()


ROUNDS = 150


@asynccontextmanager
async def churn(asterisk, clients=4):
    """Clients that take the application and leave at once, as fast as they can."""
    count = [0]

    async def client():
        while count[0] < ROUNDS:
            try:
                async with inbound(asterisk):
                    count[0] += 1
            except (ConnectionClosed, InvalidHandshake, OSError):
                pass

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
        yield


@case("registrations/clients come and go as fast as they can", ours_only=True)
async def come_and_go(stage):
    """In the end the connection has its application, gets its events and its calls: with the next call at the latest."""
    _, asterisk, connection = await stage.persistent()
    async with churn(asterisk):
        pass
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    await connection.ask("POST", "channels/call1/answer", 204)
    await connection.expect_channel("ChannelStateChange", "call1")
    await asterisk.user_event("ours")
    await connection.expect("ChannelUserevent", eventname="ours")
    return outcome()


@case("registrations/clients come and go while the application is removed and added", ours_only=True)
async def removed_and_added(stage):
    """Twenty reloads meanwhile: in the end the connection has its application, and a client that comes takes it."""
    application = await stage.application()
    other = persistent(application, name="other", apps="another")
    asterisk = await stage.asterisk(persistent(application), other)
    async with churn(asterisk):
        for number in range(20):
            asterisk.configure(other, *([persistent(application)] if number % 2 else []))
            await asterisk.reload()
    connection = [await application.connection() for _ in range(len(application.connections))][-1]
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    await asterisk.user_event("ours")
    await connection.expect("ChannelUserevent", eventname="ours")
    async with inbound(asterisk) as client:
        await connection.expect("ApplicationReplaced")
        await asterisk.user_event("theirs")
        await event(client, "ChannelUserevent", eventname="theirs")
    return outcome()
