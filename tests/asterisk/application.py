# SPDX-License-Identifier: MIT OR Apache-2.0
"""The application's side: a scripted websocket server that records what every connection says, and when."""

import asyncio
import itertools
import json
import socket
import struct
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from waiting import DEADLINE, Missing, Watched


@dataclass
class Message:
    """One text message of the PBX."""

    fields: dict
    arrival: float
    raw: str
    claimed: bool = field(default=False, compare=False)

    @property
    def type(self):
        return self.fields["type"]

    def matches(self, kind, fields):
        return self.type == kind and all(self.fields.get(name) == value for name, value in fields.items())


@dataclass
class Answer:
    """A RESTResponse."""

    status: int
    reason: str
    body: object
    fields: dict


class Connection(Watched):
    """One websocket connection of the PBX."""

    def __init__(self, application, websocket, number):
        super().__init__()
        self.application = application
        self.websocket = websocket
        self.number = number
        self.opened = time.monotonic()
        self.ended = None
        self.messages: list[Message] = []
        self._requests = itertools.count(1)

    def __str__(self):
        got = [f"{message.type} {message.fields.get('application', '')}" for message in self.messages]
        return f"connection {self.number} {'has ended' if self.ended else 'is open'}, got {got}"

    def changed(self):
        super().changed()
        self.application.changed()

    @property
    def path(self):
        return self.websocket.request.path

    @property
    def headers(self):
        return self.websocket.request.headers

    @property
    def close_code(self):
        """What the PBX said in its Close frame; 1006 without one."""
        received = self.websocket.protocol.close_rcvd
        return received.code if received else 1006

    async def record(self):
        try:
            async for raw in self.websocket:
                self.messages.append(Message(json.loads(raw), time.monotonic(), raw))
                self.changed()
        except ConnectionClosed:
            pass
        finally:
            self.ended = time.monotonic()
            self.changed()

    async def expect(self, kind, where=None, seconds=DEADLINE, **fields):
        """Claims and returns the first message of this type with these fields that nobody has claimed."""

        def find():
            for message in self.messages:
                if not message.claimed and message.matches(kind, fields) and (where is None or where(message.fields)):
                    message.claimed = True
                    return message
            if self.ended:
                raise Missing(f"no {kind} {fields or ''}; {self}")
            return None

        return await self.until(find, f"{kind} {fields or ''}", seconds)

    async def expect_channel(self, kind, channel, **fields):
        """Like expect, for an event of the channel with this id."""
        return await self.expect(kind, lambda event: event["channel"]["id"] == channel, **fields)

    async def quiet(self, kind, seconds, **fields):
        """Asserts that no such message that is not yet claimed is there or comes within the window."""
        try:
            message = await self.expect(kind, seconds=seconds, **fields)
        except Missing:
            return
        raise AssertionError(f"unexpected {message.raw}")

    def of_type(self, *kinds):
        return [message for message in self.messages if message.type in kinds]

    async def send(self, text):
        await self.websocket.send(text)

    async def send_request(self, method, uri, **more):
        """Sends a RESTRequest and returns its request_id."""
        more.setdefault("request_id", f"request {next(self._requests)}")
        await self.send(json.dumps({"type": "RESTRequest", "method": method, "uri": uri, **more}))
        return more["request_id"]

    async def answer(self, request_id, seconds=DEADLINE):
        fields = (await self.expect("RESTResponse", request_id=request_id, seconds=seconds)).fields
        body = fields.get("message_body")
        return Answer(fields["status_code"], fields["reason_phrase"], json.loads(body) if body else body, fields)

    async def request(self, method, uri, **more):
        """Sends a RESTRequest and returns the answer."""
        return await self.answer(await self.send_request(method, uri, **more))

    async def ask(self, method, uri, status, **more):
        """Like request, for one that must be answered with this status; returns the body."""
        answer = await self.request(method, uri, **more)
        assert answer.status == status, f"{method} {uri}: {answer.fields}"
        return answer.body

    async def close(self, code=1000):
        """Closes with a Close frame and waits for the answer."""
        await self.websocket.close(code)

    def abort(self):
        """Ends the connection with a reset, as the kernel does for a process that is killed with bytes unread."""
        transport = self.websocket.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def closed(self, seconds=DEADLINE):
        """Waits until the connection has ended; returns the PBX's close code."""
        await self.until(lambda: self.ended, "end of the connection", seconds)
        return self.close_code

    async def stays(self, seconds):
        """Asserts that the connection does not end within the window."""
        try:
            await self.closed(seconds)
        except Missing:
            return
        raise AssertionError(f"unexpected end; {self}")


