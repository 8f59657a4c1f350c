# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different in upgrades, frames, and how connections end."""

import configured
import frames
from configured import host_of
from completed import ACCEPTED
from messages import Item, made_up
from rules_applications import arrive
from rules_requests import answer_to, merge
from story import INFINITY, Link

# What Asterisk's command line prints when there is no Asterisk any more.
CRASHED = "Unable to connect to remote asterisk"
# The files that the recorder had for TLS, and what its certificates are for: names in subjectAltName.
RECORDED, PRESENT = "/g/tls/", ("ca.pem", "client_both.pem")
NAMES = {"ip": ["127.0.0.1"], "cnip": [], "dns": ["one.test"], "sanonly": ["one.test"], "other": ["other.example"]}


def silent_servers(story):
    """In Asterisk `connection_timeout` covers no more than TCP: a server that never answers holds the connection for ever, and
    one that answers late is heard. The library gives up and tries again."""
    changed = False
    for place, link in enumerate(list(story.links)):
        client = client_of(story, link)
        if client is None or link.request is None and not any(item.kind == "hello" for item in link.items):
            continue
        timeout = configured.milliseconds(client, "connection_timeout")
        if link.made is None or is_answered_within(link, timeout):
            continue
        over = link.made + timeout
        # Asterisk leaves a server that sends nothing but empty lines.
        is_blank = link.answers and not "".join(text for _, text in link.answers).strip()
        if not is_blank and not is_left_alone(story, place, over):
            continue
        link.drop(lambda item: item.kind != "hello")
        link.answers = [(after, text) for after, text in link.answers if after <= timeout]
        link.closed = over
        following = again(link, over + configured.milliseconds(client, "reconnect_interval"))
        later = (its.made for its in story.links if its.port == link.port and its.was_made_after(link.made))
        show_state(story, link.port, over, min(later, default=INFINITY), False)
        follow_with(story, following)
        changed = True
    story.about_time |= changed
    return changed


def first_frames(story):
    """A frame that comes together with the answer to the upgrade, or in one TLS record with others, is seen at once."""
    changed = False
    for act in story.requests():
        if act.get("beside") and act["request"]["answer"] is None:
            answer_to(story, act)
            changed = True
    for place, link in enumerate(list(story.links)):
        for frame in frames.read(link.beside):
            opcode, payload = frame.first & 0x0F, frame.payload.hex()
            pongs = [item for item in link.items if (item.kind, item.value) == ("pong", payload)]
            if opcode == frames.PING and not pongs:
                link.items.append(Item(link.made + 1.0, "pong", payload))
                changed = True
            elif opcode == frames.CLOSE:
                code = int.from_bytes(frame.payload[:2], "big") if frame.payload else None
                changed |= [(item.kind, item.value) for item in link.items] != [("close", code)]
                closed_at_once(story, place, code)
    for act in story.requests() if "certificate" in story.server else []:
        for item in story.links[act["link"]].items:
            its = act["request"]["answer"]
            if item.at > act["at"] + 1000.0 and its is not None and (item.kind, item.value) == ("answer", its):
                item.at = act["at"] + 1.0
                changed = True
                break
    return changed


def closed_at_once(story, place, code):
    """The server has closed a connection before anything was announced, which is made again after the interval."""
    link = story.links[place]
    link.items, link.closed = [Item(link.made + 0.4, "close", code)], link.made + 0.5
    unheard = [act for act in story.of("say") if act["link"] == place]
    story.acts = [act for act in story.acts if act not in unheard]
    following = again(link, link.made + 16.0)
    following.announce(following.made + 0.1, *configured.applications(story.files)[:1])
    following.answers = [(0.0, ACCEPTED)]
    follow_with(story, following)


def broken_frames(story):
    """The library closes with the code of RFC 6455 what breaks the protocol, and connects again. Asterisk passes over most."""
    readers = [frames.Reader() for _ in story.links]
    for act in story.of("say"):
        if not (code := readers[act["link"]].violation(act["bytes"])):
            continue
        at, link = act["at"], story.links[act["link"]]
        link.drop(lambda item: item.at >= at)
        link.items.append(Item(at + 0.1, "close", code))
        link.answers_close, link.closed = True, at + 0.2
        of_link = [its for its in story.of("say") if its["link"] == act["link"] and its["at"] > at]
        story.acts = [its for its in story.acts if its not in of_link]
        follow_with(story, again(link, at + 0.3))
        return True
    return False


