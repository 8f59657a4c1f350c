# SPDX-License-Identifier: MIT OR Apache-2.0
"""An application that only listens: prints the port, then every message that it gets, a line each.

usage: recorder.py PORT (0 for a free one)
"""

import asyncio
import os
import sys

from websockets.asyncio.server import serve


def say(line):
    # Past any buffer: what was read must be known even if this process is killed in the next moment.
    os.write(1, line.encode() + b"\n")


async def record(connection):
    async for message in connection:
        say(message)


async def main():
    async with serve(record, "127.0.0.1", int(sys.argv[1]), subprotocols=["ari"], ping_interval=None) as server:
        say(str(server.sockets[0].getsockname()[1]))
        await server.serve_forever()


asyncio.run(main())
