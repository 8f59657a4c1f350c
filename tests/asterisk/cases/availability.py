# SPDX-License-Identifier: MIT OR Apache-2.0
"""When nobody serves: what the dialplan, hints, queues and managers hear of it, and what calls meet."""

import asyncio
import re
from pathlib import Path

from application import bound_socket
from case import case, outcome, sure
from configuration import per_call, persistent
from waiting import poll

# Says how Stasis ended, and goes on.
EXTENSIONS = """
[reasons]
exten = _.,1,Stasis(${EXTEN})
 same = n,Verbose(0,${EXTEN} has STASISSTATUS=${STASISSTATUS} ARIWS_REASON=${ARIWS_REASON}.)
 same = n,Wait(600)
exten = h,1,NoOp()
[values]
exten = bots,1,Verbose(0,bots is ${ARIWS(connection1)} ${ARIWS(connection1,server)} for ${ARIWS(connection1,since)}.)
 same = n,Verbose(0,bots has ${ARIWS(connection1,queued)} and ${ARIWS(connection1,dropped)}.)
 same = n,Verbose(0,nobody is [${ARIWS(nobody)}] and nothing is [${ARIWS(connection1,nothing)}].)
 same = n,Wait(600)
[hints]
exten = bots,hint,Ariws:connection1
exten = nobody,hint,Ariws:nobody
"""

FAILS = {"when_down": "fail", "down_grace": 0}


async def failing(stage, application, **more):
    client = FAILS | more.pop("client", {})
    return await stage.asterisk(persistent(application, client=client), extensions=EXTENSIONS, **more)


async def lose(asterisk, application):
    await application.kill()

    async def is_down():
        return "Down" in " ".join(" ".join(row) for row in await asterisk.session_rows())

    await poll(is_down, "session that is down")


async def reasons(asterisk, app, count=1):
    """STASISSTATUS and ARIWS_REASON of so many calls to an application."""
    matches = await asterisk.logged(rf"app_verbose.c: {app} has STASISSTATUS=(\w*) ARIWS_REASON=([\w-]*)\.", count)
    return [match.groups() for match in matches]


@case("availability/hint and queue on a device state", ours_only=True)
async def hint_and_queue(stage):
    """Ariws:connection1 is idle while the connection is up, unavailable while it is down, and so is the queue's member."""
    application = await stage.application(listening=False)
    queues = "[general]\n[bots]\nmember = Local/wait@default,0,Bots,Ariws:connection1\n"
    files = {"queues.conf": queues}
    asterisk = await stage.asterisk(
        persistent(application), modules=["app_queue"], files=files, extensions=EXTENSIONS
    )

    async def shows(hint, member):
        async def reached():
            hints = await asterisk.cli("core show hints")
            queue = await asterisk.cli("queue show bots")
            return re.search(rf"Ariws:connection1\s+State:{hint} ", hints) and f"({member})" in queue

        await poll(reached, f"hint {hint} and member {member}")

    await shows("Unavailable", "Unavailable")
    await application.listen()
    await shows("Idle", "Not in use")
    await lose(asterisk, application)
    await shows("Unavailable", "Unavailable")
    await application.listen()
    await shows("Idle", "Not in use")
    sure("Unloaded" in await asterisk.cli("module unload res_ariws.so"), True)
    await shows("Unavailable", "Unavailable")
    sure("No function by that name" in await asterisk.cli("core show function ARIWS"), True)
    sure("Loaded" in await asterisk.cli("module load res_ariws.so"), True)
    await shows("Idle", "Not in use")
    hints = await asterisk.cli("core show hints")
    sure(bool(re.search(r"Ariws:nobody\s+State:Unavailable ", hints)), True)
    return outcome()


