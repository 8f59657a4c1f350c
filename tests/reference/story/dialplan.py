# SPDX-License-Identifier: MIT OR Apache-2.0
"""What channels did, as Asterisk's log of the dialplan and the events tell it."""

import re

from messages import member

# `Executing [100@default:2] Stasis("SIP/x-1", "app,argument") in new stack`
STEP = re.compile(r'Executing \[.*?\] (.*?)\("(.*?)", "(.*)"\)', re.DOTALL)


def statuses(case):
    """What STASISSTATUS was each time that a channel came back from an application, as far as the log has it."""
    times, found = {}, []
    for _, line in case["dialplan"]:
        if not (step := STEP.match(line)):
            continue
        application, channel, arguments = step.groups()
        if application == "Stasis":
            times[channel] = times.get(channel, 0) + 1
        elif channel in times and (status := re.search("STASISSTATUS=([A-Za-z]*)", arguments)):
            found.append([channel, times[channel] - 1, status[1]])
    return found


def add_entries(story, case):
    """Adds that channels enter applications: where the dialplan says so, and where an event does that no step of the dialplan
    explains, as when an application originates a channel."""
    known = ids(story, case)
    entries = []
    for at, line in case["dialplan"]:
        if (step := STEP.match(line)) and step[1] == "Stasis":
            channel = {"id": known.get(step[2], step[2]), "name": step[2], "app": step[3].split(",")[0]}
            entries.append((at, channel))
    unexplained = list(entries)
    for act in sorted(story.of("event"), key=lambda act: act["at"]):
        if act["kind"] != "StasisStart" or not (channel := act["channel"]):
            continue
        suffix = f":{channel['name']}"
        own = act["application"].removesuffix(suffix) if act["application"].endswith(suffix) else None
        for index, (entered, its) in enumerate(unexplained):
            if entered <= act["at"] and its["name"] == channel["name"] and its["app"] in (act["application"], own):
                del unexplained[index]
                break
        else:
            # Before the connection that was made for it.
            links = [link for link in story.links if own is not None and link.application == act["application"]]
            made = min((link.made for link in links if link.made is not None), default=act["at"])
            entries.append((made - 0.05, channel | {"app": own if own is not None else act["application"]}))
    for at, channel in entries:
        story.add(at, "enter", channel=channel)


def ids(story, case):
    """The ids of channels by their names."""
    found = {}
    for entry in case["observed"]:
        # Originated over HTTP: the answer has one half of the local channel, the request the id of the other.
        other = re.search("[?&]otherChannelId=([^&]*)", entry.get("request") or "")
        name = member(entry.get("raw", ""), "name") or ""
        if other and name.endswith(";1"):
            found[name.removesuffix(";1") + ";2"] = other[1]
    for act in story.of("event"):
        if act["channel"]:
            found[act["channel"]["name"]] = act["channel"]["id"]
    return found
