# SPDX-License-Identifier: MIT OR Apache-2.0
"""A program that is an application, in a process of its own."""

import asyncio
import contextlib
import os

from waiting import DEADLINE, Watched


class Program(Watched):
    """Prints the address that it listens on first. As an asynchronous context it runs until it is left."""

    # Debian has packages for Node.js there.
    environment = os.environ | {"NODE_PATH": ":".join(filter(None, (os.environ.get("NODE_PATH"), "/usr/share/nodejs")))}

    def __init__(self, *command):
        super().__init__()
        self.command = [*command, "--listen", "127.0.0.1:0"]
        self.lines = []
        self.uri = None

    def __str__(self):
        return "\n".join([" ".join(map(str, self.command)), *self.lines])

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment,
        )
        self.reading = asyncio.create_task(self.read())
        try:
            await self.said("listening on ")
        except BaseException:
            await self.__aexit__()
            raise
        self.uri = f"ws://{self.lines[0].removeprefix('listening on ')}/ari"
        return self

    async def __aexit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self.reading

    async def read(self):
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())
            self.changed()

    async def said(self, text, seconds=DEADLINE):
        """Waits until a line has this."""
        return await self.until(lambda: next((line for line in self.lines if text in line), None), f"line with '{text}'", seconds)

    async def ends(self, seconds=DEADLINE):
        """Asks it to end, and waits until it has; returns its exit status."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), seconds)
