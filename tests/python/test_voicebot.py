# SPDX-License-Identifier: MIT OR Apache-2.0
"""The voice bot of the samples, by itself; `make asterisk-test` has it talk with callers."""

import asyncio
import sys
import unittest
from pathlib import Path

from websockets.asyncio.client import connect

VOICEBOT = Path(__file__).resolve().parents[2] / "examples" / "voicebot" / "voicebot.py"
DEADLINE = 20


class Voicebot(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.bot = await asyncio.create_subprocess_exec(
            sys.executable, str(VOICEBOT), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        self.addAsyncCleanup(self.bot.wait)
        self.addCleanup(self.bot.kill)
        self.port = (await self.line()).rsplit(":", 1)[1]

    async def line(self):
        return (await asyncio.wait_for(self.bot.stdout.readline(), DEADLINE)).decode().strip()

    async def test_a_lost_connection_is_a_line_of_its_own_and_the_bot_goes_on(self):
        for subprotocol, begins in (
            ("ari", "voicebot is served"),
            ("media", "audio over a websocket begins"),
            ("ari", "voicebot is served"),
        ):
            socket = await connect(f"ws://127.0.0.1:{self.port}/", subprotocols=[subprotocol])
            if subprotocol == "ari":
                await socket.send('{"type":"ApplicationRegistered","application":"voicebot"}')
            self.assertEqual(await self.line(), begins)
            socket.transport.abort()
            self.assertRegex(await self.line(), "^a connection is lost: ")


if __name__ == "__main__":
    unittest.main()
