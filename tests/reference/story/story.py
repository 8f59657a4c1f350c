# SPDX-License-Identifier: MIT OR Apache-2.0
"""A recorded case becomes a story: what was done is told apart from what came of it."""

import re

import completed
import configured
import dialplan
import frames
from messages import Item, channel_of, is_answered_by, made_up, member, members, milliseconds, request

INFINITY = float("inf")
# Events of the connection itself, which the library sends by itself or which registering makes the host send.
OWN = ("ApplicationRegistered", "ApplicationUnregistered", "ApplicationReplaced")
# What arrived within this many milliseconds after it was made was never queued.
AT_ONCE = 20.0
# What a server sent within this many milliseconds was one write; times are recorded in tenths.
SAME_WRITE = 0.05
# What is sent within so many milliseconds of the end of its connection is sent together with that.
SAME_SEGMENT = 1.0
# What was observed in the same tenth of a millisecond is told apart by this many milliseconds.
LATER = 1e-6
# What a text that was cut ends with, if it was a request whose method was cut off.
PING = '", "method": "GET", "uri": "asterisk/ping"}'


class Link:
    """A connection that Asterisk made; `made` is None if it exists already when the case begins."""

    def __init__(self, number, **fields):
        self.number, self.port, self.made, self.request, self.closed = number, 0, None, None, None
        self.answers, self.items, self.beside, self.answers_close = [], [], b"", False
        self.answered = []
        self.__dict__.update(fields)

    @classmethod
    def accepted(cls, number, port, at, *applications):
        """One that Asterisk did not make, on which these applications are announced."""
        link = cls(number, port=port, made=at, request="", answers=[(0.0, completed.ACCEPTED)])
        link.announce(at + 0.1, *applications)
        return link

    @property
    def application(self):
        """The application of the first message."""
        return next((app for item in self.items if (app := item.application) is not None), None)

    def drop(self, unwanted):
        """Takes away what Asterisk sent; whether there was any of it."""
        before = len(self.items)
        self.items = [item for item in self.items if not unwanted(item)]
        return len(self.items) < before

    def announce(self, at, *applications):
        self.items += [Item(at, "event", made_up("ApplicationRegistered", app)) for app in applications]

    def was_made_after(self, at):
        return self.made is not None and self.made > at

    def ends_before(self, at):
        return self.closed is not None and self.closed < at


