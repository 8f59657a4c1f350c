# SPDX-License-Identifier: MIT OR Apache-2.0
"""How the audio of a call comes and goes. Each carrier says what the PBX is to be asked for, and lets a bot talk over it."""

import array
import asyncio
import struct
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

from websockets.asyncio.server import ServerConnection

Bot = Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]
Send = Callable[[bytes], Awaitable[None]]


async def talk(bot: Bot, frames: AsyncIterator[bytes], send: Send) -> None:
    async for said in bot(frames):
        await send(said)


class WebsocketMedia:
    """chan_websocket: the PBX connects to the bot once more, as its websocket client `name` says, with the subprotocol media.
    The channel is named by the first message."""

    module = "chan_websocket.so"

    def __init__(self, bot: Bot, name: str) -> None:
        self.bot = bot
        self.name = name

    async def parameters(self, channel: str) -> dict[str, str]:
        return {"external_host": self.name, "transport": "websocket", "encapsulation": "none", "format": "slin"}

    async def connection(self, socket: ServerConnection) -> None:
        # Texts are about the stream: when it has begun, when to send more slowly. Whoever says more at once than was heard
        # has to mind MEDIA_XOFF.
        await talk(self.bot, (message async for message in socket if isinstance(message, bytes)), socket.send)


class AudioSocketMedia:
    """AudioSocket: a TCP connection of the PBX for each call. Messages have a kind, a length, and what they carry."""

    module = "chan_audiosocket.so"
    HANG_UP, UUID, AUDIO = 0x00, 0x01, 0x10

    def __init__(self, bot: Bot, host: str) -> None:
        self.bot = bot
        self.host = host
        self.server: asyncio.Server | None = None

    async def parameters(self, channel: str) -> dict[str, str]:
        if self.server is None:
            self.server = await asyncio.start_server(self.connection, self.host, 0)
        address = "{}:{}".format(*self.server.sockets[0].getsockname()[:2])
        return {
            "external_host": address,
            "transport": "tcp",
            "encapsulation": "audiosocket",
            "format": "slin",
            # A server that has more to know of the call finds it by this one.
            "data": str(uuid.uuid4()),
        }

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(frame: bytes) -> None:
            writer.write(struct.pack("!BH", self.AUDIO, len(frame)) + frame)
            await writer.drain()

        try:
            await talk(self.bot, self.frames(reader), send)
        except (asyncio.IncompleteReadError, ConnectionError):
            # The PBX has ended it, in whichever way.
            pass
        finally:
            writer.close()

    async def frames(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while True:
            kind, length = struct.unpack("!BH", await reader.readexactly(3))
            payload = await reader.readexactly(length)
            if kind == self.AUDIO:
                yield payload
            elif kind == self.HANG_UP:
                return


class RtpMedia:
    """RTP in G.711 µ-law, which every Asterisk from 16.6 on has: a UDP port for each call."""

    module = None
    HEADER = struct.Struct("!BBHII")
    SILENT = 60

    def __init__(self, bot: Bot, host: str) -> None:
        self.bot = bot
        self.host = host
        self.tasks: set[asyncio.Task] = set()

    async def parameters(self, channel: str) -> dict[str, str]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue = asyncio.Queue(maxsize=50)
        transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(queue), local_addr=(self.host, 0))
        task = asyncio.create_task(self.stream(transport, queue))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        address = "{}:{}".format(*transport.get_extra_info("sockname")[:2])
        return {"external_host": address, "transport": "udp", "encapsulation": "rtp", "format": "ulaw"}

    async def stream(self, transport: asyncio.DatagramTransport, queue: asyncio.Queue) -> None:
        peer = None
        sequence = stamp = 0

        async def frames() -> AsyncIterator[bytes]:
            nonlocal peer
            while True:
                data, peer = await asyncio.wait_for(queue.get(), self.SILENT)
                if len(data) > self.HEADER.size and data[1] & 0x7F == 0:
                    yield from_ulaw(data[self.HEADER.size:])

        async def send(frame: bytes) -> None:
            nonlocal sequence, stamp
            header = self.HEADER.pack(0x80, 0, sequence & 0xFFFF, stamp & 0xFFFFFFFF, 0x0A0B0C0D)
            transport.sendto(header + to_ulaw(frame), peer)
            sequence += 1
            stamp += len(frame) // 2

        try:
            # RTP has no end: the call has left when nothing comes any more.
            await talk(self.bot, frames(), send)
        except asyncio.TimeoutError:
            pass
        finally:
            transport.close()


class Datagrams(asyncio.DatagramProtocol):
    """What has come; more than a second of it is late, and dropped."""

    def __init__(self, queue: asyncio.Queue) -> None:
        self.queue = queue

    def datagram_received(self, data: bytes, addr: tuple) -> None:
        if not self.queue.full():
            self.queue.put_nowait((data, addr))


def decoded(code: int) -> int:
    """The sample that a code of G.711 µ-law stands for."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


DECODED = [decoded(code) for code in range(256)]


def encoded(sample: int) -> int:
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF


def from_ulaw(data: bytes) -> bytes:
    return array.array("h", (DECODED[code] for code in data)).tobytes()


def to_ulaw(frame: bytes) -> bytes:
    return bytes(encoded(sample) for sample in array.array("h", frame))
