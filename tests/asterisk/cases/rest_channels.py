# SPDX-License-Identifier: MIT OR Apache-2.0
"""Requests over the websocket that concern channels, bridges and playbacks."""

import json

from case import case, outcome, sure
from cases.per_call import call_in_stasis
from differences import NOISE
from waiting import poll

# Which events accompany an answer is Asterisk's own affair; the answers are compared.
EVENTS = (
    *NOISE,
    "ChannelStateChange",
    "ChannelEnteredBridge",
    "ChannelLeftBridge",
    "BridgeCreated",
    "BridgeDestroyed",
    "BridgeMerged",
)


def query(**parameters):
    return [{"name": name, "value": value} for name, value in parameters.items()]


async def is_gone(asterisk, path):
    """Asterisk answers, or sends the event, before the thing is gone."""

    async def gone():
        return (await asterisk.http("GET", path)).status == 404

    await poll(gone, f"end of {path}")


async def end(connection, *channels):
    for channel in channels:
        await connection.ask("DELETE", f"channels/{channel}", 204)
        await connection.expect_channel("StasisEnd", channel)


@case("rest/channels")
async def channels(stage):
    """Lists, gets, rings, answers, holds, plays music to and hangs up channels."""
    _, asterisk, connection = await call_in_stasis(stage)
    names = sorted(item["id"] for item in await connection.ask("GET", "channels", 200))
    assert names == ["call1", "far.call1"], names
    body = await connection.ask("GET", "channels/call1", 200)
    assert body["state"] == "Ring", body
    for method, path in (
        ("POST", "channels/call1/ring"),
        ("DELETE", "channels/call1/ring"),
        ("POST", "channels/call1/answer"),
        ("POST", "channels/call1/hold"),
        ("DELETE", "channels/call1/hold"),
        ("POST", "channels/call1/mute?direction=in"),
        ("DELETE", "channels/call1/mute?direction=in"),
        ("POST", "channels/call1/moh"),
        ("DELETE", "channels/call1/moh"),
        ("POST", "channels/call1/silence"),
        ("DELETE", "channels/call1/silence"),
        ("POST", "channels/call1/dtmf?dtmf=123"),
    ):
        await connection.ask(method, path, 204)
    assert (await connection.ask("GET", "channels/call1", 200))["state"] == "Up"
    await end(connection, "call1")
    connection.messages = [m for m in connection.messages if m.fields.get("uri") != "channels"]
    return outcome(connection, ignored=EVENTS)


@case("rest/channels that do not exist")
async def missing_channels(stage):
    """404 with Asterisk's own words, for every method."""
    _, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("GET", "channels/nosuch", 404)
    await connection.ask("POST", "channels/nosuch/answer", 404)
    await connection.ask("DELETE", "channels/nosuch", 404)
    await connection.ask("GET", "channels/nosuch/variable?variable=X", 404)
    await connection.ask("POST", "channels/nosuch/play?media=sound:tiny", 404)
    await end(connection, "call1")
    return outcome(connection, ignored=EVENTS)


async def is_set(asterisk, variable):
    """Asterisk 16 answers before a variable is set."""

    async def known():
        return (await asterisk.http("GET", "channels/call1/variable", variable=variable)).status == 200

    await poll(known, f"variable {variable}")


@case("rest/variables of a channel")
async def variables(stage):
    """Set by query, by query_strings, by form and by JSON; the value's blanks, plus and percent signs survive."""
    _, asterisk, connection = await call_in_stasis(stage)
    path = "channels/call1/variable"
    form = "application/x-www-form-urlencoded"
    await connection.ask("POST", f"{path}?variable=ONE&value=a%20b%2Bc+d", 204)
    await connection.ask("POST", path, 204, query_strings=query(variable="TWO", value="a%20b+c"))
    await connection.ask("POST", path, 204, content_type=form, message_body="variable=THREE&value=a%20b%2Bc+d")
    body = json.dumps({"variable": "FOUR", "value": "ünïcode \u2713 %20+"})
    await connection.ask("POST", path, 204, content_type="application/json", message_body=body)
    found = {}
    for name in ("ONE", "TWO", "THREE", "FOUR"):
        await is_set(asterisk, name)
        found[name] = (await connection.ask("GET", f"{path}?variable={name}", 200))["value"]
    assert found == {"ONE": "a b+c d", "TWO": "a%20b+c", "THREE": "a b+c d", "FOUR": "ünïcode \u2713 %20+"}, found
    await connection.ask("GET", f"{path}?variable=NOSUCH", 404)
    await connection.ask("GET", f"{path}?variable=CHANNEL(state)", 200)
    await connection.ask("GET", path, 400)
    await end(connection, "call1")
    return outcome(connection, ignored=EVENTS)


