# SPDX-License-Identifier: MIT OR Apache-2.0
"""Messages as they were recorded, what they say, and those that are made up."""

import json
import re
import sys

# Nobody knows how deep a recorded text is nested, or how long its numbers are.
sys.setrecursionlimit(1_000_000)
TIME = re.compile(r"\d{4}-\d\d-\d\dT(\d\d):(\d\d):(\d\d\.\d{3})[+-]\d{4}")
NOW = "2026-11-23T00:00:00.000+0000"
ASTERISK_ID = "02:fc:00:00:00:01"


class Number(str):
    """A number as it was written."""


def refused(text):
    raise ValueError(text)


def parsed(text):
    """The JSON value of a text; None if it is no JSON."""
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refused)
    except ValueError:
        return None


def is_json(text):
    return parsed(text) is not None or text.strip() == "null"


def members(text):
    value = parsed(text)
    return value if isinstance(value, dict) else {}


def string(value):
    """A value that is a string, without half characters."""
    if type(value) is not str or any("\ud800" <= character <= "\udfff" for character in value):
        return None
    return value


def member(text, name):
    return string(members(text).get(name))


class Item:
    """Something that Asterisk sent on a connection, and when."""

    def __init__(self, at, kind, value=None):
        self.at, self.kind, self.value = at, kind, value
        self._members = None

    @classmethod
    def text(cls, at, text):
        item = cls(at, "event", text)
        if item.type == "RESTResponse":
            item.kind = "answer"
        return item

    @property
    def members(self):
        if self._members is None:
            self._members = members(self.value) if self.kind in ("event", "answer") else {}
        return self._members

    def member(self, name):
        return string(self.members.get(name))

    @property
    def type(self):
        return self.member("type") or ""

    @property
    def application(self):
        """The application that it names."""
        if self.kind == "like":
            return (self.value.split(" ") + [None])[1]
        return self.member("application")

    @property
    def channel(self):
        return channel_of(self.members)

    def says(self, kind, application=None):
        return self.kind == "event" and self.type == kind and application in (None, self.application)

    def summary(self):
        """It in a few words: the type, the application, and what an event is about."""
        if self.kind in ("event", "answer"):
            channel = self.channel
            about = self.member("eventname")
            if about is None and channel:
                about = channel["id"]
            return " ".join(part for part in (self.member("type"), self.application, about) if part is not None)
        if self.kind == "close":
            return "Close" if self.value is None else f"Close {self.value}"
        return {"hello": "Hello", "pong": f"Pong {self.value}", "like": self.value}[self.kind]

    def copy(self, at):
        return Item(at, self.kind, self.value)


def channel_of(event):
    """The channel that an event is about."""
    channel = event.get("channel")
    if isinstance(channel, dict):
        identity, name = string(channel.get("id")), string(channel.get("name"))
        if identity is not None and name is not None:
            return {"id": identity, "name": name}
    return None


def milliseconds(time):
    """The time of day in milliseconds."""
    match = TIME.match(time or "")
    return ((float(match[1]) * 60 + float(match[2])) * 60 + float(match[3])) * 1000 if match else None


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def made_up(kind, application, name=""):
    """An event as Asterisk writes it."""
    event = {"type": kind, "timestamp": NOW}
    if not name:
        return compact(event | {"application": application, "asterisk_id": ASTERISK_ID})
    named = {"eventname": name, "userevent": {"eventname": name}}
    return compact(event | named | {"asterisk_id": ASTERISK_ID, "application": application})


def about_channel(kind, application, channel):
    """An event about a channel, as Asterisk writes it."""
    about = {"channel": {"id": channel["id"], "name": channel["name"]}}
    trailer = {"asterisk_id": ASTERISK_ID, "application": application}
    return compact({"type": kind, "timestamp": NOW} | about | trailer)


def request(data):
    """What a request is about, as far as a text is one."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    fields = members(text)
    said = {name: string(fields.get(name)) or "" for name in ("method", "uri", "transaction_id", "request_id")}
    path = said.pop("uri").split("?", 1)[0]
    return said | {"path": path, "text": text, "answer": None, "ours": False}


def answer(request, application):
    """The answer to a request that nobody refuses, or to a text that is no JSON."""
    body = {}
    if not is_json(request["text"]):
        status, reason = 400, "Failed to parse request message JSON"
    elif request["method"] == "GET":
        status, reason = 200, "OK"
        body = {"content_type": "application/json", "message_body": "{}"}
    else:
        status, reason = 204, "No Content"
    ids = {name: request[name] for name in ("transaction_id", "request_id")}
    head = {"type": "RESTResponse"} | ids | {"status_code": status, "reason_phrase": reason, "uri": request["path"]}
    return compact(head | body | {"application": application, "timestamp": NOW, "asterisk_id": ASTERISK_ID})


def is_answered_by(request, answer):
    """Whether an answer of Asterisk's may be meant for a request. What Asterisk cannot read it answers without ids and uri."""
    said = members(answer)
    names = ("transaction_id", "request_id")
    same = said.get("uri") == request["path"] and all(said.get(name) == request[name] for name in names)
    return said.get("uri") == "" or same
