# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different in the applications of connections: when they are announced, who loses them, how calls end."""

import re

import configured
from messages import Item, about_channel, made_up
from story import INFINITY, parameter

# Within this many milliseconds after a connection was made what is registered on it is announced.
SOON = 1000.0
# The same for what the first announcement is never later than.
AT_ONCE = 100.0
SESSIONS = "ari show websocket sessions"
# What was made up comes this many milliseconds after what it follows from.
NEXT = 0.1
TYPES = ("outbound_websocket", "user")


def registered_first(story):
    """On a reconnect Asterisk sends what had waited and then, sorted, which applications are registered; the library announces
    the applications first, in configured order."""
    changed = False
    for link in story.links:
        if link.made is None:
            continue
        before = [item.summary() for item in link.items]
        announced = announcements(link)
        # Those that Asterisk had queued as well are announced once.
        once = list({item.application: item for item in announced}.values())[::-1]
        link.items = [item for item in link.items if item not in announced]
        order = configured.applications(story.files_at(link.made))
        once.sort(key=lambda item: order.index(item.application) if item.application in order else -1)
        link.items += [item.copy(link.made + 0.001 * place) for place, item in enumerate(once, 1)]
        link.items.sort(key=lambda item: item.at)
        changed |= before != [item.summary() for item in link.items]
    return changed


def announcements(link):
    """What is announced because the connection was made, not because of a later reload."""
    found = []
    for item in link.items:
        if item.at >= link.made + SOON or item.kind != "event":
            continue
        known = any(its.application == item.application for its in found)
        if item.type == "ApplicationRegistered":
            found.append(item)
        elif item.type in ("ApplicationUnregistered", "ApplicationReplaced") and known and item.at > link.made + AT_ONCE:
            # From here on something else is going on.
            break
    return found


def contexts(story):
    """Asterisk may lose the context of an application that is registered anew; here it stays."""
    lists = [(act["at"], act["output"].splitlines()) for act in story.commands("ari show apps")]
    changed = False
    for act in story.commands():
        app = act["line"].removeprefix("dialplan show stasis-")
        near = [apps for at, apps in lists if abs(at - act["at"]) < SOON]
        if app != act["line"] and near and app in near[-1] and " Stasis(" not in act["output"]:
            act["output"], changed = context(app), True
    return changed


def context(app):
    return f"[ Context 'stasis-{app}' ] Stasis({app})\n"


def taken_over(story):
    """An application that somebody else took over and left stays unregistered in Asterisk; here it is registered again."""
    taken = {act["name"]: act["apps"] for act in story.of("inbound")}
    changed = False
    for at, name in story.left:
        for app in taken.get(name, []):
            link = link_of(story, app, at)
            # Whoever had it was told when it was replaced.
            if link and any(item.says("ApplicationReplaced", app) for item in link.items):
                gain(story, link, app, at + NEXT)
                changed = True
    return changed


def lost_events(story):
    """User events that Asterisk took and lost with a connection arrive."""
    lost = []
    for act in story.of("http"):
        name, app = act["path"].removeprefix("events/user/"), parameter(act["query"], "application")
        if act["method"] != "POST" or act["status"] != 204 or name == act["path"] or app is None:
            continue
        event = f"ChannelUserevent {app} {name}"
        arrives = any(
            item.at >= act["at"] and item.summary() == event for link in story.links for item in link.items
        )
        if name not in story.elsewhere and not is_filtered(story, act["at"]) and not arrives:
            lost.append((act["at"], app, made_up("ChannelUserevent", app, name)))
    changed = False
    for at, app, text in lost:
        # What waits for a connection that is shut down goes with it.
        shut_down = any(act["at"] > at and act["line"].startswith("ari shutdown ") for act in story.commands())
        link = link_of(story, app, at)
        waits = link is None or link.was_made_after(at)
        if not (waits and shut_down):
            changed |= arrive(story, app, at, text)
    return changed


def is_filtered(story, at):
    """Whether the application wants no user events at a moment: the last filter that it asked for keeps them away."""
    asked = [act["request"] for act in story.requests() if act["at"] < at]
    filters = [request["text"] for request in asked if request["path"].endswith("/eventFilter")]
    return bool(filters) and "disallowed" in filters[-1] and "ChannelUserevent" in filters[-1]