def closes(story):
    """The library answers a Close as it came, without a code if it had none; Asterisk then says 1000."""
    changed = False
    for act in story.of("say"):
        if act["bytes"] == frames.framed(frames.FINAL | frames.CLOSE, b""):
            for item in story.links[act["link"]].items:
                if item.at > act["at"] and (item.kind, item.value) == ("close", 1000):
                    item.value, changed = None, True
                    break
    return changed


def frames_in_pieces(story):
    """A frame may come in as many pieces as it likes, and stay unfinished: the library goes on meanwhile. Asterisk is blocked
    by it, drops the connection, and may crash."""
    changed = False
    for act in [act for act in story.of("say") if act["pieces"] or act["unfinished"]]:
        link = act["link"]
        rests = (its["at"] for its in story.of("say") if its["rest"] and its["link"] == link and its["at"] > act["at"])
        if (rest := next(rests, None)) is not None:
            for item in story.links[link].items:
                if item.kind != "answer" and item.at > rest:
                    item.at, changed = rest - 1.0, True
            continue
        changed |= goes_on(story, link, act["at"])
        if act["pieces"] and act["request"]:
            answer_to(story, act)
    return changed


def stopped_reading(story):
    """A server that stops reading is left after `write_timeout`, and what it has not taken is sent on the next connection.
    Asterisk loses events, and may crash."""
    floods = [act for act in story.of("flood") if act["awaited"] is None]
    if not floods:
        return False
    for place, link in enumerate(story.links[1:], 1):
        made = floods[0]["at"] if link.made is None else link.made
        story.links[place] = again(story.links[0], made)
        story.links[place].number = link.number
    survive(story)
    return True


def unloading(story):
    """However Asterisk ends, the library takes leave of every application."""
    changed = False
    for act in story.of("unload")[:1]:
        at = act["at"]
        for link in story.links:
            if link.closed is not None and link.closed > at and not any(item.kind == "close" for item in link.items):
                unregistered = made_up("ApplicationUnregistered", link.application or "")
                link.items += [Item(at + 0.1, "event", unregistered), Item(at + 0.2, "close", 1000)]
                link.answers_close = changed = True
    return changed


def certificates(story):
    """The library takes files that are missing, and names that are not the certificate's, for what they are."""
    if "certificate" not in story.server:
        return False
    names = NAMES.get(story.server["certificate"], ["127.0.0.1"])

    def is_refused(link):
        client = client_of(story, link)
        if client is None:
            return False
        paths = [client.get(name, "") for name in ("ca_list_file", "cert_file", "priv_key_file")]
        missing = any(path and path not in [RECORDED + file for file in PRESENT] for path in paths)
        return missing or client.get("verify_server_hostname") != "no" and host_of(client.get("uri", "")) not in names

    return refuse_each(story, True, is_refused)


def answers(story):
    """The library judges an answer as RFC 6455 section 4.1 says."""

    def is_refused(link):
        accepts = values(link, "sec-websocket-accept")
        return bool(link.request) and (len(accepts) > 1 or not is_offered(link))

    refused = refuse_each(story, False, is_refused)
    for place, link in enumerate(story.links):
        if not is_accepted(link) and has_a_list_of_connection_options(link):
            accept(story, place)
            return True
    return refused


def values(link, name):
    """The values of a field of the answer."""
    head = "".join(text for _, text in link.answers).split("\r\n\r\n")[0]
    fields = (line.partition(":") for line in head.splitlines()[1:] if ":" in line)
    return [value.strip() for its, _, value in fields if its.lower() == name]


def is_offered(link):
    """Whether the subprotocol, if there is one, was offered."""
    lines = (link.request or "").splitlines()
    named = [line.partition(": ")[2] for line in lines if line.startswith("Sec-WebSocket-Protocol: ")]
    offered = {protocol.strip().lower() for line in named for protocol in line.split(",")}
    return all(chosen.lower() in offered for chosen in values(link, "sec-websocket-protocol"))


def has_a_list_of_connection_options(link):
    """Whether nothing but the other options beside `Upgrade` makes Asterisk refuse the answer."""
    options = [option.strip().lower() for value in values(link, "connection") for option in value.split(",")]
    return (
        len(options) > 1
        and "upgrade" in options
        and link.answers[0][1].startswith("HTTP/1.1 101")
        and [value.lower() for value in values(link, "upgrade")] == ["websocket"]
        and values(link, "sec-websocket-accept") == ["<accept>"]
        and not values(link, "sec-websocket-extensions")
        and is_offered(link)
    )


