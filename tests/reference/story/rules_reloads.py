# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different in reloads: what becomes of connections and their applications when the files have changed."""

import configured
from messages import Item, made_up
from rules_applications import AT_ONCE, NEXT, SESSIONS, SOON, gain, serves
from story import INFINITY, Link, parameter


def changes(story):
    """Every reload of changed files: when, until when it counts, and the connections by their names before and after it."""
    writes = [act["at"] for act in story.of("write")]
    for at, until in zip(writes, [*writes[1:], INFINITY]):
        reloads = [act["at"] for act in story.of("reload") if at < act["at"] < until]
        before, after = (
            {its["name"]: its for its in configured.connections(story.files_at(moment))} for moment in (at, at + NEXT)
        )
        if reloads:
            yield reloads[0], until, before, after


def open_links(story, at):
    return [link for link in story.links if (link.made is None or link.made <= at) and not link.ends_before(at)]


def link_of(story, name, at, before, after):
    """The connection of that name once a reload has been carried out: the one that served its applications, or a new one."""
    old = before.get(name, {"apps": []})["apps"]
    for link in open_links(story, at):
        if any(serves(link, app, at) is not None for app in old) and not link.ends_before(at + SOON):
            return link
    new = [link for link in story.links if link.made is not None and at <= link.made < at + SOON]
    return next((link for link in new if configured.leads_to(after[name], link.port)), None)


def port_of(story, connection):
    return next((port for port in sorted(story.ports) if configured.leads_to(connection, port)), 0)


def show_session(story, name, since, until, row):
    """From one moment to another lists of sessions have this row for a connection."""
    for act in story.commands(SESSIONS):
        if since < act["at"] < until:
            lines = [line for line in act["output"].splitlines() if line.split()[:1] != [name]]
            lines = lines[:2] + sorted([*lines[2:], *([row] if row else [])])
            act["output"] = "".join(line + "\n" for line in lines)


def type_changes(story):
    """A connection whose type changes ends as what it was and begins as what it is. Asterisk goes on with the old kind under
    the new name, or makes no connection at all."""
    changed = False
    for at, until, before, after in list(changes(story)):
        for name, connection in after.items():
            both = (before.get(name, connection), connection)
            old, new = (its["client"].get("connection_type", "persistent") for its in both)
            if {old, new} != {"persistent", "per_call_config"}:
                continue
            wrong = end_as_persistent if new == "per_call_config" else begin_as_persistent
            changed |= wrong(story, connection, at, until)
    return changed


def end_as_persistent(story, connection, at, until):
    apps = connection["apps"]
    for link in open_links(story, at):
        if configured.leads_to(connection, link.port) and link.application in apps:
            link.drop(lambda item: item.at >= at and (item.kind == "close" or item.says("ApplicationUnregistered")))
            link.items += [Item(at + NEXT, "event", made_up("ApplicationUnregistered", app)) for app in apps]
            link.items.append(Item(at + 2 * NEXT, "close", 1000))
            link.closed, link.answers_close = at + 3 * NEXT, True
    absent = [link for link in story.links if link.made is not None and at <= link.made < until]
    absent = [link for link in absent if configured.leads_to(connection, link.port) and link.application in apps]
    for link in absent:
        story.remove_link(story.links.index(link))
    for act in story.commands("ari show apps"):
        if at < act["at"] < until:
            lines = act["output"].splitlines(keepends=True)
            act["output"] = "".join(line for line in lines if line.rstrip("\n") not in apps)
    for act in story.of("http"):
        if at < act["at"] < until and act["status"] == 204 and parameter(act["query"], "application") in apps:
            act["status"] = 404
    row = f"{connection['name']:<37} {'per_call_config':<15} {'N/A':<32} N/A   {','.join(apps)}"
    show_session(story, connection["name"], at, until, row)
    return bool(absent)


def begin_as_persistent(story, connection, at, until):
    port, apps = port_of(story, connection), connection["apps"]
    made = [link for link in story.links if link.made is not None and at - NEXT <= link.made < at + SOON and link.port == port]
    if not port or made and made[0].application in apps:
        return False
    connect(story, connection, port, at + NEXT, until)
    return True


def connect(story, connection, port, at, until):
    """The library makes a connection that Asterisk did not make."""
    number = max((link.number for link in story.links), default=0) + 1
    story.links.append(Link.accepted(number, port, at))
    for app in connection["apps"]:
        gain(story, story.links[-1], app, at + NEXT)
    apps = ",".join(sorted(connection["apps"]))
    row = f"{connection['name']:<37} {'persistent':<15} {f'127.0.0.1:{port}':<32} Up    {apps}"
    show_session(story, connection["name"], at, until, row)


def applications_kept(story):
    """One reload may rename a connection, or move an application to another one, and the application ends up registered where
    the files say. In Asterisk it may end up registered nowhere, while its connection is up."""
    changed = False
    for at, until, before, after in list(changes(story)):
        lists = [act["output"].splitlines() for act in story.commands("ari show apps") if at < act["at"] < until]
        for app, name in [(app, name) for name, its in after.items() for app in its["apps"]]:
            owners = [its for its, connection in before.items() if app in connection["apps"]]
            if not lists or app in lists[0] or not owners or name in owners:
                continue
            if (link := link_of(story, name, at, before, after)) is None:
                continue
            soon = [item.at for its in story.links for item in its.items if at < item.at < at + AT_ONCE]
            for other in story.links:
                if other is not link:
                    other.drop(lambda item: at < item.at < at + SOON and item.says("ApplicationReplaced", app))
            gain(story, link, app, max([*soon, link.made or at, at]) + NEXT)
            changed = True
    return changed


