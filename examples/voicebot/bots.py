# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the bot says to what it hears. A bot is an asynchronous generator: it gets frames of 20 ms, signed linear with 16 bits,
8000 a second, and yields such frames whenever it has something to say. One that transcribes, or asks a model, stands here."""

import array
import math
from collections.abc import AsyncIterator

RATE = 8000
FRAME = RATE // 50
TONE = 440


async def echo(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Says what it hears."""
    async for frame in frames:
        yield frame


async def tone(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Says a tone for as long as it hears anything, be it silence."""
    position = 0
    async for _ in frames:
        samples = (int(8000 * math.sin(2 * math.pi * TONE * (position + n) / RATE)) for n in range(FRAME))
        yield array.array("h", samples).tobytes()
        position += FRAME
