# SPDX-License-Identifier: MIT OR Apache-2.0
"""An ARI user as a guest of Asterisk: the same requests over an outbound websocket and over Asterisk's own HTTP interface."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

USERS = {"user1": {"password": "userpass"}, "reader": {"password": "userpass", "read_only": "yes"}}


@dataclass(frozen=True)
class Request:
    """One request; placeholders such as <file> stand for what is another thing each time."""

    method: str
    path: str
    query: dict = field(default_factory=dict)
    form: dict | None = None
    body: object = None

    def __str__(self):
        parts = {"query": self.query, "form": self.form, "body": self.body}
        shown = [f"{name} {json.dumps(part)}" for name, part in parts.items() if part]
        return " ".join([self.method, self.path, *shown])

    def filled(self, **values):
        """The same with the placeholders replaced."""

        def fill(value):
            if isinstance(value, dict):
                return {fill(key): fill(item) for key, item in value.items()}
            if isinstance(value, list):
                return [fill(item) for item in value]
            if isinstance(value, str):
                for name, text in values.items():
                    value = value.replace(f"<{name}>", text)
            return value

        return Request(self.method, fill(self.path), fill(self.query), fill(self.form), fill(self.body))

    @property
    def only_reads(self):
        return self.method in ("GET", "OPTIONS")


class OverWebsocket:
    """Asks over a connection that Asterisk made."""

    def __init__(self, connection):
        self.connection = connection

    async def ask(self, request):
        more = {}
        if request.form is not None:
            more = {"content_type": "application/x-www-form-urlencoded", "message_body": urlencode(request.form)}
        elif request.body is not None:
            more = {"content_type": "application/json", "message_body": json.dumps(request.body)}
        uri = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
        answer = await self.connection.request(request.method, uri, **more)
        return answer.status, answer.body


class OverHttp:
    """Asks Asterisk's HTTP server."""

    def __init__(self, asterisk, user):
        self.asterisk = asterisk
        self.user = f"{user}:userpass"

    async def ask(self, request):
        reply = await self.asterisk.http(
            request.method, request.path, request.body, self.user, request.form, **request.query
        )
        return reply.status, reply.body
