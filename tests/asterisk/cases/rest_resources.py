# SPDX-License-Identifier: MIT OR Apache-2.0
"""Requests over the websocket that concern no channel."""

import json

from case import case, outcome, sure
from configuration import persistent

READ_ONLY = {"user1": {"password": "userpass", "read_only": "yes"}, "user2": {"password": "userpass"}}


async def connected(stage, **configuration):
    _, asterisk, connection = await stage.persistent(**configuration)
    return asterisk, connection


@case("rest/asterisk")
async def about_asterisk(stage):
    """Information, ping, global variables, modules and log channels."""
    _, connection = await connected(stage)
    info = await connection.ask("GET", "asterisk/info", 200)
    only = await connection.ask("GET", "asterisk/info?only=status", 200)
    assert list(only) == ["status"], only
    await connection.ask("GET", "asterisk/ping", 200)
    await connection.ask("POST", "asterisk/variable?variable=COLOUR&value=dark%20red", 204)
    assert (await connection.ask("GET", "asterisk/variable?variable=COLOUR", 200)) == {"value": "dark red"}
    await connection.ask("GET", "asterisk/variable?variable=NOSUCH", 200)
    await connection.ask("GET", "asterisk/variable", 400)
    assert (await connection.ask("GET", "asterisk/modules/res_ari.so", 200))["status"] == "Running"
    await connection.ask("GET", "asterisk/modules/nosuch.so", 404)
    modules = await connection.ask("GET", "asterisk/modules", 200)
    kinds = [(m.fields["status_code"], m.fields["uri"], m.fields["reason_phrase"]) for m in connection.messages[1:]]
    return outcome(answers=kinds, info=sorted(info), modules=len(modules) > 40)


@case("rest/devices, endpoints and mailboxes")
async def devices(stage):
    """Puts, gets and deletes a device state; what has no provider answers with Asterisk's own errors."""
    _, connection = await connected(stage)
    await connection.ask("PUT", "deviceStates/Stasis:lamp?deviceState=INUSE", 204)
    await connection.ask("GET", "deviceStates/Stasis:lamp", 200)
    await connection.ask("GET", "deviceStates", 200)
    await connection.ask("PUT", "deviceStates/SIP:lamp?deviceState=INUSE", 409)
    await connection.ask("DELETE", "deviceStates/Stasis:lamp", 204)
    await connection.ask("GET", "deviceStates/Stasis:lamp", 200)
    await connection.ask("GET", "endpoints", 200)
    await connection.ask("GET", "endpoints/PJSIP", 404)
    await connection.ask("GET", "mailboxes", 404)
    await connection.ask("PUT", "mailboxes/ann?oldMessages=1&newMessages=2", 404)
    return outcome(connection)


@case("rest/applications and events")
async def applications(stage):
    """Lists, gets and subscribes applications, filters their events, and makes an event."""
    _, connection = await connected(stage)
    await connection.ask("GET", "applications", 200)
    await connection.ask("GET", "applications/testapp", 200)
    await connection.ask("GET", "applications/nosuch", 404)
    await connection.ask("POST", "applications/testapp/subscription?eventSource=deviceState:Stasis:lamp", 200)
    await connection.ask("POST", "applications/testapp/subscription?eventSource=channel:nosuch", 422)
    await connection.ask("POST", "applications/testapp/subscription?eventSource=nonsense", 400)
    await connection.ask("PUT", "deviceStates/Stasis:lamp?deviceState=INUSE", 204)
    await connection.expect("DeviceStateChanged")
    await connection.ask("DELETE", "applications/testapp/subscription?eventSource=deviceState:Stasis:lamp", 200)
    body = json.dumps({"variables": {"colour": "red"}})
    more = {"content_type": "application/json", "message_body": body}
    await connection.ask("POST", "events/user/painted?application=testapp", 204, **more)
    await connection.expect("ChannelUserevent", eventname="painted")
    await connection.ask("POST", "events/user/painted?application=nosuch", 404)
    return outcome(connection)