def gain(story, link, app, at):
    """From this moment on an application is registered that is not in the recording."""
    if link:
        link.announce(at, app)
    for act in story.commands():
        if act["at"] <= at:
            continue
        if act["line"] == "ari show apps" and app not in (lines := act["output"].splitlines()):
            act["output"] = "".join(line + "\n" for line in lines[:2] + sorted([*lines[2:], app]))
        elif act["line"] == f"dialplan show stasis-{app}":
            act["output"] = context(app)
    deliver(story, app, at)


def deliver(story, app, since):
    """User events that Asterisk had no receiver for arrive from this moment on."""
    for act in story.of("http"):
        name = act["path"].removeprefix("events/user/")
        if act["at"] > since and act["status"] == 404 and name != act["path"]:
            if parameter(act["query"], "application") == app:
                act["status"] = 204
                arrive(story, app, act["at"], made_up("ChannelUserevent", app, name))


def arrive(story, app, at, text):
    """An event arrives that never did, if there is a connection for it."""
    link = link_of(story, app, at)
    if link is None:
        return False
    made = at if link.made is None else link.made
    link.items.append(Item(max(at, made + 1.0) + NEXT, "event", text))
    story.has_event(story.links.index(link), app, at + 0.05, text)
    return True


def link_of(story, app, at):
    """The connection that an application is served on at a moment, or on which it is served next."""
    since = [
        (served, place)
        for place, link in enumerate(story.links)
        if (link.made is None or link.made <= at) and (link.closed is None or link.closed > at)
        if (served := serves(link, app, at)) is not None
    ]
    if since:
        return story.links[max(since)[1]]
    later = (link for link in story.links if link.was_made_after(at) and serves(link, app, INFINITY) is not None)
    return next(later, None)


def serves(link, app, at):
    """Since when an application is served on this connection, if it is at a moment."""
    since = None
    for item in link.items:
        if item.at <= at and item.kind in ("event", "answer") and item.application == app:
            if item.type == "ApplicationUnregistered":
                since = None
            elif item.type == "ApplicationRegistered" or since is None:
                since = item.at
    return since


def channels_that_come_back(story):
    """In Asterisk a channel that enters an application again, while the connection of its first time is still there, loses the
    application with that one; here its second time is like the first."""
    for link in list(story.links):
        for item in link.items:
            if not item.says("ApplicationReplaced") or ":" not in (item.application or ""):
                continue
            app = item.application
            later = [place for place, its in enumerate(story.links) if its.was_made_after(item.at) and its.application == app]
            if not later:
                return False
            link.drop(lambda its: its.says("ApplicationReplaced"))
            second = story.links[later[0]]
            second.announce(second.made + NEXT, app)
            hang_up(story, later[0], app)
            return True
    return False


def hang_up(story, place, app):
    """A call ends when its channel is hung up as every call does: with StasisEnd, and its connection with a Close."""
    link, name = story.links[place], app.partition(":")[2]
    channels = [act["channel"] for act in story.of("event") if act["channel"] and act["channel"]["name"] == name]
    paths = [f"channels/{channel['id']}" for channel in channels[:1]]
    for act in story.of("http"):
        if act["at"] > link.made and act["method"] == "DELETE" and act["path"] in paths:
            at = act["at"]
            text = about_channel("StasisEnd", app, channels[0])
            story.has_event(place, app, at, text)
            link.items += [Item(at + NEXT, "event", text), Item(at + 2 * NEXT, "close", 1000)]
            link.closed = at + 3 * NEXT
            for its in story.commands():
                if its["at"] > at and its["line"].startswith("ari show "):
                    lines = its["output"].splitlines(keepends=True)
                    its["output"] = "".join(line for line in lines if app not in line)
            return


def several_channels(story):
    """The connection of a call stays as long as a channel is in its application, whichever it is, and what goes with it when it
    is lost goes for all of them. Asterisk closes it after the first channel's StasisEnd; the others stay in Stasis."""
    changed = False
    for link in story.links:
        app, inside, several = link.application or "", set(), False
        if ":" not in app:
            continue
        for item in sorted(link.items, key=lambda item: item.at):
            if item.says("StasisStart", app) and item.channel:
                inside.add(item.channel["id"])
                several |= len(inside) > 1
            elif item.says("StasisEnd", app) and item.channel:
                inside.discard(item.channel["id"])
        again = any(its.was_made_after(link.made or 0.0) and its.application == app for its in story.links)
        if not several or not inside or link.closed is None or again:
            continue
        rows = [row for act in story.commands(SESSIONS) for row in act["output"].splitlines(keepends=True) if app in row]
        closes = link.drop(lambda item: item.kind == "close")
        for act in story.commands():
            if act["at"] > link.closed and closes and rows and act["line"] == SESSIONS:
                act["compare"] = {"contains": rows[:1]}
            elif act["at"] > link.closed and not closes and act["line"] == "ari show apps":
                act["output"] = act["output"].replace(f"\n{app}\n", "\n")
        link.closed = None if closes else link.closed
        changed = True
    return changed