@case("availability/ARIWS() in the dialplan", ours_only=True)
async def function(stage):
    """State, server and since of the connection, what waits and what was dropped."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), extensions=EXTENSIONS)
    await (await application.connection()).expect("ApplicationRegistered")
    await asterisk.originate("bots", "values")
    server = re.escape(f"127.0.0.1:{application.port}")
    await asterisk.logged(rf"bots is up {server} for \d{{10}}\.")
    await asterisk.logged(r"bots has 0 and 0\.")
    await asterisk.logged(r"nobody is \[\] and nothing is \[\]\.")
    await asterisk.logged(r"there is no outbound websocket 'nobody'")
    await lose(asterisk, application)
    await asterisk.user_event("waits")
    await asterisk.originate("bots", "values")
    await asterisk.logged(r"bots is down  for \d{10}\.")
    await asterisk.logged(r"bots has 1 and 0\.")
    return outcome()


def recipe(heading):
    """The files of a recipe of docs/availability.md, by their names."""
    page = (Path(__file__).parents[3] / "docs" / "availability.md").read_text()
    text = page.split(f"### {heading}\n")[1].split("\n#")[0]
    return dict(re.findall(r"`([\w.]+)`:\n\n```ini\n(.*?)```", text, re.DOTALL))


@case("availability/a bot with people behind it", ours_only=True)
async def bot_with_people(stage):
    """The recipe as it stands in docs/availability.md, but for the server and the time for it: callers without a bot queue."""
    application = await stage.application()
    files = recipe("A bot with people behind it")
    uri = f"{application.uri}\nconnection_timeout = 10000"
    client = files["websocket_client.conf"].replace("wss://bots.example.net/ari", uri)
    files["websocket_client.conf"] = client.replace("down_grace = 3000", "down_grace = 300")
    files["queues.conf"] = "[general]\n[people]\n"
    files["ari.conf"] = "[general]\nenabled = yes\n[ari_user]\ntype = user\npassword = userpass\n"
    extensions = files.pop("extensions.conf")
    asterisk = await stage.asterisk(modules=["app_queue"], files=files, extensions=extensions)
    connection = await application.connection()
    await asterisk.cli("channel originate Local/100@from-trunk application Wait 600")
    await connection.expect("StasisStart", application="voicebot")
    await application.kill()
    await asterisk.logged("The bot is not there: down")
    await asterisk.cli("channel originate Local/200@from-trunk application Wait 600")
    await asterisk.logged("The bot is not there: down", 2)

    async def callers():
        output = await asterisk.cli("queue show people")
        return len(re.findall(r"Local/[12]00@from-trunk", output)) == 2

    await poll(callers, "callers in the queue")
    hints = await asterisk.cli("core show hints")
    sure(bool(re.search(r"Ariws:bots\s+State:Unavailable ", hints)), True)
    return outcome()


async def manager_events(port):
    """A manager's events from now on, in a list that grows, and how to end that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"Action: Login\r\nUsername: watcher\r\nSecret: secret\r\n\r\n")
    events = []

    async def record():
        while text := (await reader.readuntil(b"\r\n\r\n")).decode():
            lines = (line.partition(": ") for line in text.splitlines() if ":" in line)
            events.append({name.rstrip(":"): value for name, _, value in lines})

    task = asyncio.create_task(record())
    await poll(lambda: any(event.get("Response") == "Success" for event in events), "login of the manager")
    return events, task, writer


@case("availability/manager event", ours_only=True)
async def manager_event(stage):
    """AriwsConnectionState for each time that the connection comes up or goes down, with the server or the reason."""
    application = await stage.application()
    with bound_socket(0) as reserved:
        port = reserved.getsockname()[1]
        manager = f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {port}\n[watcher]\nsecret = secret\nread = system\n"
        asterisk = await stage.asterisk(persistent(application), files={"manager.conf": manager}, extensions=EXTENSIONS)
        await (await application.connection()).expect("ApplicationRegistered")
        events, task, writer = await manager_events(port)

        def states():
            found = [event for event in events if event.get("Event") == "AriwsConnectionState"]
            return [(event["Connection"], event["State"], event["Server"], bool(event["Reason"])) for event in found]

        await lose(asterisk, application)
        await application.listen()
        server = f"127.0.0.1:{application.port}"
        expected = [("connection1", "Down", "", True), ("connection1", "Up", server, False)]
        await poll(lambda: states()[-2:] == expected, "events of the manager")
        task.cancel()
        writer.close()
    return outcome()


