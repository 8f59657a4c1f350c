# SPDX-License-Identifier: MIT OR Apache-2.0
"""Connections that are ended or moved from Asterisk's side, with a server that does not go along."""

from asterisk import Hung
from case import Difference, case, outcome
from configuration import persistent
from faults import Peer
from waiting import DEADLINE, Missing, poll

NATIVE_UNLOADS = """
app_stasis res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels res_ari_device_states
res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings res_ari_sounds res_ari
""".split()


@case(
    "crash/reload while down with a new uri",
    Difference(
        "a reload while down is used",
        "native's thread goes on with the configuration that was freed, and never connects again",
        ends=("crashed", "hung"),
        sometimes=True,
    ),
)
async def reload_while_down(stage):
    """The server is gone, the configuration names another one: the connection is made there."""
    old, new = await stage.application(), await stage.application()
    client = {"reconnect_attempts": 1000}
    asterisk = await stage.asterisk(persistent(old, client=client))
    connection = await old.connection()
    await connection.expect("ApplicationRegistered")
    await old.kill()

    async def down():
        return [row[3] for row in await asterisk.session_rows()] == ["Down"]

    await poll(down, "end of the connection")
    asterisk.configure(persistent(new, client=client))
    await asterisk.reload()
    try:
        connection = await new.connection()
    except Missing:
        raise Hung(f"not connected to the new uri within {DEADLINE:g} s") from None
    await connection.expect("ApplicationRegistered")
    await asterisk.user_event("after")
    await connection.expect("ChannelUserevent", eventname="after")
    return outcome()


def unanswered(name):
    reason = "native waits for the answer to its Close for ever"
    return Difference(name, reason, ends=("crashed", "hung"), sometimes=True)


@case("crash/shutdown, Close never answered", unanswered("ends without an answer to Close"))
async def shutdown(stage):
    """The command ends the connection by itself after a second, and it can be started again."""
    async with Peer(answers_close=False) as peer:
        asterisk = await stage.asterisk(persistent(peer))
        link = await peer.until(peer.open_link, "first connection")
        await asterisk.cli("ari shutdown websocket session connection1")
        await peer.until(lambda: link.close_code, "Close")
        assert link.close_code == 1000, link.close_code
        await ended(peer, link)
        await asterisk.cli("ari start outbound-websocket connection1")
        await connected_anew(peer, 2)
        await asterisk.user_event("after")
        await peer.until(lambda: "ChannelUserevent" in peer.links[-1].types(), "event on the new connection")
    return outcome()


@case("crash/reload, Close never answered", unanswered("reconnects without an answer to Close"))
async def reload(stage):
    """A reload with another uri ends the connection by itself after a second, and makes the new one."""
    async with Peer(answers_close=False) as peer:
        asterisk = await stage.asterisk(persistent(peer))
        link = await peer.until(peer.open_link, "first connection")
        asterisk.configure(persistent(peer, client={"uri": peer.uri + "/elsewhere"}))
        await asterisk.reload()
        await peer.until(lambda: link.close_code, "Close")
        await ended(peer, link)
        await connected_anew(peer, 2)
        await asterisk.user_event("after")
        await peer.until(lambda: "ChannelUserevent" in peer.links[-1].types(), "event on the new connection")
    return outcome()


async def ended(peer, link):
    try:
        await peer.until(lambda: link.ended, "end of the connection")
    except Missing:
        raise Hung(f"the connection is there {DEADLINE:g} s after its Close") from None


async def connected_anew(peer, count):
    try:
        await peer.until(lambda: len(peer.links) >= count and peer.links[-1].messages, "new connection")
    except Missing:
        raise Hung(f"no new connection within {DEADLINE:g} s") from None


@case(
    "crash/unload with a connection up",
    Difference(
        "can be unloaded",
        "native frees what its threads use, and may crash",
        ends=("crashed", "hung", "FAILED"),
        sometimes=True,
    ),
)
async def unload(stage):
    """The server gets its Close, nothing remains, and a module that is loaded again connects again."""
    application, asterisk, connection = await stage.persistent()
    unloads = NATIVE_UNLOADS if stage.native else ["res_ariws"]
    for module in unloads:
        text = await asterisk.cli(f"module unload {module}.so")
        assert "Unloaded" in text, text
    assert await connection.closed() == 1000
    assert "up" in (await asterisk.cli("core show uptime")).lower()
    for module in reversed(unloads):
        await asterisk.cli(f"module load {module}.so")
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await asterisk.user_event("after")
    await connection.expect("ChannelUserevent", eventname="after")
    return outcome()
