# SPDX-License-Identifier: MIT OR Apache-2.0
"""The application's process, examples/bench_application: where Asterisk connects to, and what it says it saw."""

import asyncio
import json
from dataclasses import dataclass

from waiting import DEADLINE, Missing

# Set by who runs the figures.
PROGRAM = ""


@dataclass
class Place:
    """What a websocket client of Asterisk connects to."""

    uri: str


class Receiver:
    """Lasts as long as the block."""

    def __init__(self, *options):
        self.options = options
        self.errors = []
        self._port = 0
        self._process = None

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *(PROGRAM, *self.options), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._port = (await self.line("port"))["port"]
        return self

    async def __aexit__(self, *_):
        if self._process.returncode is None:
            self._process.kill()
        # It may have written more than anybody reads.
        await self._process.communicate()

    def place(self, path):
        return Place(f"ws://127.0.0.1:{self._port}{path}")

    async def line(self, key, seconds=DEADLINE):
        """The next line that has this key; what comes before it is left out, errors are kept."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    text = await self._process.stdout.readline()
                    if not text:
                        raise Missing(f"the application ended before it said {key}; errors {self.errors[:3]}")
                    line = json.loads(text)
                    if "error" in line:
                        self.errors.append(line["error"])
                    if key in line:
                        return line
        except TimeoutError:
            raise Missing(f"the application did not say {key} within {seconds:g} s; errors {self.errors[:3]}") from None
