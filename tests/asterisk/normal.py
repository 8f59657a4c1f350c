# SPDX-License-Identifier: MIT OR Apache-2.0
"""What varies from run to run replaced by stable placeholders, numbered in the order in which they appear."""

import json
import re

# Of these objects only what outbound websockets could get wrong matters.
KEPT = {
    "channel": ("id", "name", "state"),
    "replace_channel": ("id", "name"),
    "bridge": ("id", "bridge_type", "channels"),
    "playback": ("id", "media_uri", "target_uri", "state"),
    "recording": ("name", "format", "state"),
}

TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}\b")
PATTERNS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "uuid"),
    (re.compile(r"(?:/[\w.-]+)*/ariws-[a-z0-9_]{8}/\d+"), "folder"),
    (re.compile(r"\b\d{9,10}\.\d+\b"), "id"),
    (re.compile(r"(?<=[@/\w]-)[0-9a-f]{8}(?=;[12])"), "name"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}\b"), "port"),
)


class Placeholders:
    """Remembers what was replaced by what."""

    def __init__(self):
        self.known = {}

    def text(self, text):
        text = TIME.sub("<time>", text)
        for pattern, kind in PATTERNS:
            text = pattern.sub(lambda match, kind=kind: self._name(match[0], kind), text)
        return text

    def _name(self, value, kind):
        names = self.known.setdefault(kind, {})
        return names.setdefault(value, f"<{kind} {len(names) + 1}>")


def reduced(value, name=None):
    """A JSON value without what does not matter; name is that of the member that it is."""
    if isinstance(value, dict):
        kept = KEPT.get(name)
        return {key: reduced(item, key) for key, item in value.items() if kept is None or key in kept}
    if isinstance(value, list):
        return [reduced(item) for item in value]
    return value


def normal_message(fields):
    """A message without what does not matter."""
    if "message_body" in fields:
        fields = fields | {"message_body": normal_body(json.loads(fields["message_body"]))}
    return reduced(fields)


def normal_body(body):
    """The body of an answer: a resource is told by its ids, the rest is Asterisk's and differs between versions."""
    if isinstance(body, list):
        return [normal_body(item) for item in body]
    if isinstance(body, dict) and "id" in body:
        return {"id": body["id"], **({"name": body["name"]} if "name" in body else {})}
    if isinstance(body, dict) and "target_uri" in body:
        # A recording, which may have begun or not when the answer is made.
        return {key: value for key, value in body.items() if key != "state"}
    return body


def messages(connections, ignored=()):
    """The events and the answers of every connection; no order between the two is promised."""
    placeholders = Placeholders()
    result = []
    for connection in connections:
        events = [m.fields for m in connection.messages if m.type != "RESTResponse" and m.type not in ignored]
        answers = [m.fields for m in connection.messages if m.type == "RESTResponse"]
        part = {"events": [normal_message(event) for event in events], "answers": [normal_message(a) for a in answers]}
        result.append(json.loads(placeholders.text(json.dumps(part))))
    return result


def normal_text(text):
    """A command's output or the like."""
    return Placeholders().text(text)