@case("rest/parameters in several places")
async def parameters(stage):
    """The same parameter in the uri, query_strings and the body: what wins."""
    _, asterisk, connection = await call_in_stasis(stage)
    path = "channels/call1/variable"
    form = {"content_type": "application/x-www-form-urlencoded", "message_body": "value=form"}
    body = {"content_type": "application/json", "message_body": '{"value": "json"}'}
    strings = {"query_strings": query(value="query_strings")}
    places = {"A": strings, "B": form, "C": strings | form, "D": body, "E": strings | body}
    found = {}
    for name, more in places.items():
        await connection.ask("POST", f"{path}?variable={name}&value=uri", 204, **more)
        await is_set(asterisk, name)
        found[name] = (await connection.ask("GET", f"{path}?variable={name}", 200))["value"]
    sure(found, {"A": "query_strings", "B": "form", "C": "form", "D": "json", "E": "json"})
    await end(connection, "call1")
    return outcome(connection, ignored=EVENTS)


@case("rest/bridges")
async def bridges(stage):
    """Makes a bridge, names it, puts a channel in, takes it out, removes the bridge."""
    _, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("POST", "channels/call1/answer", 204)
    body = json.dumps({"type": "mixing", "bridgeId": "bridge1", "name": "room"})
    await connection.ask("POST", "bridges", 200, content_type="application/json", message_body=body)
    await connection.ask("GET", "bridges", 200)
    await connection.ask("GET", "bridges/bridge1", 200)
    await connection.ask("POST", "bridges/bridge1/addChannel?channel=nosuch", 400)
    await connection.ask("POST", "bridges/bridge1/addChannel?channel=call1", 204)
    await connection.expect_channel("ChannelEnteredBridge", "call1")
    assert (await connection.ask("GET", "bridges/bridge1", 200))["channels"] == ["call1"]
    await connection.ask("POST", "bridges/bridge1/removeChannel?channel=call1", 204)
    await connection.expect_channel("ChannelLeftBridge", "call1")
    await connection.ask("POST", "bridges/bridge1/removeChannel?channel=call1", 422)
    await connection.ask("DELETE", "bridges/bridge1", 204)
    await is_gone(asterisk, "bridges/bridge1")
    await connection.ask("GET", "bridges/bridge1", 404)
    await end(connection, "call1")
    return outcome(connection, ignored=EVENTS)


async def is_controllable(asterisk, playback):
    """Asterisk says that a playback has started before it can be controlled."""

    async def restarts():
        return (await asterisk.http("POST", f"playbacks/{playback}/control", operation="restart")).status == 204

    await poll(restarts, f"playback {playback} that can be controlled")


@case("rest/playbacks")
async def playbacks(stage):
    """Starts a playback that would take long, gets, pauses and stops it."""
    _, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("POST", "channels/call1/answer", 204)
    sound = asterisk.sound("long", seconds=60)
    await connection.ask("POST", f"channels/call1/play/play1?media=sound:{sound}", 201)
    await connection.expect("PlaybackStarted")
    await is_controllable(asterisk, "play1")
    await connection.ask("GET", "playbacks/play1", 200)
    await connection.ask("POST", "playbacks/play1/control?operation=pause", 204)
    await connection.ask("POST", "playbacks/play1/control?operation=dance", 400)
    await connection.ask("DELETE", "playbacks/play1", 204)
    await connection.expect("PlaybackFinished")
    await is_gone(asterisk, "playbacks/play1")
    await connection.ask("GET", "playbacks/play1", 404)
    await end(connection, "call1")
    return outcome(connection, ignored=EVENTS)


@case("rest/record a channel")
async def record(stage):
    """Starts and stops a recording of the call, which is stored then."""
    _, asterisk, connection = await call_in_stasis(stage)
    await connection.ask("POST", "channels/call1/answer", 204)
    await connection.ask("POST", "channels/call1/record?name=talk&format=ulaw", 201)
    await connection.expect("RecordingStarted")
    await connection.ask("GET", "recordings/live/talk", 200)
    await connection.ask("POST", "channels/call1/record?name=talk&format=ulaw", 409)
    await connection.ask("POST", "recordings/live/talk/stop", 204)
    await connection.expect("RecordingFinished")
    await connection.ask("GET", "recordings/stored/talk", 200)
    await connection.ask("DELETE", "recordings/stored/talk", 204)
    await end(connection, "call1")
    return outcome(connection, ignored=EVENTS)