@case("rest/recordings")
async def recordings(stage):
    """A stored recording is listed, copied and deleted; its file is binary and is refused."""
    asterisk, connection = await connected(stage)
    folder = asterisk.folder / "spool" / "recording"
    (folder / "greeting.ulaw").write_bytes(b"\xff" * 800)
    await connection.ask("GET", "recordings/stored", 200)
    await connection.ask("GET", "recordings/stored/greeting", 200)
    answer = await connection.request("GET", "recordings/stored/greeting/file")
    assert (answer.status, answer.reason) == (406, "Not Acceptable.  Use HTTP GET"), answer.fields
    await connection.ask("POST", "recordings/stored/greeting/copy?destinationRecordingName=copy", 200)
    await connection.ask("DELETE", "recordings/stored/greeting", 204)
    await connection.ask("GET", "recordings/stored/greeting", 404)
    await connection.ask("GET", "recordings/stored/greeting/file", 404)
    await connection.ask("GET", "recordings/live/greeting", 404)
    return outcome(connection, copied=(folder / "copy.ulaw").exists())


@case("rest/sounds")
async def sounds(stage):
    """The sounds of an Asterisk that has one of the case's own only, and one that does not exist."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), start=False)
    asterisk.own_sounds("tiny")
    await asterisk.start()
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    listed = await connection.ask("GET", "sounds", 200)
    sound = await connection.ask("GET", "sounds/tiny", 200)
    await connection.ask("GET", "sounds/nosuch", 404)
    assert sound["formats"] == [{"language": "en", "format": "ulaw"}], sound
    return outcome(connection, ids=sure([sound["id"] for sound in listed], ["tiny"]))


@case("rest/user that may only read")
async def read_only(stage):
    """GET and OPTIONS work; whatever would change something is 403, whether it exists or not."""
    _, connection = await connected(stage, users=READ_ONLY)
    await connection.ask("GET", "asterisk/ping", 200)
    await connection.ask("GET", "channels", 200)
    await connection.ask("OPTIONS", "channels", 204)
    for method, path in (
        ("POST", "channels?endpoint=Local/wait@default&app=testapp"),
        ("PUT", "deviceStates/Stasis:lamp?deviceState=INUSE"),
        ("DELETE", "channels/nosuch"),
        ("POST", "nosuch"),
        ("POST", "events/user/x?application=testapp"),
        ("POST", "bridges"),
        ("DELETE", "bridges/nosuch"),
    ):
        assert (await connection.ask(method, path, 403))["message"] == "Write access denied"
    await connection.ask("post", "bridges", 400)
    return outcome(connection)


@case("rest/events over the websocket")
async def get_events(stage):
    """A websocket in a websocket is refused, however the path is spelled, and Asterisk lives on."""
    _, connection = await connected(stage)
    await connection.ask("GET", "events", 400)
    await connection.ask("GET", "events?app=testapp", 400)
    for path, status in (("%65vents", 400), ("events//x", 400), ("/events", 405), ("events/", 404)):
        await connection.ask("GET", path, status)
    await connection.ask("GET", "asterisk/ping", 200)
    return outcome(connection)


@case("rest/paths")
async def paths(stage):
    """Paths that lead nowhere, have escapes, or miss their method."""
    _, connection = await connected(stage)
    for method, path, status in (
        ("GET", "nosuch", 404),
        ("GET", "asterisk", 405),
        ("GET", "asterisk/nosuch", 404),
        ("GET", "asterisk/ping/", 404),
        ("GET", "/asterisk/ping", 405),
        ("GET", "asterisk//ping", 405),
        ("GET", "ari/asterisk/ping", 404),
        ("GET", "%61sterisk/ping", 200),
        ("GET", "asterisk/../asterisk/ping", 404),
        ("GET", "?", 405),
        ("DELETE", "asterisk/ping", 405),
        ("PUT", "channels", 405),
        ("HEAD", "asterisk/ping", 405),
        ("OPTIONS", "asterisk/ping", 204),
        ("PATCH", "asterisk/ping", 400),
        ("GET", "api-docs/nosuch.json", 404),
    ):
        await connection.ask(method, path, status)
    return outcome(connection)
