# SPDX-License-Identifier: MIT OR Apache-2.0
"""The application's process, bench/src/bin/bench_application: where Asterisk connects to, and what it says it saw."""

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
        self._lines = asyncio.Queue()
        self._port = 0
        self._process = None
        self._reading = None

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *(PROGRAM, *self.options), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read())
        self._port = (await self.line("port"))["port"]
        return self

    async def __aexit__(self, *_):
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self):
        """All that it writes, at once: it would wait for somebody who does not read."""
        async for text in self._process.stdout:
            # One that was killed may have been in the middle of it.
            if not text.endswith(b"\n"):
                break
            line = json.loads(text)
            if "error" in line:
                self.errors.append(line["error"])
            else:
                self._lines.put_nowait(line)
        # Nothing comes any more.
        self._lines.put_nowait(None)

    def place(self, path):
        return Place(f"ws://127.0.0.1:{self._port}{path}")

    async def line(self, key, seconds=DEADLINE):
        """The next line that has this key; what comes before it is left out."""
        try:
            async with asyncio.timeout(seconds):
                while (line := await self._lines.get()) is not None:
                    if key in line:
                        return line
        except TimeoutError:
            raise Missing(f"the application did not say {key} within {seconds:g} s; errors {self.errors[:3]}") from None
        raise Missing(f"the application ended before it said {key}; errors {self.errors[:3]}")
