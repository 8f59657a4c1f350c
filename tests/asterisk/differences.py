# SPDX-License-Identifier: MIT OR Apache-2.0
"""Intended differences that several cases share."""

from case import Difference


def registered_first(outcome):
    """On the second connection native sends the queue, then ApplicationRegistered."""
    outcome["connections"][1]["events"].sort(key=lambda event: event["type"] != "ApplicationRegistered")


REGISTERED_FIRST = Difference(
    "ApplicationRegistered comes before the queue",
    "after a reconnect native sends what had waited before it says which application is registered",
    registered_first,
)


# Where no case is about them: more than one thread makes them, or only newer versions do.
NOISE = ("ChannelDialplan", "ChannelVarset", "ChannelConnectedLine")