def refuse_each(story, unasked, is_refused):
    """The library refuses each connection that Asterisk accepted and of which this is so, before it asks for the upgrade or
    when it has the answer. Whether there was one."""
    refused = [place for place, link in enumerate(story.links) if is_accepted(link) and is_refused(link)]
    for place in refused:
        link = story.links[place]
        link.items, link.closed = [], link.made + 0.1
        link.request = None if unasked else link.request
        # The server may end any connection.
        unheard = [act for act in story.of("say") if act["link"] == place and (act["bytes"] or not act["then"])]
        story.acts = [act for act in story.acts if act not in unheard]
        show_state(story, link.port, link.made, INFINITY, False)
    return bool(refused)


def accept(story, place):
    """The library accepts a connection that Asterisk did not, and makes no other one."""
    link = story.links[place]
    for later in range(len(story.links) - 1, place, -1):
        if story.links[later].port == link.port:
            story.remove_link(later)
    connections = configured.connections(story.files)
    apps = next((its["apps"] for its in connections if configured.leads_to(its, link.port)), [])
    made = link.made or 0.0
    link.closed, link.items = None, []
    link.announce(made + 0.1, *apps)
    show_state(story, link.port, made, INFINITY, True)


def show_state(story, port, after, until, up):
    """From one moment to another lists of sessions show the connection to a port as one that is up or down."""
    rows = [f"{'N/A':<32} Down ", f"{f'127.0.0.1:{port}':<32} Up   "]
    for act in story.commands():
        if after < act["at"] < until:
            act["output"] = act["output"].replace(rows[not up], rows[up])


def is_accepted(link):
    """Whether Asterisk sent events on it."""
    return link.made is not None and any(item.kind == "event" for item in link.items)


def client_of(story, link):
    """The parameters of the client that a connection is made by."""
    if link.made is None:
        return None
    connections = configured.connections(story.files_at(link.made))
    return next((its["client"] for its in connections if configured.leads_to(its, link.port)), None)


def is_left_alone(story, place, until):
    """Whether nothing but time ends a connection before a moment."""
    link = story.links[place]

    def disturbs(act):
        if act["do"] == "say":
            return act["link"] == place
        if act["do"] == "command":
            return act["line"].startswith("ari shutdown ")
        return act["do"] in ("reload", "end", "unload")

    disturbed = any(link.made < act["at"] <= until and disturbs(act) for act in story.acts)
    return not story.begun and not disturbed and (link.closed is None or link.closed > until)


def is_answered_within(link, timeout):
    """Whether the whole head of an answer came in time."""
    # Empty lines before an answer are none of it.
    answer = "".join(text for after, text in link.answers if after <= timeout).lstrip("\r\n")
    return "\r\n\r\n" in answer or "\n\n" in answer


def again(link, made):
    """The same connection once more."""
    first = [item for item in link.items if item.kind == "hello" or item.says("ApplicationRegistered")][:1]
    items = [item.copy(made + 0.1) for item in first]
    same = {name: getattr(link, name) for name in ("port", "request", "answers_close")}
    return Link(0, made=made, answers=list(link.answers), items=items, **same)


def follow_with(story, following):
    """A connection is followed by another one, unless one is recorded."""
    if not any(link.was_made_after(following.made - 1.0) for link in story.links):
        following.number = max((link.number for link in story.links), default=0) + 1
        story.links.append(following)


def goes_on(story, place, at):
    """A connection stays, where Asterisk dropped it after a moment and went on, if at all, on another one. Whether it did."""
    link = story.links[place]
    dropped = link.closed is not None
    link.drop(lambda item: item.at >= at and item.kind == "close")
    while (following := next((its for its, link in enumerate(story.links) if link.was_made_after(at)), None)) is not None:
        merge(story, place, following)
    link.closed = None
    survive(story)
    # When channels entered and left applications, as requests over HTTP tell.
    stays = {"POST": "StasisStart", "DELETE": "StasisEnd"}
    for act in story.of("http"):
        if act["path"].startswith("channels") and act["method"] in stays:
            app = link.application or ""
            arrive(story, app, act["at"] + 1.0, made_up(stays[act["method"]], app))
    return dropped


def survive(story):
    """Commands find a connection that is up where Asterisk has crashed."""
    for act in story.commands():
        if act["output"].startswith(CRASHED):
            act["compare"] = {"contains": [" Up "]}
