# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where the library is different on purpose: each rule turns what Asterisk did into what the library is to do instead, wherever
a recording has a reason for it. What a rule says stands in the documentation; `differences.json` names the heading."""

import re

import configured
import rules_applications as applications
import rules_calls as calls
import rules_commands as commands
import rules_connections as connections
import rules_reloads as reloads
import rules_requests as requests
import rules_values as values
from completed import ACCEPTED
from messages import Item, made_up
from story import Link, parameter

# The rules by their names in the table, in the order in which they are applied.
RULES = (
    ("slashes", values.slashes),
    ("schemes", values.schemes),
    ("no limits", values.long_lines),
    ("default ports", values.default_ports),
    ("IPv6", values.addresses),
    ("TLS by the scheme", values.tls_by_the_scheme),
    ("no interval", values.no_interval),
    ("sections without a name", values.nameless),
    ("quoted lists", values.quoted_lists),
    ("blanks", values.blanks),
    ("faulty general", commands.faulty_general),
    ("control characters", commands.control_characters),
    ("repeated applications", commands.repeated_applications),
    ("later parameters", commands.later_parameters),
    ("numeric ids", requests.numeric_ids),
    ("big numbers", requests.big_numbers),
    ("content types", requests.content_types),
    ("controls in requests", requests.controls_in_requests),
    ("password changes", requests.password_changes),
    ("certificates", connections.certificates),
    ("answers to the upgrade", connections.answers),
    ("silent servers", connections.silent_servers),
    ("first frames", connections.first_frames),
    ("broken frames", connections.broken_frames),
    ("closes", connections.closes),
    ("frames in pieces", connections.frames_in_pieces),
    ("stopped reading", connections.stopped_reading),
    ("unloading", connections.unloading),
    ("long messages", requests.long_messages),
    ("contexts", applications.contexts),
    ("registered first", applications.registered_first),
    ("applications taken over", applications.taken_over),
    ("answers always", requests.answers_always),
    ("usage", commands.usage),
    ("ari show sessions", commands.sessions),
    ("connection type missing", commands.connection_type),
    ("calls shut down", applications.calls_shut_down),
    ("channels back", applications.channels_that_come_back),
    ("several channels", applications.several_channels),
    ("trailing events", applications.trailing_events),
    ("completion", commands.completion),
    ("starting in vain", commands.starting),
    ("nothing lost", applications.lost_events),
    ("kept as before", applications.kept_as_before),
    ("type changes", reloads.type_changes),
    ("applications kept", reloads.applications_kept),
    ("channels in it", reloads.channels_in_it),
    ("reload while down", reloads.while_down),
    ("shut down", reloads.stay_shut_down),
    ("frames in pieces", reloads.during_a_frame),
    ("silent servers", calls.silent_calls),
    ("storms", calls.storms),
    ("servers close", calls.servers_close),
)


def apply(story, tables):
    """Applies every rule and what the tables say of the case."""
    for rule, change in RULES:
        if change(story):
            story.met.add(rule)
    for single in entries(tables, "single", story):
        apply_single(story, single)
        story.met.add(single["rule"])
    # What a single case says may make a connection for events that were lost.
    applications.lost_events(story)
    story.sort()


def entries(tables, name, story):
    """What the tables of that name say of a story: of the files that it begins with, of what the server does, and of how many
    connections there were."""
    for entry in (entry for table in tables for entry in table.get(name, [])):
        files = entry.get("configured", {}).items()
        configured = all(re.search(text, story.files.get(file) or "", re.MULTILINE) for file, text in files)
        served = entry.get("server", {}).items() <= story.server.items()
        if configured and served and entry.get("made", len(story.links)) == len(story.links):
            yield entry


def apply_single(story, single):
    for connection in single.get("connections", []):
        apply_connection(story, connection)
    for channel, status in single.get("statuses", []):
        story.end_stasis(channel, status)
    for app, since, until in single.get("unregistered", []):
        for act in story.of("http"):
            if since < act["at"] < until and act["status"] == 204 and parameter(act["query"], "application") == app:
                act["status"] = 404
    for registered in single.get("registered", []):
        link = next((link for link in story.links if link.number == registered["conn"]), None)
        applications.gain(story, link, registered["app"], registered["at"])
    times = {}
    for act in story.commands():
        time = times[act["line"]] = times.get(act["line"], -1) + 1
        for output in single.get("outputs", []):
            if output["line"] == act["line"] and output.get("nth", time) == time:
                for old, new in output.get("replace", []):
                    act["output"] = act["output"].replace(old, new)
                act["output"] = output.get("text", act["output"])
                if "contains" in output:
                    act["compare"] = {"contains": output["contains"]}


def apply_connection(story, changed):
    if "made" in changed:
        at, port = changed["made"]
        story.links.append(Link(changed["conn"], port=port, made=at, request="", answers=[(0.0, ACCEPTED)]))
        story.ports.add(port)
    place = next((place for place, link in enumerate(story.links) if link.number == changed["conn"]), None)
    if place is None:
        return
    if changed.get("absent"):
        story.remove_link(place)
        return
    link = story.links[place]
    for old, new in changed.get("request", []):
        link.request = link.request and link.request.replace(old, new)
    if changed.get("unasked"):
        link.request = None
        link.drop(lambda item: item.kind == "answer")
        story.acts = [act for act in story.acts if not (act["do"] == "say" and act["link"] == place)]
    link.drop(lambda item: item.summary() in changed.get("drop", []))
    for at, message in changed.get("insert", []):
        kind, _, app = message.partition(" ")
        link.items.append(Item(at, "close", int(app)) if kind == "Close" else Item(at, "event", made_up(kind, app)))
    if "messages" in changed:
        times = [item.at for item in link.items if item.kind != "answer"]
        last = times[-1] if times else link.made
        link.drop(lambda item: item.kind != "answer")
        for index, message in enumerate(changed["messages"]):
            link.items.append(Item(times[index] if index < len(times) else last, "like", message))
    if changed.get("closed") is True and link.closed is None:
        link.closed = link.items[-1].at if link.items else link.made
    elif changed.get("closed") is False:
        link.closed = None


def put_under_load(story):
    """Of a case that was recorded under load only the ends of connections are compared as they were."""
    resets, fins = (any(act["then"] == how for act in story.of("say")) for how in ("rst", "fin"))
    at_once = calls.ended_at_once(story, story.links)
    client = next(iter(configured.connections(story.files)), {"client": {}})["client"]
    interval = configured.milliseconds(client, "reconnect_interval")
    if story.server["load"] == "crash":
        story.met.add("under load")
    elif len(at_once) > 2 and not resets:
        story.met.add("storms")
    elif resets or fins and at_once:
        story.met.add("nothing lost")
    elif fins or story.of("stop_listening") or len(story.of("listen")) > 1 or len(story.links) > 2:
        # What had waited meanwhile follows the announcements.
        story.met.add("registered first")
    story.load = {"apart": int(interval) if "storms" in story.met else None, "clean": not resets}
    # Asterisk crashed when it had made the last connection, or the recording is cut there: the server would have answered as
    # before, and the library lives.
    answers = [link.answers for link in story.links if link.answers][-1:]
    for link in story.links:
        link.drop(lambda item: item.kind != "close")
        if answers and link.request is None:
            link.answers, link.closed = list(answers[0]), None
    story.acts = [act for act in story.acts if act["do"] not in ("event", "http")]
