# SPDX-License-Identifier: MIT OR Apache-2.0
"""The messages that the documentation shows, beside those of a call of minipbx with an application that listens here."""

import asyncio
import contextlib
import json
import re

from websockets.asyncio.server import serve

from reader import Wrong, same_message

SECONDS = 30


@contextlib.asynccontextmanager
async def listening(handler):
    async with serve(handler, "127.0.0.1", 0, subprotocols=["ari"]) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def pbx(reader, configuration, *lines):
    """minipbx with lines for its console, as long as this lasts."""
    process = await asyncio.create_subprocess_exec(
        *reader.pbx(configuration),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=reader.environment,
    )
    process.stdin.write("".join(f"{line}\n" for line in lines).encode())
    try:
        yield
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), SECONDS)


async def call(reader, *requests):
    """The upgrade request and the messages of a call on a connection of its own. The requests are sent one after the
    other, the first when the call has begun; then the channel is taken out of the application."""
    leave = json.dumps({"type": "RESTRequest", "request_id": "leave", "method": "DELETE", "uri": "channels/1.0"})
    waiting = [*requests, leave]
    ended = asyncio.get_running_loop().create_future()

    async def handle(socket):
        """As an application does it, which has nothing more to say after the end of the call."""
        received = []
        async for text in socket:
            message = json.loads(text)
            received.append(message)
            if message["type"] == "StasisStart":
                channel = message["channel"]["id"]
            if message["type"] == "StasisEnd":
                ended.set_result((socket.request, received))
                return
            if message["type"] in ("StasisStart", "RESTResponse") and waiting:
                # The page's name of the channel is that of another run.
                await socket.send(re.sub(r"channels/[\d.]+", f"channels/{channel}", waiting.pop(0)))

    async with listening(handle) as port:
        async with pbx(reader, reader.configuration(port), "dial s@stasis-demo_per_call"):
            return await asyncio.wait_for(ended, SECONDS)


def need(blocks, received):
    for block in blocks:
        if not same_message(block.text, received):
            raise Wrong(f"of line {block.line}, no such message came, but these:\n" + "\n".join(map(json.dumps, received)))


def messages_of_a_call(reader, *blocks):
    requests = [block for block in blocks if json.loads(block.text)["type"] == "RESTRequest"]
    _, received = asyncio.run(call(reader, *(block.text for block in requests)))
    need([block for block in blocks if block not in requests], received)


def upgrade_request(reader, block):
    request, _ = asyncio.run(call(reader))
    said = f"GET {request.path} HTTP/1.1\n" + "".join(f"{name}: {value}\n" for name, value in request.headers.raw_items())
    changing = [r"(?<=^Host: 127\.0\.0\.1:)\d+$", r"(?<=^Sec-WebSocket-Key: ).{22}==$"]
    shown = block.text
    for pattern in changing:
        shown, said = (re.sub(pattern, "", text, flags=re.M) for text in (shown, said))
    if shown != said:
        raise Wrong(f"another request came:\n{said}")


def message_after_a_loss(reader, block):
    async def lose():
        received = []
        resumed = asyncio.Event()

        async def handle(socket):
            with contextlib.suppress(Exception):
                async for text in socket:
                    received.append(json.loads(text))
                    if received[-1]["type"] == "StasisStart":
                        socket.transport.abort()
                    elif received[-1]["type"] == "ApplicationResumed":
                        resumed.set()

        async with listening(handle) as port:
            more = "connection_type = persistent\nannounce_resume = yes\nreconnect_interval = 100"
            words = {"connection_type = persistent": more, "demo_persistent": "orders"}
            async with pbx(reader, reader.configuration(port, **words), "dial s@stasis-orders"):
                await asyncio.wait_for(resumed.wait(), SECONDS)
        return received

    need([block], asyncio.run(lose()))