def trailing_events(story):
    """Asterisk keeps a call's connection for three seconds after StasisEnd, whatever comes; here it is closed as soon as the
    channel is gone."""
    changed = False
    for place, link in enumerate(story.links):
        gone = channel_is_gone(link)
        if gone is not None and link.drop(lambda item: item.at > gone and item.kind == "event"):
            late = [act for act in story.of("event") if act["link"] == place and act["at"] > gone]
            story.acts = [act for act in story.acts if act not in late]
            changed = True
    return changed


def channel_is_gone(link):
    """When the channel of a call was destroyed after its StasisEnd."""
    name, ended = (link.application or "").partition(":")[2], False
    for item in link.items if name else []:
        if item.kind == "event" and (item.channel or {}).get("name") == name:
            ended |= item.type == "StasisEnd"
            if ended and item.type == "ChannelDestroyed":
                return item.at
    return None


def calls_shut_down(story):
    """When a call's connection is shut down, Asterisk leaves its application behind; here it is gone, and Stasis ends."""
    gone = {}
    for item in (item for link in story.links for item in link.items):
        if item.says("ApplicationUnregistered") and ":" in (item.application or ""):
            gone[item.application] = min(item.at, gone.get(item.application, INFINITY))
    changed = False
    entered = {act["channel"]["name"] for act in story.of("enter")}
    for channel in (app.partition(":")[2] for app in gone):
        if channel in entered:
            story.end_stasis(channel, "FAILED")
            changed = True
    for act in story.commands("ari show apps"):
        lines = act["output"].splitlines(keepends=True)
        left = "".join(line for line in lines if gone.get(line.rstrip(), INFINITY) >= act["at"])
        changed |= left != act["output"]
        act["output"] = left
    return changed


def kept_as_before(story):
    """A section whose type is missing or misspelt and a URI that is none are faults for the library, and the object stays as it
    was; Asterisk takes them for a deletion and for another URI."""
    for act in story.of("write"):
        before, after = (faults(story.files_at(act["at"] + moment)) for moment in (0, NEXT))
        if after - before:
            later = (its["at"] for its in story.of("write") if its["at"] > act["at"])
            ignore_change(story, act["at"], next(later, INFINITY))
            return True
    return False


def faults(files):
    """The sections that the library refuses and Asterisk does not."""
    ari, clients = configured.sections(files, "ari.conf"), configured.sections(files, "websocket_client.conf")
    typed = [name for name, its in ari if name != "general" and its.get("type") not in TYPES and "websocket_client_id" in its]
    return {*typed, *(name for name, its in clients if its.get("uri") and not re.match(r"\w+://", its["uri"]))}


def ignore_change(story, since, until):
    """A change of the configuration has no effect: what the library has refused stays as it was, from one moment to the next,
    and it is no change when the files are good again."""
    keep_connections(story, since)
    outputs = [(act["at"], act["line"], act["output"]) for act in story.commands()]
    for act in story.commands():
        if act["at"] > since and act["compare"] == "whole":
            before = [output for at, line, output in outputs if line == act["line"] and at < since]
            after = [output for at, line, output in outputs if line == act["line"] and at > until]
            act["output"] = (before[-1:] + after[:1] + [act["output"]])[0]
    lost = [act for act in story.of("http") if act["at"] > since and act["status"] == 404]
    for app in {parameter(act["query"], "application") for act in lost} - {None}:
        deliver(story, app, since)


def keep_connections(story, since):
    """Connections that were made before a moment and closed by Asterisk after it are not closed; what happened on the ones that
    followed happens on them."""
    from rules_requests import merge

    def is_about_the_connection(item):
        return item.kind == "close" or item.kind == "event" and item.type.startswith("Application")

    for place, link in enumerate(story.links):
        if link.was_made_after(since) or link.closed is None or link.closed < since:
            continue
        link.drop(lambda item: item.at >= since and is_about_the_connection(item))
        link.closed = None
        while (later := [its for its, link in enumerate(story.links) if link.was_made_after(since)]):
            story.links[later[0]].drop(is_about_the_connection)
            story.links[later[0]].closed = None
            merge(story, place, later[0])
