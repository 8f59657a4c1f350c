# SPDX-License-Identifier: MIT OR Apache-2.0
"""The server's process stands still, in the middle of everything: the Asterisk must not."""

import asyncio

from asterisk import Hung
from case import Difference, case, outcome
from configuration import per_call, persistent
from faults import Peer
from flow import Flow, numbers, out_of_order
from waiting import DEADLINE, Missing
from watch import CommandLine, status

PADDING = 8000
# Of the kernel, for what the server does not read, so that it is full soon.
RECEIVE_BUFFER = 65536

ELSEWHERE = """
[elsewhere-calls]
exten = s,1,Stasis(elsewhere)
 same = n,Wait(600)
"""


async def call_elsewhere(asterisk, application, name):
    """A call through a connection of its own, to an application that is well."""
    await asterisk.originate("s", "elsewhere-calls", channel=name)
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.expect_channel("StasisStart", name)
    await connection.ask("POST", f"channels/{name}/answer", 204)
    await asterisk.hang_up(name)
    await connection.expect_channel("StasisEnd", name)


async def stalled(stage, peer, **client):
    """An Asterisk with an open connection to the peer, and a per-call one to an application that is well."""
    application = await stage.application()
    outbounds = persistent(peer, client=client), per_call(application, name="elsewhere", apps="elsewhere")
    asterisk = await stage.asterisk(*outbounds, extensions=ELSEWHERE)
    link = await peer.until(peer.open_link, "first connection")
    await peer.until(lambda: link.messages, "ApplicationRegistered")
    return asterisk, application, link


BLOCKS = "a server that does not read blocks native's writes: it gives up events one by one, and may crash"


@case(
    "crash/server stops reading for a while",
    Difference("waits for a server that does not read", BLOCKS, ends=("crashed", "hung", "FAILED"), sometimes=True),
)
async def reads_again(stage):
    """16 MB of events wait while calls go on; when the server reads again it gets all of them, in order."""
    # However long it takes until all is posted.
    patience = {} if stage.native else {"write_timeout": 600_000}
    async with Peer(receive_buffer=RECEIVE_BUFFER) as peer:
        asterisk, application, link = await stalled(stage, peer, **patience)
        link.stop_reading()
        async with CommandLine(asterisk) as command_line:
            async with Flow(asterisk.http_port, padding=PADDING) as flow:
                await flow.until_posted(2000)
            await call_elsewhere(asterisk, application, "call1")
        link.read_again()
        await peer.until(lambda: len(peer.messages()) > flow.taken, f"{flow.taken} events", DEADLINE if stage.native else 60)
        assert flow.taken == sum(flow.posted), f"{flow.taken} of {flow.posted} taken"
        assert not out_of_order(peer.messages()), out_of_order(peer.messages())[:5]
        assert len(peer.links) == 1, peer
        command_line.assert_prompt()
    return outcome()


@case(
    "crash/server stops reading for ever",
    Difference("drops a server that does not read", BLOCKS, ends=("crashed", "hung", "FAILED"), sometimes=True),
)
async def never_reads_again(stage):
    """It is dropped after write_timeout and connected to anew; what was kept of 24 MB follows, the rest is counted."""
    bounds = {} if stage.native else {"write_timeout": 8000, "queue_max_bytes": 4 << 20}
    async with Peer(receive_buffer=RECEIVE_BUFFER) as peer:
        asterisk, application, link = await stalled(stage, peer, **bounds)
        before = status(asterisk, "VmRSS")
        link.stop_reading()
        # Nor can it be connected to before all is posted, however long that takes: what is not kept is dropped.
        peer.stop_listening()
        async with CommandLine(asterisk) as command_line:
            async with Flow(asterisk.http_port, padding=PADDING) as flow:
                await flow.until_posted(3000)
            await call_elsewhere(asterisk, application, "call1")
            grown = status(asterisk, "VmRSS") - before
            await peer.listen()
            fresh = await peer.until(lambda: len(peer.links) > 1 and peer.links[1], "second connection")
        await asterisk.user_event("flow-9-0")
        await peer.until(lambda: 9 in numbers(fresh.messages), "fresh event")
        assert not out_of_order(fresh.messages), out_of_order(fresh.messages)[:5]
        command_line.assert_prompt()
        if not stage.native:
            assert fresh.messages[0]["type"] == "ApplicationRegistered", fresh.messages[0]
            await asterisk.logged(r"res_ariws.c: .*[1-9]\d* events were dropped meanwhile")
            # The queue, what is being written, and what the heap of every thread keeps.
            assert grown < 48 << 10, f"{grown} kB more"
    return outcome()


@case(
    "crash/half a frame, then silence",
    Difference(
        "half a frame harms nothing",
        "native writes nothing while it waits for the rest, drops the connection after 9 s, and may crash",
        ends=("crashed", "hung", "FAILED"),
        sometimes=True,
    ),
)
async def half_a_frame(stage):
    """For 10 s events and calls go on; then the rest of the frame comes, and its request is answered."""
    async with Peer() as peer:
        asterisk, application, link = await stalled(stage, peer)
        link.half_a_frame()
        end = asyncio.get_running_loop().time() + 10
        async with CommandLine(asterisk) as command_line:
            await asterisk.user_event("flow-0-0")
            await call_elsewhere(asterisk, application, "call1")
            # The silence is the case.
            await asyncio.sleep(end - asyncio.get_running_loop().time())
            await call_elsewhere(asterisk, application, "call2")
        assert numbers(link.messages) == {0: [0]}, f"{link.types()} while half a frame was pending"
        await asterisk.user_event("flow-0-1")
        await peer.until(lambda: numbers(link.messages) == {0: [0, 1]}, "event after the silence")
        link.other_half()
        await peer.until(lambda: "RESTResponse" in link.types(), "answer to the request in two parts")
        assert len(peer.links) == 1, peer
        command_line.assert_prompt()
    return outcome()


def first_with_messages(peer):
    return next((link for link in peer.links if link.messages), None)


@case(
    "crash/silent after accept",
    Difference(
        "a silent server times out",
        "native waits for the answer to its upgrade request for ever",
        ends=("hung",),
    ),
)
async def silent_after_accept(stage):
    """connection_timeout is for the whole attempt: the next ones follow, and the first that is answered is used."""
    async with Peer(answers_upgrade=False) as peer:
        asterisk = await stage.asterisk(persistent(peer, client={"connection_timeout": 300, "reconnect_interval": 50}))
        try:
            await peer.until(lambda: len(peer.links) >= 4, "fourth attempt")
        except Missing as error:
            raise Hung(f"only {len(peer.links)} attempts") from error
        peer.answers_upgrade = True
        # Not the first link that is answered: its answer may come when it is being given up.
        link = await peer.until(lambda: first_with_messages(peer), "connection that is used")
        await asterisk.user_event("flow-0-0")
        await peer.until(lambda: numbers(link.messages), "event")
        assert link.types()[0] == "ApplicationRegistered" and link is first_with_messages(peer), link.types()
    return outcome()
