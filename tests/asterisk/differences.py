# SPDX-License-Identifier: MIT OR Apache-2.0
"""Intended differences that several cases share."""

from case import Difference


def registered_first(numbers=(1,), apps=("testapp",)):
    """On the connections of these indices native sends the queue, then ApplicationRegistered, sorted by application."""

    def rank(event):
        if event["type"] != "ApplicationRegistered":
            return len(apps)
        return next(index for index, app in enumerate(apps) if event["application"].split(":")[0] == app)

    def change(outcome):
        for number in numbers:
            outcome["connections"][number]["events"].sort(key=rank)

    return Difference(
        "ApplicationRegistered comes before the queue",
        "after a reconnect native sends what had waited before it says which application is registered",
        change,
    )


# Where no case is about them: more than one thread makes them, or only newer versions do.
NOISE = ("ChannelDialplan", "ChannelVarset", "ChannelConnectedLine")
