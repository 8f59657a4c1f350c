# SPDX-License-Identifier: MIT OR Apache-2.0
"""A call's server goes at the very moment when the call begins or ends, again and again: each call ends as it has to."""

import asyncio
import json
import re
from collections import Counter

from asterisk import RINGING
from case import case, outcome, sure
from cases.calls_that_left import call_and_requests
from cases.second_channel import add_channel
from configuration import per_call
from faults import TEXT, Peer
from waiting import poll

CALLS = """
[calls]
exten = s,1,Stasis(testapp)
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Hangup()
"""
# The machine may be slow.
ONE_ATTEMPT = {"reconnect_attempts": 1, "connection_timeout": 20000}
BACK = re.compile(r"app_verbose.c: \S+ came back with STASISSTATUS=(\w*) ")
AT_A_TIME, GROUP = 60, 20
ENDS, BEGINNINGS = 5000, 2000
SECONDS = 600


class Server:
    """Behind a peer: lets each call begin, and ends its connection as `end` does at a message of its first one; further
    connections of the call end at once."""

    def __init__(self, peer, end):
        self.end = end
        self.calls = {}
        peer.on_message = self.take

    def take(self, link, message):
        application = message.get("application")
        if message["type"] == "ApplicationRegistered":
            first, _ = self.calls.setdefault(application, (link, len(self.calls)))
            if first is not link:
                return link.reset()
        first, number = self.calls.get(application, (None, 0))
        if first is link and not link.ending:
            self.end(link, message, number)
        return None


def leave(link, abruptly):
    if abruptly:
        link.reset()
    else:
        link.close()


def request(link, method, uri):
    message = {"type": "RESTRequest", "request_id": "r", "method": method, "uri": uri}
    link.frame(TEXT, json.dumps(message).encode())


class Statuses:
    """How many calls came back with which STASISSTATUS, read from the log as it grows."""

    def __init__(self, asterisk):
        self.log = (asterisk.folder / "log" / "full").open(errors="replace")
        self.rest = ""
        self.counts = Counter()

    def total(self):
        lines = (self.rest + self.log.read()).split("\n")
        self.rest = lines.pop()
        self.counts.update(match[1] for line in lines if (match := BACK.search(line)))
        return self.counts.total()


async def run_calls(asterisk, count):
    """Makes so many calls, some at a time; gives how many came back with which STASISSTATUS."""
    statuses = Statuses(asterisk)
    call = {"endpoint": "Local/s@calls", "extension": "wait", "context": "default", "priority": 1}
    call |= {"formats": "ulaw", "timeout": RINGING}

    async def originate():
        reply = await asterisk.http("POST", "channels", **call)
        assert reply.status == 200, reply

    with statuses.log:
        for number in range(0, count, GROUP):
            await poll(lambda number=number: statuses.total() > number - AT_A_TIME, f"call before call {number}", 30)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(GROUP, count - number)):
                    group.create_task(originate())
        await poll(lambda: statuses.total() >= count, f"end of {count} calls", 30)
    await asterisk.no_channels()
    return dict(statuses.counts)


@case("calls that end/the server goes at the end of 5000 calls", seconds=SECONDS, alone=True, ours_only=True)
async def at_the_end(stage):
    """With a Close or without, when StasisEnd is there, or when it is still to come: the dialplan goes on with SUCCESS."""

    def end(link, message, number):
        if message["type"] == "StasisStart":
            request(link, "POST", f"channels/{message['channel']['id']}/continue")
        elif message["type"] == ("RESTResponse" if number % 4 < 2 else "StasisEnd"):
            leave(link, number % 2)

    async with Peer() as peer:
        Server(peer, end)
        asterisk = await stage.asterisk(per_call(peer, client=ONE_ATTEMPT), extensions=CALLS)
        return outcome(statuses=sure(await run_calls(asterisk, ENDS), {"SUCCESS": ENDS}))


@case("calls that end/the server goes at the beginning of 2000 calls", seconds=SECONDS, alone=True, ours_only=True)
async def at_the_beginning(stage):
    """With a Close or without, before StasisStart or with it: the dialplan goes on with FAILED, and no channel stays."""

    def end(link, message, number):
        if message["type"] == ("ApplicationRegistered" if number % 4 < 2 else "StasisStart"):
            leave(link, number % 2)

    async with Peer() as peer:
        Server(peer, end)
        asterisk = await stage.asterisk(per_call(peer, client=ONE_ATTEMPT), extensions=CALLS)
        return outcome(statuses=sure(await run_calls(asterisk, BEGINNINGS), {"FAILED": BEGINNINGS}))


@case("calls that end/a channel without a dialplan of its own")
async def without_a_dialplan(stage):
    """Its application made it, and is gone: it is hung up, and does not run the dialplan that its context happens to have."""
    runs_on = "[default](+)\nexten = s,1,Verbose(0,${CHANNEL} runs on)\n"
    asterisk, application, requests = await call_and_requests(stage, extensions=runs_on)
    await add_channel(requests, "call1", "app")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    await requests.ask("POST", "bridges/bridge1?type=mixing", 200)
    await connection.ask("POST", "bridges/bridge1/addChannel?channel=call1", 204)
    await connection.expect_channel("ChannelEnteredBridge", "call1")
    await application.kill()
    await asterisk.no_channels()
    # The same for one whose connection cannot be made.
    await add_channel(requests, "call2", "app")
    await asterisk.logged(r"call2|Local/wait@default-00000001;1.* does not enter Stasis|Failed to create per call websocket")
    await asterisk.no_channels()
    return outcome(runs_on=sure("runs on" in asterisk.log(), False))
