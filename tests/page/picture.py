# SPDX-License-Identifier: MIT OR Apache-2.0
"""Takes a picture of the page of `make demo STAY=1`, with one call that is answered and one that rings.

usage: picture.py FILE
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from browser import DEADLINE, Browser

TOP = Path(__file__).resolve().parents[2]


async def take(address):
    browser = Browser()
    try:
        page = await browser.page()
        await page.look(1180, 780)
        await page.open(address)
        await page.wait("document.querySelectorAll('#calls li').length === 2")
        await page.press('#calls li:first-child [data-action="answer"]')
        await page.press('#calls li:first-child [data-action="play"]')
        await page.wait("document.querySelector('#calls li:first-child .state').textContent === 'playing'")
        await page.wait("[...document.querySelectorAll('.title')].some((one) => one.textContent === 'PlaybackStarted')")
        await page.evaluate("document.activeElement.blur()")
        picture = await page.picture()
        await page.close()
    finally:
        browser.close()
    return picture


def main():
    demo = subprocess.Popen(
        [TOP / "scripts" / "demo.sh"],
        env={**os.environ, "STAY": "1"},
        stdout=subprocess.PIPE,
        text=True,
        # Of its own, so that all of it can be ended.
        start_new_session=True,
    )
    try:
        address = next(found[1] for line in demo.stdout if (found := re.match(r"The page is at (\S+/):", line)))
        picture = asyncio.run(asyncio.wait_for(take(address), 2 * DEADLINE))
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.communicate()
    Path(sys.argv[1]).write_bytes(picture)
    print(f"{sys.argv[1]}: {len(picture)} bytes")


main()
