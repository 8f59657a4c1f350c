# SPDX-License-Identifier: MIT OR Apache-2.0
"""Persistent connections: the first connection and what comes over it."""

import json

from case import case, outcome, sure
from configuration import persistent
from differences import NOISE


@case("persistent/three applications")
async def three_applications(stage):
    """Each application is registered, in configured order, and has a context that leads into it."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application, apps="three,one,two"))
    connection = await application.connection()
    for name in ("three", "one", "two"):
        await connection.expect("ApplicationRegistered", application=name)
    for name in ("one", "two", "three"):
        await asterisk.user_event(f"for {name}", name)
        await connection.expect("ChannelUserevent", application=name)
    await asterisk.originate("anything", "stasis-two", "call1")
    start = await connection.expect_channel("StasisStart", "call1")
    assert start.fields["application"] == "two", start.raw
    assert [message.fields["application"] for message in connection.messages[:3]] == ["three", "one", "two"]
    return outcome(connection, ignored=NOISE)


@case("persistent/subscribe_all = no")
async def subscribe_all_no(stage):
    """Only what concerns the application's own channels arrives."""
    _, asterisk, connection = await stage.persistent()
    await asterisk.originate("wait", channel="stranger")
    await asterisk.hang_up("stranger")
    await asterisk.no_channels()
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    assert "stranger" not in str(connection.messages)
    subscriptions = (await asterisk.http("GET", "applications/testapp")).body["channel_ids"]
    return outcome(connection, ignored=NOISE, subscriptions=sure(subscriptions, []))


@case("persistent/subscribe_all = yes")
async def subscribe_all_yes(stage):
    """Whatever happens to any channel or bridge arrives."""
    _, asterisk, connection = await stage.persistent(outbound={"subscribe_all": "yes"})
    await asterisk.originate("wait", channel="stranger")
    await asterisk.hang_up("stranger")
    for channel in ("stranger", "far.stranger"):
        await connection.expect_channel("ChannelCreated", channel)
        await connection.expect_channel("ChannelDestroyed", channel)
    await asterisk.http("POST", "bridges/bridge1", type="mixing")
    await asterisk.http("DELETE", "bridges/bridge1")
    await connection.expect("BridgeDestroyed")
    kinds = {(message.type, message.fields.get("channel", {}).get("name")) for message in connection.messages}
    created = {kind for kind in kinds if kind[0] in ("ChannelCreated", "ChannelDestroyed")}
    subscriptions = (await asterisk.http("GET", "applications/testapp")).body["channel_ids"]
    others = sorted({kind for kind, _ in kinds if kind.startswith(("Bridge", "Application"))})
    sure(subscriptions, ["__AST_CHANNEL_ALL_TOPIC"])
    return outcome(created=sorted(map(list, created)), others=others)


@case("persistent/answer, play and hang up")
async def answer_play_hang_up(stage):
    """A whole call over a persistent connection, which stays."""
    application, asterisk, connection = await stage.persistent()
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    await connection.ask("POST", "channels/call1/answer", 204)
    sound = asterisk.sound("tiny")
    await connection.ask("POST", f"channels/call1/play?media=sound:{sound}&playbackId=play1", 201)
    await connection.expect("PlaybackFinished")
    await connection.ask("DELETE", "channels/call1", 204)
    await connection.expect_channel("StasisEnd", "call1")
    await asterisk.no_channels()
    await asterisk.user_event("still there")
    await connection.expect("ChannelUserevent")
    return outcome(connection, ignored=NOISE, connections=sure(len(application.connections), 1))


@case("persistent/texts and numbers of every kind")
async def every_kind(stage):
    """They arrive byte for byte as Asterisk itself writes them."""
    _, asterisk, connection = await stage.persistent()
    variables = {
        "plain": "text",
        "é𝄞\u2028": '\x01\x0b\x1f\x7f"\\/\b\f\n\r\t, é and 𝄞',
        "": {"empty": ["", {}, []], "words": [True, False, None]},
        "numbers": [0, -1, 9223372036854775807, -9223372036854775808, 0.5, -2.0],
        "long": "x" * 5000 + "\n" + "é" * 5000,
    }
    reply = await asterisk.http("POST", "events/user/kinds", {"variables": variables}, application="testapp")
    assert reply.status == 204, reply
    message = await connection.expect("ChannelUserevent")
    text = json.dumps(variables, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\\u000b", "\\u000B").replace("\\u001f", "\\u001F")
    # Asterisk has more to say behind them.
    assert f'"userevent":{text[:-1]}' in message.raw, message.raw
    return outcome(variables={name: message.fields["userevent"][name] for name in variables} == variables)