class Application(Watched):
    """A server with a port of its own, which stays reserved while it does not listen."""

    def __init__(self, address="127.0.0.1", tls=None):
        super().__init__()
        self.address = address
        self.tls = tls
        self.reserved = bound_socket(0, address)
        self.port = self.reserved.getsockname()[1]
        self.connections: list[Connection] = []
        self.handshakes = []
        self.refusal = None
        self.dropping = False
        self.answer_headers = {}
        self.answering = asyncio.Event()
        self.answering.set()
        self._claimed = 0
        self._server = None
        self._numbers = itertools.count(1)

    def __str__(self):
        state = "listens" if self._server else "does not listen"
        return f"the application {state}, saw {len(self.handshakes)} handshakes, {[str(c) for c in self.connections]}"

    @property
    def uri(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}/ari"

    async def listen(self):
        self._server = await serve(
            self._serve,
            sock=bound_socket(self.port, self.address),
            ssl=self.tls,
            process_request=self._handshake,
            process_response=self._answer,
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=2,
            max_size=None,
        )

    async def stop_listening(self):
        """Refuses new connections; those that are open go on."""
        server, self._server = self._server, None
        if server:
            server.close(close_connections=False)

    async def kill(self):
        """What the death of the application's process is to the PBX: resets, then nobody listens."""
        await self.stop_listening()
        for connection in self.connections:
            if not connection.ended:
                connection.abort()

    async def end(self):
        self.answering.set()
        await self.kill()
        self.reserved.close()

    def refuse(self, status):
        """Answers upgrade requests with this HTTP status; None accepts them again."""
        self.refusal = status

    def drop(self):
        """Accepts upgrades and ends each connection at once, without a Close frame."""
        self.dropping = True

    def answer_with(self, **headers):
        """Changes headers of the answer to an upgrade request; `_` stands for `-`."""
        self.answer_headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def hold(self):
        """Accepts TCP connections but answers no upgrade request until release."""
        self.answering.clear()

    def release(self):
        self.answering.set()

    async def _handshake(self, websocket, request):
        self.handshakes.append((time.monotonic(), request))
        self.changed()
        await self.answering.wait()
        if self.refusal:
            return websocket.respond(HTTPStatus(self.refusal), "refused\n")
        return None

    def _answer(self, websocket, request, response):
        for name, value in self.answer_headers.items():
            if name in response.headers:
                del response.headers[name]
            response.headers[name] = value

    async def _serve(self, websocket):
        connection = Connection(self, websocket, next(self._numbers))
        self.connections.append(connection)
        self.changed()
        if self.dropping:
            websocket.transport.close()
        await connection.record()

    async def connection(self, seconds=DEADLINE):
        """The next connection, in the order in which they were opened."""
        number = self._claimed
        await self.until(lambda: len(self.connections) > number, f"connection {number + 1}", seconds)
        self._claimed = number + 1
        return self.connections[number]

    async def no_connection(self, seconds):
        """Asserts that no further connection is there or comes within the window."""
        try:
            await self.connection(seconds)
        except Missing:
            return
        raise AssertionError(f"unexpected connection; {self}")


def bound_socket(port, address="127.0.0.1"):
    """Bound with SO_REUSEADDR, so that another socket may listen on the port while this one keeps it."""
    endpoint = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    endpoint.bind((address, port))
    endpoint.setblocking(False)
    return endpoint