class Story:
    def __init__(self, case):
        self.id, self.files, self.server = case["id"], case["files"], case["server"]
        self.acts, self.links, self.elsewhere, self.unknown, self.met, self.logs = [], [], set(), [], set(), []
        self.begun = completed.time_of(case, "load") is None
        self.load, self.about_time, self.left = None, False, []
        self.statuses, self.last_event = dialplan.statuses(case), {}
        self.ports = configured.ports(self.files)
        end = completed.end(case)
        observed = [entry for entry in case["observed"] if "t" in entry and entry["t"] <= end]
        self.observed = [entry | {"t": entry["t"] + LATER * place} for place, entry in enumerate(observed)]
        self.add_steps(case["steps"])
        self.add_links()
        self.add_servers()
        self.offset = offset(self.observed)
        for entry in self.observed:
            self.add_entry(entry)
        self.pair_requests()
        dialplan.add_entries(self, case)
        if self.begun:
            self.add(-INFINITY, "load")
        self.add(INFINITY, "end")
        self.sort()

    def add(self, at, do, **fields):
        self.acts.append({"at": at, "do": do} | fields)
        return self.acts[-1]

    def sort(self):
        """What happens at the same moment stays in the order in which it was added."""
        self.acts.sort(key=lambda act: act["at"])
        for link in self.links:
            link.items.sort(key=lambda item: item.at)

    def of(self, *kinds):
        return [act for act in self.acts if act["do"] in kinds]

    def commands(self, line=None):
        return [act for act in self.of("command") if line is None or act["line"] == line]

    def requests(self):
        """Every message of an application that may be a request."""
        return [act for act in self.of("say") if act["request"]]

    def files_at(self, at):
        """The files at a moment."""
        files = dict(self.files)
        for act in self.of("write"):
            if act["at"] < at:
                files |= act["files"]
        return files

    def link(self, number):
        """The place of the connection of that number."""
        for place, link in enumerate(self.links):
            if link.number == number:
                return place
        self.links.append(Link(number))
        return len(self.links) - 1

    def add_steps(self, steps):
        for at, do, *rest in steps:
            if do in ("load", "unload"):
                self.add(at, do)
            elif do in ("listen", "stop_listening", "silent"):
                self.ports |= {rest[0]} if do == "listen" else set()
                self.about_time |= do == "silent"
                self.add(at, do, port=rest[0])
            elif do in ("stop_reading", "read_again"):
                self.add(at, "deaf", link=0, deaf=do == "stop_reading")
                if do == "stop_reading":
                    self.add(at, "flood", count=rest[0], awaited=None)
            elif do == "slow":
                self.add(at, "slow", link=0)
                # As many as the recorded server had read.
                self.add(at, "flood", count=rest[0], awaited=rest[0] // 3)
            elif do == "write":
                self.ports |= configured.ports(rest[0])
                self.add(at, "write", files=rest[0])

    def add_links(self):
        asked = {}
        for entry in self.observed:
            if "conn" not in entry:
                continue
            link, kind = self.links[self.link(entry["conn"])], entry.get("kind", "text")
            if (entry["dir"], kind) == (">", "tcp-connect"):
                link.made, link.port = entry["t"], entry.get("port") or 0
            elif (entry["dir"], kind) == (">", "http-request"):
                link.request = entry.get("raw", "")
                asked[link.number] = entry["t"]
            elif (entry["dir"], kind) == ("<", "http-response"):
                after = entry["t"] - asked.get(link.number, entry["t"])
                link.answers.append((max(after, 0.0), entry.get("raw", "")))
                link.answered.append(entry["t"])
            elif (entry["dir"], kind) == ("<", "close-reply"):
                link.answers_close = True

    def add_servers(self):
        """Servers that no step starts listen all the time."""
        for port in sorted({link.port for link in self.links if link.made is not None}):
            self.ports.add(port)
            if not self.begun and not any(act["port"] == port for act in self.of("listen")):
                self.add(-INFINITY, "listen", port=port)

    def add_entry(self, entry):
        kind = entry.get("kind", "text")
        direction = entry.get("dir")
        if direction == "cli":
            self.add_command(entry)
        elif direction == "http":
            self.add_http(entry)
        elif direction == "inbound-client" and kind == "connected":
            name = entry.get("name", "")
            identity, address = inbound_session(self.observed) or (f"inbound-{name}", "")
            apps = re.search(r"[?&]app=([^& ]*)", entry["raw"])[1].split(",")
            at = self.before_effects(entry)
            self.add(at, "inbound", name=name, id=identity, address=address, apps=apps)
        elif direction == "asterisk->inbound-client" and kind == "text":
            if name := member(entry["raw"], "eventname"):
                self.elsewhere.add(name)
            # A channel that enters the application of somebody else.
            if member(entry["raw"], "type") == "StasisStart" and (channel := channel_of(members(entry["raw"]))):
                self.end_stasis(channel["name"], "SUCCESS")
        elif direction == "asterisk->inbound-client" and kind == "closed":
            self.left.append((entry["t"], entry.get("name", "")))
            # One that Asterisk closed with a code was shut down by a command.
            if entry.get("code") is None:
                self.add(entry["t"], "inbound_gone", name=entry.get("name", ""))
        elif direction == "<" and "conn" in entry:
            self.add_said(self.link(entry["conn"]), entry, kind)
        elif direction == ">" and "conn" in entry:
            self.add_item(self.link(entry["conn"]), entry, kind)

    def add_command(self, entry):
        line, output = entry.get("cmd", ""), entry.get("raw", "")
        at = entry["t"] if only_shows(line) else self.before_effects(entry)
        if line.startswith("core restart "):
            self.add(self.before_effects(entry) + 2 * LATER, "load")
        if line == "core reload" or re.match(r"module reload (res_ari|res_websocket_client)\.so", line):
            self.add(at, "reload")
        elif line.startswith(("core stop ", "core restart ")) or output == "Unloaded res_ari.so\n":
            self.add(at, "unload")
        else:
            self.add(at, "command", line=line, output=output, compare="whole")

    def add_http(self, entry):
        method, _, target = entry.get("request", "").partition(" ")
        path, _, query = target.partition("?")
        # A channel that has hung up when the answer comes may have entered its application before.
        at = entry["t"] if method == "DELETE" else entry["t"] - entry.get("took_ms", 0.0)
        path = path.removeprefix("/ari/")
        self.add(at, "http", method=method, path=path, query=query, status=entry.get("status") or 0)

    def add_said(self, link, entry, kind):
        at = entry["t"]
        if "unknown" in entry:
            self.unknown.append(f'nobody knows how a server sends "{entry["unknown"]}"')
        if kind in ("http-response", "close-reply", "nothing"):
            return
        if kind in ("fin", "rst"):
            before = self.acts[-1] if self.acts else {}
            if kind == "fin" and before.get("do") == "say" and before["link"] == link and at - before["at"] < SAME_SEGMENT:
                if not any(before[name] for name in ("then", "request", "unfinished", "rest", "pieces")):
                    before["then"] = "fin"
                    return
            self.add(at, "say", link=link, bytes=b"", then=kind, **dict.fromkeys(("pieces", "unfinished", "rest", "request")))
            return
        data, asked = said(entry, kind)
        fields = {name: entry.get(name) for name in ("pieces", "unfinished", "rest")} | {"request": asked, "then": None}
        if any(abs(at - answered) < SAME_WRITE for answered in self.links[link].answered):
            self.links[link].beside += data
            for frame in frames.read(data):
                if frame.first & 0x0F == frames.TEXT and (asked := request(frame.payload)):
                    self.add(at, "say", link=link, bytes=b"", **fields | {"request": asked, "beside": True})
            return
        if entry.get("together") and (before := [act for act in self.of("say") if act["link"] == link and act["request"]]):
            data, before[-1]["bytes"] = before[-1]["bytes"] + data, b""
        self.add(at, "say", link=link, bytes=data, **fields)

    def add_item(self, place, entry, kind):
        at, link, raw = entry["t"], self.links[place], entry.get("raw", "")
        if kind in ("tcp-eof", "eof", "eof-before-request-complete") or kind.startswith("tcp-error"):
            link.closed = at
        elif kind == "text":
            item = Item.text(at, raw)
            if item.kind == "event" and item.type and item.type not in OWN:
                self.add_event(place, item)
            link.items.append(item)
        elif kind in ("close", "pong", "tls client hello"):
            value = {"close": entry.get("code"), "pong": raw}.get(kind)
            link.items.append(Item(at, kind.split(" ")[-1], value))
        elif kind not in ("tcp-connect", "http-request"):
            self.unknown.append(f'nobody knows what "{kind}" of Asterisk\'s is')

    def add_event(self, link, item):
        """An event that Asterisk had is one that the host has when it was made, which may be long before it arrived."""
        made, at = milliseconds(item.member("timestamp")), item.at
        if made is not None and self.offset is not None and at - (made + self.offset) >= AT_ONCE:
            at = made + self.offset
        # Events of one connection were made in the order in which they arrived.
        at = self.last_event[link] = max(at, self.last_event.get(link, at))
        self.has_event(link, item.application or "", at, item.value)

    def has_event(self, link, application, at, text):
        """Asterisk has an event for an application."""
        channel, kind = channel_of(members(text)), member(text, "type")
        self.add(at, "event", link=link, application=application, kind=kind, channel=channel, text=text)

    def before_effects(self, entry):
        """A command that changes something is run before the first thing that came of it."""
        begun = entry["t"] - entry.get("took_ms", 1.0)
        heard = (effect["t"] for effect in self.observed if effect.get("dir") == ">")
        return min((at for at in heard if begun < at <= entry["t"]), default=entry["t"]) - 0.05

    def pair_requests(self):
        """Gives every request its answer. They are answered one at a time and in order; some never were."""
        for place, link in enumerate(self.links):
            waiting = sorted((act for act in self.requests() if act["link"] == place), key=lambda act: act["at"])
            for item in link.items:
                if item.kind != "answer":
                    continue
                for index, act in enumerate(waiting):
                    if act["at"] <= item.at and is_answered_by(act["request"], item.value):
                        act["request"]["answer"] = item.value
                        del waiting[: index + 1]
                        break

    def end_stasis(self, channel, status):
        """What STASISSTATUS is after the first time of a channel in an application."""
        self.statuses = [known for known in self.statuses if known[:2] != [channel, 0]]
        self.statuses.append([channel, 0, status])

    def remove_link(self, place):
        """A connection is not made."""
        del self.links[place]
        self.acts = [act for act in self.acts if not (act["do"] in ("say", "event") and act["link"] == place)]
        self.move_links(place, None)

    def move_links(self, gone, to):
        for act in self.of("say", "event"):
            if act["link"] == gone:
                act["link"] = to
            elif act["link"] > gone:
                act["link"] -= 1


def offset(observed):
    """What is to be added to the time in a message to get the time since the case began."""
    differences = []
    for entry in observed:
        if entry.get("dir") == ">" and (made := milliseconds(member(entry.get("raw", ""), "timestamp"))) is not None:
            differences.append(entry["t"] - made)
    return min(differences, default=None)


def said(entry, kind):
    """The bytes that a server sent, and the request that they may be."""
    if kind == "bytes":
        asked = entry.get("text")
        return bytes.fromhex(entry["raw"]), asked and request(bytes.fromhex(asked))
    text = bytes.fromhex(entry["raw_hex"]) if "raw_hex" in entry else whole(entry).encode()
    if "frames" not in entry:
        return frames.text(text), request(text)
    data = b"".join(frames.made(fields, text) for fields in entry["frames"])
    asks = entry["frames"][0]["op"] == frames.TEXT and "hex" not in entry["frames"][0]
    return data, request(text) if asks else None


def whole(entry):
    """The whole of a text that was cut: what it ends in is repeated up to its length, and what is open is closed."""
    raw, length = entry.get("raw", ""), entry.get("raw_len")
    start = raw.removesuffix("...").removesuffix("…")
    if length is None or start == raw:
        return raw
    if start.endswith("["):
        before = start.rstrip("[")
        end = '}"}' if '"message_body": "{' in before else "}"
        depth = max(0, length - len((before + end).encode())) // 2
        return before + "[" * depth + "]" * depth + end
    end = '"}' if '"method"' in start else PING
    return start + start[-1:] * max(0, length - len((start + end).encode())) + end


def only_shows(line):
    """Whether a command changes nothing."""
    return line.lower().startswith(("ari show ", "dialplan show ", "core show ", "_command "))


def parameter(query, name):
    """The value of a parameter as it is written; None without one."""
    pairs = (pair.partition("=") for pair in query.split("&"))
    return next((value for its, sign, value in pairs if sign and its == name), None)


def inbound_session(observed):
    """The id and the address of an inbound session, as a list of sessions shows them. Without one any id will do."""
    for entry in observed:
        for line in entry.get("raw", "").splitlines() if entry.get("dir") == "cli" else []:
            cells = line.split()
            if len(cells) > 2 and cells[1] == "inbound":
                return cells[0], cells[2]
    return None
