# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different for calls whose servers never answer, or end connections again and again."""

from rules_applications import NEXT, SESSIONS
from rules_connections import client_of
from story import INFINITY

# A connection that ended within so many milliseconds ended at once.
AT_ONCE = 10.0


def of_calls(story):
    """The connections of each call, by its application."""
    apps = {f"{act['channel']['app']}:{act['channel']['name']}": act["channel"]["name"] for act in story.of("enter")}
    for app, channel in apps.items():
        yield app, channel, [link for link in story.links if link.application in (None, app)]


def silent_calls(story):
    """A server that takes the connection of a call and never answers has no more effect than one that is down. In Asterisk the
    connection of a call that has failed meanwhile is still there, or comes up without a call."""
    if "silent servers" not in story.met:
        return False
    for app, channel, links in of_calls(story):
        if [channel, 0, "FAILED"] not in story.statuses:
            continue
        for link in links:
            link.closed = link.closed or (link.items[-1].at if link.items else link.made)
        for act in story.commands():
            lines = act["output"].splitlines(keepends=True)
            if act["line"] in (SESSIONS, "ari show apps"):
                act["output"] = "".join(line for line in lines if app not in line)
            elif act["output"].startswith("Shutting down websocket session") and channel in act["line"]:
                act["output"] = not_found(act["line"])
    return False


def not_found(line):
    name = line.removeprefix("ari shutdown websocket session ").strip('"')
    return f"Websocket session '{name}' not found\nCommand '{line}' failed.\n"


def storms(story):
    """A connection that was up for less than `reconnect_interval` is one of the `reconnect_attempts` of a call. Asterisk
    connects again at once, thousands of times a second, and such a call never fails."""
    for app, channel, links in of_calls(story):
        at_once = ended_at_once(story, links)
        client = client_of(story, at_once[0]) if at_once else None
        attempts = int((client or {}).get("reconnect_attempts", 4))
        if len(at_once) <= attempts or any(item.kind == "event" for link in at_once for item in link.items):
            continue
        for link in at_once[:attempts]:
            link.announce(link.made + NEXT, app)
        for link in links:
            if link not in at_once[:attempts]:
                story.remove_link(story.links.index(link))
        story.end_stasis(channel, "FAILED")
        return True
    return False


def ended_at_once(story, links):
    return [link for link in links if link.made is not None and ended(story, link) - link.made < AT_ONCE]


def ended(story, link):
    """When a connection ended."""
    place = story.links.index(link)
    ends = [act["at"] for act in story.of("say") if act["link"] == place and act["then"]]
    return min([*ends, link.closed if link.closed is not None else INFINITY])


def servers_close(story):
    """If the server closes the connection after the last StasisEnd, that is its end. Asterisk makes it once more for the rest
    of the three seconds."""
    for app, _, links in of_calls(story):
        if len(links) != 2 or links[0].made is None or links[1].made is None:
            continue
        over = [item.at for item in links[0].items if item.says("StasisEnd", app)]
        starts = [item for link in links for item in link.items if item.says("StasisStart", app)]
        if over and len(over) == len(starts) and over[-1] < links[1].made:
            story.remove_link(story.links.index(links[1]))
            return True
    return False
