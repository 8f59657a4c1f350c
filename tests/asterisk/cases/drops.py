# SPDX-License-Identifier: MIT OR Apache-2.0
"""The server drops the connection every 20 ms, each time in another way, while events flow as fast as they can."""

import asyncio

from case import Difference, case, outcome
from configuration import persistent
from faults import Link, Peer
from flow import Flow, numbers, out_of_order

SECONDS = 8.0
BETWEEN_DROPS = 0.02
# Then a busy machine goes on, until there were so many.
FEWEST = 50
AFTERWARDS = 200


def race(way):
    return Difference(
        f"survives {way} under load",
        "native uses the session of a connection that another thread is ending: it may crash, and events may overtake",
        ends=("crashed", "hung", "FAILED"),
        sometimes=True,
    )


async def drops_under_load(stage, drop):
    """Drops for a while; then a connection that lasts has to get everything that is posted, in order."""
    async with Peer() as peer:
        asterisk = await stage.asterisk(persistent(peer, client={"reconnect_interval": 10}))
        await peer.until(peer.open_link, "first connection")
        async with Flow(asterisk.http_port) as flow:
            await drop_again_and_again(peer, drop)
            await peer.until(lambda: events_of_last_link(peer) >= AFTERWARDS, "flow of events after the drops")
        last = [count - 1 for count in flow.posted]
        await peer.until(lambda: last_numbers(peer) == last, "last event of each client")
        assert flow.taken == sum(flow.posted), f"{flow.taken} of {flow.posted} taken"
        assert not out_of_order(peer.messages()), out_of_order(peer.messages())[:5]
        assert "up" in (await asterisk.cli("core show uptime")).lower()
        if not stage.native:
            first = {link.messages[0]["type"] for link in peer.links if link.messages}
            assert first == {"ApplicationRegistered"}, first
    return outcome()


async def drop_again_and_again(peer, drop):
    dropped = 0
    end = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(BETWEEN_DROPS)
        if link := peer.open_link():
            drop(link)
            dropped += 1
    while dropped < FEWEST:
        drop(await peer.until(peer.open_link, f"connection to drop after {dropped}"))
        dropped += 1


def events_of_last_link(peer):
    link = peer.open_link()
    return len(link.messages) if link else 0


def last_numbers(peer):
    """The number of the last event of each client, on the last connection."""
    clients = numbers(peer.links[-1].messages)
    return [clients[client][-1] for client in sorted(clients)]


@case("crash/resets under load", race("resets"))
async def resets(stage):
    """The server's process is killed again and again."""
    return await drops_under_load(stage, Link.reset)


@case("crash/ends without Close under load", race("ends without Close"))
async def ends(stage):
    """A server or a balancer ends connections without a word."""
    return await drops_under_load(stage, Link.finish)


@case("crash/Closes under load", race("Closes"))
async def closes(stage):
    """The server closes again and again."""
    return await drops_under_load(stage, Link.close)
