# SPDX-License-Identifier: MIT OR Apache-2.0
"""Events that are sent again, and what an application hears of an outage."""

from case import case, outcome, sure
from configuration import persistent
from waiting import poll

EXACT = {"delivery": "at_least_once", "announce_resume": "yes"}


def numbers(connection):
    return [message.fields["ariws_sequence"] for message in connection.messages if "ariws_sequence" in message.fields]


async def is_down(asterisk):
    async def down():
        return any("Down" in row for row in await asterisk.session_rows())

    await poll(down, "session that is down")


@case("delivery/server is killed", ours_only=True)
async def killed(stage):
    """What is not proven comes again, and the channels that are inside are told."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application, client=EXACT))
    first = await application.connection()
    await first.expect("ApplicationRegistered")
    await asterisk.originate(channel="call1")
    await first.expect_channel("StasisStart", "call1")
    await application.kill()
    await is_down(asterisk)
    before = numbers(first)
    sure(before, list(range(1, len(before) + 1)))
    await asterisk.user_event("waiting")
    inside = (await asterisk.http("GET", "applications/testapp")).body["channel_ids"]
    await application.listen()
    second = await application.connection()
    await second.expect("ApplicationRegistered")
    resumed = await second.expect("ApplicationResumed", application="testapp", events_dropped=0)
    sure([resumed.fields[name] for name in ("channels", "bridges", "endpoints")], [inside, [], []])
    sure(inside, ["call1"])
    await second.expect("ChannelUserevent", eventname="waiting")
    sure([message.type for message in second.messages[:2]], ["ApplicationRegistered", "ApplicationResumed"])
    again = numbers(second)
    sure(again, list(range(again[0], again[0] + len(again))))
    assert again[0] <= len(before) + 1, f"{before} and then {again}"
    return outcome(first)
