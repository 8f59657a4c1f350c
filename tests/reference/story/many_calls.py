# SPDX-License-Identifier: MIT OR Apache-2.0
"""A case that tells of many calls in words only: they are made up, each like one that was recorded."""

import configured
from messages import Item, about_channel, made_up
from story import Link

# The milliseconds from a call to the next, and how long a call's connection stays after it.
PACE, LINGER = 100.0, 3000.0
COLUMNS = {"Connection ID": 37, "Type": 15, "RemoteAddr": 32, "State": 5, "Apps            ": 16}


def retell(story, one_by_one, at_once):
    """Puts the calls in the place of what was recorded: each has a connection, StasisStart, StasisEnd and a Close, and nothing
    is left of them in the end."""
    connection = configured.connections(story.files)[-1]
    app, recorded = connection["apps"][0], story.links[0]
    story.links, story.statuses = [], []
    story.acts = story.of("load", "listen", "end")
    first = recorded.made or 0.0
    for number in range(one_by_one + at_once):
        channel = {"id": f"call{number}", "name": f"Local/per@default-{number:08x};2", "app": app}
        call(story, number, first + PACE * min(number, one_by_one), recorded, channel)
    end = first + PACE * one_by_one + 2 * LINGER
    rows = [COLUMNS, ["-" * width for width in COLUMNS.values()], [connection["name"], "per_call_config", "N/A", "N/A", app]]
    padded = [" ".join(f"{cell:<{width}}" for cell, width in zip(row, [37, 15, 32, 5, 0])) for row in rows]
    sessions = "".join(row + "\n" for row in padded)
    apps = f"{'Application Name':<25}\n{'=' * 25}\n"
    for line, output in (("ari show websocket sessions", sessions), ("ari show apps", apps)):
        story.add(end, "command", line=line, output=output, compare="whole")
    story.sort()


def call(story, number, at, recorded, channel):
    """A call that begins at a moment."""
    application = f"{channel['app']}:{channel['name']}"
    items = [Item(at + 0.2, "event", made_up("ApplicationRegistered", application))]
    story.add(at, "enter", channel=channel)
    for after, kind in ((0.3, "StasisStart"), (0.5, "StasisEnd")):
        text = about_channel(kind, application, channel)
        items.append(Item(at + after + 0.1, "event", text))
        story.has_event(len(story.links), application, at + after, text)
    items.append(Item(at + LINGER, "close", 1000))
    times = {"made": at + 0.1, "closed": at + LINGER + 0.1, "items": items, "number": number}
    story.links.append(Link(**recorded.__dict__ | times))
    story.end_stasis(channel["name"], "SUCCESS")