def channels_in_it(story):
    """An application that is added to a connection, or registered anew because `subscribe_all` changed, gets
    ApplicationRegistered whether it has channels or not. In Asterisk it gets nothing while a channel is in it."""
    changed = False
    for at, until, before, after in list(changes(story)):
        for name in set(before) & set(after):
            old, new = before[name], after[name]
            anew = old["parameters"].get("subscribe_all") != new["parameters"].get("subscribe_all")
            link = link_of(story, name, at, before, after)
            if link is None or link.was_made_after(at):
                continue
            for app in new["apps"]:
                soon = [item for item in link.items if at - NEXT < item.at < at + SOON]
                announced = any(item.says("ApplicationRegistered", app) for item in soon)
                if not announced and (anew or app not in old["apps"]) and has_channels(story, app, at):
                    gone = [item.at for item in soon if item.says("ApplicationUnregistered", app)]
                    link.announce(max([at, *gone]) + 0.01, app)
                    changed = True
    return changed


def has_channels(story, app, at):
    """Whether a channel is in an application."""
    inside = set()
    for link in story.links:
        for item in sorted(link.items, key=lambda item: item.at):
            if item.at < at and item.application == app and item.channel:
                if item.says("StasisStart"):
                    inside.add(item.channel["id"])
                elif item.says("StasisEnd"):
                    inside.discard(item.channel["id"])
    return bool(inside)


def while_down(story):
    """The next attempt to connect uses the configuration as it is then. In Asterisk a connection that is down when its client
    changes never connects again."""
    changed = False
    for at, until, before, after in list(changes(story)):
        for name in set(before) & set(after):
            old, new = before[name], after[name]
            port = port_of(story, new)
            later = [link for link in story.links if link.port == port and link.was_made_after(at - NEXT)]
            secure = new["client"].get("tls_enabled", "no").startswith("y")
            plain = not secure and new["client"].get("uri", "").startswith("ws:")
            served = listens(story, port, at) and plain and "certificate" not in story.server
            named = [item.application for link in open_links(story, at) if is_up(link) for item in link.items]
            up = not set(old["apps"]).isdisjoint(named)
            persistent = new["client"].get("connection_type", "persistent") == "persistent"
            if old["client"] != new["client"] and served and persistent and not up and not later and is_valid(story, name, at):
                connect(story, new, port, at + NEXT, INFINITY)
                changed = True
    return changed


def during_a_frame(story):
    """While a frame is unfinished reloads go their way. Asterisk applies none."""
    changed = False
    for act in [act for act in story.of("say") if act["unfinished"]]:
        rest = [its for its in story.of("say") if its["rest"] and its["link"] == act["link"] and its["at"] > act["at"]]
        link = story.links[act["link"]]
        for at, until, before, after in [] if rest else list(changes(story)):
            for name in set(before) & set(after) if at > act["at"] else ():
                old, new = before[name]["apps"], after[name]["apps"]
                if old == new or link.application not in old:
                    continue
                kinds = {app: "ApplicationReplaced" if app in old else "ApplicationRegistered" for app in new}
                kinds |= {app: "ApplicationUnregistered" for app in old if app not in new}
                link.items += [Item(at + NEXT, "event", made_up(kind, app)) for app, kind in kinds.items()]
                row = f"{name:<37} {'persistent':<15} {f'127.0.0.1:{link.port}':<32} Up    {','.join(sorted(new))}"
                show_session(story, name, at, until, row)
                changed = True
    return changed


def is_up(link):
    return any(item.kind == "event" for item in link.items)


def is_valid(story, name, at):
    """Whether Asterisk shows a connection as one that could be made."""
    for act in story.commands("ari show outbound-websockets"):
        if act["at"] > at:
            return any(line.split()[:1] == [name] and " valid " in line for line in act["output"].splitlines())
    return False


def listens(story, port, at):
    """Whether a server listens on a port at a moment."""
    acts = [act for act in story.of("listen", "stop_listening") if act["port"] == port and act["at"] <= at]
    return bool(acts) and acts[-1]["do"] == "listen"


def stay_shut_down(story):
    """A connection that a command has shut down stays down until it is started by a command or its configuration changes. In
    Asterisk any reload starts it again."""
    changed = False
    for act in list(story.commands()):
        if not act["output"].startswith("Shutting down websocket session") or act["line"].split()[-1] == "sessions":
            continue
        name, at = act["line"].split()[-1].strip('"'), act["at"]
        connections = {its["name"]: its for its in configured.connections(story.files_at(at))}
        for reload in story.of("reload"):
            again = {its["name"]: its for its in configured.connections(story.files_at(reload["at"]))}
            started = any(at < its["at"] < reload["at"] and its["line"].startswith("ari start ") for its in story.commands())
            if reload["at"] < at or started or name not in connections or again.get(name) != connections[name]:
                continue
            for link in [link for link in story.links if link.was_made_after(reload["at"])]:
                if configured.leads_to(connections[name], link.port) and link.application in connections[name]["apps"]:
                    story.remove_link(story.links.index(link))
                    show_session(story, name, reload["at"], INFINITY, None)
                    changed = True
    return changed
