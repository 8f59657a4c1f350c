# SPDX-License-Identifier: MIT OR Apache-2.0
"""A websocket server, byte by byte, for an Asterisk to connect to: it resets, falls silent, stops reading."""

import asyncio
import base64
import hashlib
import json
import socket
import struct

from waiting import Watched

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Link(asyncio.Protocol):
    """One TCP connection from an Asterisk, with everything that came over it."""

    def __init__(self, peer):
        self.peer = peer
        self.messages = []
        self.close_code = None
        self.upgraded = False
        self.ended = False
        # We have begun to end it.
        self.ending = False
        self.transport = None
        self._bytes = bytearray()
        self._rest = b""

    def connection_made(self, transport):
        self.transport = transport
        self.peer.links.append(self)
        self.peer.changed()

    def connection_lost(self, error):
        self.ended = True
        self.peer.changed()

    def data_received(self, data):
        self._bytes += data
        if not self.upgraded and not self._upgrade():
            return
        while frame := self._frame():
            self._take(*frame)
        self.peer.changed()

    def _upgrade(self):
        """Answers the upgrade request when it is complete, unless the peer is a silent one."""
        head, end, rest = bytes(self._bytes).partition(b"\r\n\r\n")
        if not end or not self.peer.answers_upgrade:
            return False
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        key = next(value for name, value in headers.items() if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: ari\r\n\r\n"
        )
        self._bytes = bytearray(rest)
        self.upgraded = True
        return True

    def _frame(self):
        """Takes the next whole frame off the buffer: every frame of Asterisk's is masked and complete in itself."""
        data = self._bytes
        if len(data) < 2:
            return None
        length, offset = data[1] & 0x7F, 2
        if length == 126:
            if len(data) < 4:
                return None
            length, offset = struct.unpack_from(">H", data, 2)[0], 4
        elif length == 127:
            if len(data) < 10:
                return None
            length, offset = struct.unpack_from(">Q", data, 2)[0], 10
        end = offset + 4 + length
        if len(data) < end:
            return None
        mask = bytes(data[offset:offset + 4]) * (length // 4 + 1)
        masked = bytes(data[offset + 4:end])
        opcode = data[0] & 0x0F
        del data[:end]
        payload = int.from_bytes(masked, "big") ^ int.from_bytes(mask[:length], "big")
        return opcode, payload.to_bytes(length, "big")

    def _take(self, opcode, payload):
        if opcode == TEXT:
            message = json.loads(payload)
            self.messages.append(message)
            if self.peer.on_message is not None:
                self.peer.on_message(self, message)
        elif opcode == PING and not (self._rest or self.ending):
            self.frame(PONG, payload)
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
            if self.peer.answers_close:
                if not self.ending:
                    self.frame(CLOSE, payload)
                self.transport.close()

    def types(self):
        return [message["type"] for message in self.messages]

    def frame(self, opcode, payload):
        """Sends one frame of less than 64 kB."""
        length = len(payload)
        head = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length)
        self.transport.write(bytes([0x80 | opcode]) + head + payload)

    def half_a_frame(self):
        """Sends the first part of a request, and nothing else before `other_half`."""
        message = b'{"type":"RESTRequest","request_id":"in two parts","method":"GET","uri":"asterisk/ping"}'
        self.transport.write(bytes([0x80 | TEXT, len(message)]) + message[:20])
        self._rest = message[20:]

    def other_half(self):
        """Sends the rest of the request."""
        self.transport.write(self._rest)
        self._rest = b""

    def reset(self):
        """Ends the connection with RST."""
        self.ending = True
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def finish(self):
        """Ends the connection with FIN and no Close, and reads what comes until the other side does the same."""
        self.ending = True
        self.transport.write_eof()

    def close(self):
        """Ends the connection with Close, as a server does that shuts down."""
        self.ending = True
        self.frame(CLOSE, struct.pack(">H", 1001))

    def stop_reading(self):
        self.transport.pause_reading()

    def read_again(self):
        self.transport.resume_reading()


class Peer(Watched):
    """The server: every connection becomes a `Link`.

    With `answers_upgrade` false it accepts and says nothing; with `answers_close` false it lets a Close stand.
    `receive_buffer` is the size of the kernel's buffer for what is not read, in bytes.
    """

    def __init__(self, answers_upgrade=True, answers_close=True, receive_buffer=None):
        super().__init__()
        self.answers_upgrade = answers_upgrade
        self.answers_close = answers_close
        self.receive_buffer = receive_buffer
        self.links: list[Link] = []
        self.on_message = None
        self.port = 0
        self._server = None

    def __str__(self):
        links = [f"{'ended' if link.ended else 'open'} after {len(link.messages)} messages" for link in self.links]
        return f"the peer, whose last connections are {links[-5:]}"

    @property
    def uri(self):
        return f"ws://127.0.0.1:{self.port}/ari"

    async def __aenter__(self):
        await self.listen()
        return self

    async def __aexit__(self, *_):
        self.stop_listening()
        for link in self.links:
            if not link.ended:
                link.transport.abort()

    async def listen(self):
        """Listens on a free port, or, after `stop_listening`, on the same one again."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.receive_buffer is not None:
            # Inherited by the connections that it accepts.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(lambda: Link(self), sock=listener)

    def stop_listening(self):
        if self._server is not None:
            self._server.close()
            self._server = None

    def open_link(self):
        """The connection of the moment, if there is one that nobody has begun to end."""
        return next((link for link in reversed(self.links) if link.upgraded and not (link.ended or link.ending)), None)

    def messages(self):
        """All messages, by connection in the order in which they were made."""
        return [message for link in self.links for message in link.messages]
