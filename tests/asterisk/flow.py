# SPDX-License-Identifier: MIT OR Apache-2.0
"""A flow of events: HTTP clients that post numbered user events, each as fast as Asterisk takes them."""

import asyncio
import json
import re

from waiting import poll

EVENT = re.compile(r"flow-(\d+)-(\d+)")


class Flow:
    """Clients that post events `flow-CLIENT-NUMBER` to an application until they are stopped or Asterisk is gone."""

    def __init__(self, port, application="testapp", clients=2, padding=0):
        self.port = port
        self.application = application
        self.body = json.dumps({"variables": {"padding": "x" * padding}}).encode() if padding else b""
        self.posted = [0] * clients
        self.taken = 0
        self._tasks = []
        self._going = False

    async def __aenter__(self):
        self._going = True
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(len(self.posted))]
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def until_posted(self, count):
        """Waits until so many events are posted, however slow the machine is, as long as some are."""
        while (posted := sum(self.posted)) < count:
            await poll(lambda before=posted: sum(self.posted) > before, f"event after the first {posted} of {count}")

    async def stop(self):
        """Ends after the answers of the requests that are under way."""
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _client(self, client):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionError:
            return
        try:
            while self._going:
                await self._post(reader, writer, client)
        except (ConnectionError, asyncio.IncompleteReadError):
            # Asterisk has died: whoever started the flow finds out how.
            pass
        finally:
            writer.close()

    async def _post(self, reader, writer, client):
        path = f"/ari/events/user/flow-{client}-{self.posted[client]}?application={self.application}"
        writer.write(
            f"POST {path}&api_key=user1:userpass HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body
        )
        self.posted[client] += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if length:
            await reader.readexactly(int(length[1]))
        if head.startswith(b"HTTP/1.1 204"):
            self.taken += 1


def numbers(messages):
    """By client: the numbers of the events of a flow that are among these messages, in their order."""
    clients = {}
    for message in messages:
        if message["type"] == "ChannelUserevent" and (match := EVENT.fullmatch(message["eventname"])):
            clients.setdefault(int(match[1]), []).append(int(match[2]))
    return clients


def out_of_order(messages):
    """What came twice or too late, as sentences."""
    return [
        f"client {client}: {later} after {earlier}"
        for client, sequence in numbers(messages).items()
        for earlier, later in zip(sequence, sequence[1:])
        if later <= earlier
    ]