@case("availability/when_down = fail with 50 calls", ours_only=True)
async def fifty_calls(stage):
    """While the connection is down calls go on in the dialplan at once, and are served again when it is up."""
    application = await stage.application()
    asterisk = await failing(stage, application)
    await (await application.connection()).expect("ApplicationRegistered")
    await lose(asterisk, application)
    # Of one length, so that none begins another: 22.10 once answered 409 to one of call0 to call49.
    channels = [f"call{number:02}" for number in range(50)]
    await asyncio.gather(*(asterisk.originate("testapp", "reasons", channel=channel) for channel in channels))
    sure(set(await reasons(asterisk, "testapp", 50)), {("FAILED", "down")})
    await application.listen()
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    # It serves when it has lasted, as the one before may have been lost at once.
    await asterisk.logged("connected to", 2)
    await asterisk.originate("testapp", "reasons", channel="after")
    await connection.expect_channel("StasisStart", "after")
    await connection.ask("POST", "channels/after/continue", 204)
    sure((await reasons(asterisk, "testapp", 51))[-1], ("SUCCESS", ""))
    sure(len(connection.of_type("StasisStart")), 1)
    return outcome()


@case("availability/fail_inside", ours_only=True)
async def fail_inside(stage):
    """A call that is in the application when the grace is over goes on in the dialplan; one that has left does not care."""
    application = await stage.application()
    asterisk = await failing(stage, application, client={"fail_inside": "yes", "down_grace": 300})
    connection = await application.connection()
    for channel in ("stays", "leaves"):
        await asterisk.originate("testapp", "reasons", channel=channel)
        await connection.expect_channel("StasisStart", channel)
    await connection.ask("POST", "channels/leaves/continue", 204)
    sure(await reasons(asterisk, "testapp"), [("SUCCESS", "")])
    await application.kill()
    sure(await reasons(asterisk, "testapp", 2), [("SUCCESS", ""), ("FAILED", "down")])
    return outcome()


@case("availability/fallback_app", ours_only=True)
async def fallback(stage):
    """A call enters the fallback instead: of a persistent connection that is down, and of a call that finds no server."""
    desk = await stage.application()
    gone = await stage.application(listening=False)
    fallback = {"fallback_app": "desk"}
    asterisk = await stage.asterisk(
        persistent(gone, client=FAILS | fallback),
        per_call(gone, name="calls", apps="callapp", client=fallback | {"reconnect_attempts": 1}),
        persistent(desk, name="desk", apps="desk"),
        extensions=EXTENSIONS,
    )
    connection = await desk.connection()
    await connection.expect("ApplicationRegistered", application="desk")
    for app, channel in (("testapp", "call1"), ("callapp", "call2")):
        await asterisk.originate(app, "reasons", channel=channel)
        await connection.expect_channel("StasisStart", channel, application="desk")
        await connection.ask("POST", f"channels/{channel}/continue", 204)
        sure(await reasons(asterisk, app), [("SUCCESS", "")])
    return outcome()


@case("availability/ARIWS_REASON", ours_only=True)
async def reason(stage):
    """Beside STASISSTATUS: why a call's connection could not be made."""
    refusing, silent = await stage.application(), await stage.application()
    gone = await stage.application(listening=False)
    refusing.refuse(503)
    silent.hold()
    once = {"reconnect_attempts": 1}
    asterisk = await stage.asterisk(
        per_call(gone, name="gone", apps="gone", client=once),
        per_call(refusing, name="refusing", apps="refusing", client=once),
        per_call(silent, name="silent", apps="silent", client=once | {"connection_timeout": 300}),
        per_call(gone, name="invalid", apps="invalid", outbound={"local_ari_user": "nobody"}),
        extensions=EXTENSIONS,
    )
    expected = {
        "gone": "no-server",
        "refusing": "refused",
        "silent": "timeout",
        "invalid": "invalid",
        "unheard": "unknown-application",
    }
    for app in expected:
        await asterisk.originate(app, "reasons")
    for app, word in expected.items():
        sure(await reasons(asterisk, app), [("FAILED", word)])
    return outcome()
