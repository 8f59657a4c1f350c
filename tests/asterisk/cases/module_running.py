# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the module adds to an Asterisk while it runs: contexts, documentation, debugging, filters; reload and unload."""

import re

from case import Difference, case, outcome
from configuration import per_call, persistent
from waiting import DEADLINE, poll
from watch import library_threads, settled

PING = {"method": "GET", "uri": "asterisk/ping", "status": 200}
FILTER = "applications/testapp/eventFilter"


@case("module/unload during a call", ours_only=True)
async def unload_during_call(stage):
    """Refused, with the number of channels; unloaded when the call is over, and loaded again."""
    application, asterisk = await stage.per_call()
    await asterisk.originate(channel="call1")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    text = await asterisk.cli("module unload res_ariws.so")
    assert "Unable to unload" in text, text
    await asterisk.logged(r"WARNING.*res_ariws.*use count 1|Not unloaded: 1 channel is in Stasis")
    # Nothing happened to the call.
    await connection.ask(**PING)
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    await asterisk.no_channels()
    text = await asterisk.cli("module unload res_ariws.so")
    assert "Unloaded" in text, text
    assert await connection.closed() == 1000
    text = await asterisk.cli("module load res_ariws.so")
    assert "Loaded" in text, text
    await asterisk.originate(channel="call2")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call2")
    return outcome()


@case("module/reload, unload and load again and again", ours_only=True)
async def again_and_again(stage):
    """Ten rounds: the connection is made anew each time, and no thread of the library and no file is left over."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), per_call(application, name="calls", apps="callapp"))
    files = []
    for _ in range(10):
        connection = await application.connection()
        await connection.expect("ApplicationRegistered")
        assert "reloaded successfully" in await asterisk.reload()
        text = await asterisk.cli("module unload res_ariws.so")
        assert "Unloaded" in text, text
        assert await connection.closed() == 1000
        # A thread that was joined stays listed for a moment.
        await poll(lambda: library_threads(asterisk) == 0, "end of the threads")
        files.append((await settled(asterisk))[1])
        text = await asterisk.cli("module load res_ariws.so")
        assert "Loaded" in text, text
    assert files[-1] <= files[1], f"open files after each round: {files}"
    return outcome()


@case("module/contexts of applications", ours_only=True)
async def contexts(stage):
    """Each application has a context, through which calls reach it; a dialplan reload leaves it, an unload does not."""
    application = await stage.application()
    outbounds = persistent(application, apps="one,two"), per_call(application, name="calls", apps="three")
    asterisk = await stage.asterisk(*outbounds)
    connection = await application.connection()
    for reload in (False, True):
        if reload:
            await asterisk.cli("dialplan reload")
        for name in ("one", "two", "three"):
            text = await asterisk.cli(f"dialplan show stasis-{name}")
            assert re.search(r"'_\.' => +1\. Stasis\(" + name + r"\) +\[res_ariws\]", text), text
            assert re.search(r"'h' => +1\. NoOp\(\) +\[res_ariws\]", text), text
    await asterisk.originate("anything", "stasis-two", channel="call1")
    await connection.expect_channel("StasisStart", "call1", application="two")
    await asterisk.hang_up("call1")
    await asterisk.no_channels()
    await asterisk.cli("module unload res_ariws.so")
    for name in ("one", "two", "three"):
        assert "no existence" in await asterisk.cli(f"dialplan show stasis-{name}")
    return outcome()


@case("module/documentation of Stasis")
async def documentation(stage):
    """The command line explains the application as it does Asterisk's own."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    text = await asterisk.cli("core show application Stasis")
    for part in ("Stasis(app_name[,arg", "STASISSTATUS", "SUCCESS", "FAILED"):
        assert part in text, text
    return outcome()


@case("module/debug of an application")
async def debug_one(stage):
    """`ari set debug testapp on` shows its events and requests in the log."""
    return await debug(stage, "testapp")


@case("module/debug of all applications")
async def debug_all(stage):
    """`ari set debug all on` does so for each."""
    return await debug(stage, "all")


async def debug(stage, which):
    _, asterisk, connection = await stage.persistent()
    await asterisk.user_event("unseen")
    await connection.expect("ChannelUserevent", eventname="unseen")
    await asterisk.cli(f"ari set debug {which} on")
    await asterisk.user_event("seen")
    await connection.ask(**PING)
    await asterisk.logged(r'"eventname": ?"seen"')
    await asterisk.logged(r"asterisk/ping")
    await asterisk.logged(r'\\?"ping\\?": ?\\?"pong\\?"')
    await asterisk.cli(f"ari set debug {which} off")
    await asterisk.user_event("hidden")
    await connection.expect("ChannelUserevent", eventname="hidden")
    log = asterisk.log()
    assert '"unseen"' not in log and '"hidden"' not in log
    return outcome()


async def set_filter(asterisk, **events):
    """Filters by types of events, given as allowed or disallowed."""
    body = {kind: [{"type": name} for name in names] for kind, names in events.items()}
    reply = await asterisk.http("PUT", FILTER, body=body)
    assert reply.status == 200, reply


@case("module/event filter of an application")
async def event_filter(stage):
    """What the application does not want is not sent, until it wants it again."""
    _, asterisk, connection = await stage.persistent()
    await set_filter(asterisk, disallowed=["ChannelUserevent"])
    await asterisk.user_event("unwanted")
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    await set_filter(asterisk, disallowed=[])
    await asterisk.user_event("wanted")
    await connection.expect("ChannelUserevent", eventname="wanted")
    names = [message.fields["eventname"] for message in connection.of_type("ChannelUserevent")]
    assert names == ["wanted"], names
    return outcome()


@case(
    "module/event filter and requests",
    Difference(
        "answers pass event filters",
        "native treats answers as events: a filter that allows only some events silences it",
        ends=("FAILED",),
    ),
)
async def filter_and_requests(stage):
    """An application that wants StasisStart only still gets its answers."""
    _, asterisk, connection = await stage.persistent()
    await set_filter(asterisk, allowed=["StasisStart"])
    answer = await connection.answer(await connection.send_request("GET", "asterisk/ping"), seconds=3 if stage.native else DEADLINE)
    assert answer.status == 200, answer
    await asterisk.user_event("unwanted")
    await asterisk.originate(channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    assert not connection.of_type("ChannelUserevent")
    return outcome()
