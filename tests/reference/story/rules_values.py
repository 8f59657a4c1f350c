# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different for single values of the configuration: URIs, intervals, lists of applications."""

import re

import configured
from messages import Item
from rules_applications import NEXT
from rules_connections import client_of, is_accepted, show_state
from rules_reloads import connect, listens, port_of
from story import INFINITY, Link

# What a line may have for Asterisk.
LONGEST = 8191
# A random name, in its column.
RANDOM = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} ")
# When a connection is made that Asterisk did not make, after it was started.
SOON = 100.0


def clients(story, pattern, parameter="uri"):
    """The connections of which a parameter of their client is like this."""
    connections = configured.connections(story.files)
    return [its for its in connections if re.match(pattern, its["client"].get(parameter, ""))]


def slashes(story):
    """A path is sent as it is written, also if it begins with two slashes. Asterisk sends another one."""
    changed = False
    for link in story.links:
        uri = (client_of(story, link) or {}).get("uri", "")
        if link.request and (path := re.match(r"\w+://[^/]+(//[^?#]*)", uri)):
            link.request, count = re.subn("^GET [^ ?]*", lambda _: f"GET {path[1]}", link.request)
            changed |= count > 0
    return changed


def unmade(story, connections):
    """Connections that the library makes as soon as it is loaded, and Asterisk never."""
    begun = [act["at"] for act in story.of("load")][:1]
    made = False
    for connection in connections if begun and not story.links else []:
        port = port_of(story, connection)
        if listens(story, port, begun[0]) and not connection["client"]["uri"].lower().startswith("wss"):
            connect(story, connection, port, begun[0] + SOON, INFINITY)
            made = True
    return made


def schemes(story):
    """`WS://` and `WSS://` are schemes like those in small letters. Asterisk takes them for the names of hosts."""
    return unmade(story, clients(story, r"(?=[a-z]*[A-Z])[A-Za-z]+://"))


def long_lines(story):
    """Lines may be as long as one likes. Asterisk skips one of more than 8,191 bytes."""
    connections = [its for its in clients(story, "ws") if len(its["client"]["uri"]) > LONGEST - len("uri = ")]
    made = unmade(story, connections)
    for act in story.commands("ari show outbound-websockets") if made else []:
        act["compare"] = {"contains": [f"valid   {connections[0]['client']['uri'][:50]}"]}
    return made


def default_ports(story):
    """Without a port in the `uri` the port is 80 for `ws://`. For Asterisk it is 443 always."""
    connections = clients(story, r"ws://[^:/\[]+(/|$)")
    for place, link in reversed(list(enumerate(story.links))):
        if connections and link.port == 443:
            story.remove_link(place)
            show_state(story, 443, 0.0, INFINITY, False)
    if len(configured.connections(story.files)) > 1:
        # Not every outage is told.
        return False
    story.logs += [f"{configured.host_of(its['client']['uri'])}:80" for its in connections]
    return bool(connections)


def addresses(story):
    """An address of IPv6 in brackets works, with and without a port. Asterisk loses the brackets and never connects."""
    connections = clients(story, r"ws://\[[^\]]*\](/|$)")
    if len(configured.connections(story.files)) > 1:
        return False
    story.logs += [f"[{configured.host_of(its['client']['uri'])}]:80" for its in connections]
    return bool(connections)


def tls_by_the_scheme(story):
    """`wss://` means TLS, whatever `tls_enabled` says. With `tls_enabled = no` Asterisk sends the credentials in the clear."""
    changed = False
    for place, link in enumerate(story.links):
        client = client_of(story, link) or {}
        if not client.get("uri", "").startswith("wss://") or client.get("tls_enabled") != "no" or not is_accepted(link):
            continue
        link.items, link.request, link.closed = [Item(link.made + NEXT, "hello")], None, link.made + 2 * NEXT
        story.acts = [act for act in story.acts if not (act["do"] == "say" and act["link"] == place)]
        show_state(story, link.port, link.made, INFINITY, False)
        changed = True
    return changed


def no_interval(story):
    """A `reconnect_interval` of less than 10 ms is taken for 10 ms. With 0 Asterisk tries thousands of times a second."""
    connections = clients(story, r"\d$", "reconnect_interval")
    served = any(listens(story, port_of(story, its), INFINITY) for its in connections)
    if connections and not served:
        story.logs.append("trying again every 10 ms")
    return bool(connections) and not served


def nameless(story):
    """A section `[]` is refused. Asterisk gives it a random name."""
    apps = [its.get("apps") for name, its in configured.sections(story.files, "ari.conf") if not name]
    for act in story.commands() if apps else []:
        lines = act["output"].splitlines(keepends=True)
        act["output"] = "".join(line for line in lines if not RANDOM.match(line) and line.rstrip("\n") not in apps)
    return bool(apps)


def quoted_lists(story):
    """Quotes around the whole list of `apps` are no part of the applications. Asterisk finds none in it for a call."""
    return found_for_calls(story, r'".*"$')


def blanks(story):
    """Blanks around the commas of `apps` mean nothing. Asterisk does not find `testapp` in `testapp , other`."""
    return found_for_calls(story, r".*\s,")


def found_for_calls(story, pattern):
    """Calls of applications that are found in a list like this, where Asterisk found none."""
    changed = False
    for connection in configured.connections(story.files):
        port = port_of(story, connection)
        if not re.match(pattern, connection["parameters"]["apps"]) or story.links:
            continue
        for act in story.of("enter"):
            name, app = act["channel"]["name"], act["channel"]["app"]
            if app in connection["apps"] and [name, 0, "FAILED"] in story.statuses:
                number = len(story.links) + 1
                story.links.append(Link.accepted(number, port, act["at"] + NEXT, f"{app}:{name}"))
                story.end_stasis(name, "SUCCESS")
                changed = True
    return changed
