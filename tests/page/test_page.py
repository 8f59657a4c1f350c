# SPDX-License-Identifier: MIT OR Apache-2.0
"""The sample application's page in a browser, with a scripted PBX behind it.

ARIWS_APPLICATION names the built application.
"""

import asyncio
import json
import os
import sys
import unittest
from pathlib import Path

from websockets.asyncio.client import connect

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "python"))

from browser import DEADLINE, Browser  # noqa: E402
from test_applications import Pbx  # noqa: E402

CALL = '[data-call="1.1"]'

# The least contrast of texts that are seen, after WCAG 2; what is disabled need not have any.
CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = (color) => { const [r, g, b] = rgb(color).map((one) => { one /= 255;
    return one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (one) => { for (; one; one = one.parentElement) {
    const color = getComputedStyle(one).backgroundColor; if (rgb(color)[3] === 255) return color; } return 'white'; };
  let least = [21, ''];
  for (const one of document.querySelectorAll('body *')) {
    if (one.matches(':disabled, script') || ![...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(ground(one))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least[0]) least = [contrast, one.outerHTML];
  }
  return least;
})()"""


def setUpModule():
    global browser
    browser = Browser()


def tearDownModule():
    browser.close()


class PageTest(unittest.IsolatedAsyncioTestCase):
    async def launch(self, *options, page="127.0.0.1:0"):
        self.process = await asyncio.create_subprocess_exec(
            os.environ["ARIWS_APPLICATION"], "--quiet", "--page", page, *options, stdout=asyncio.subprocess.PIPE
        )
        self.addAsyncCleanup(self.end)
        self.port = int((await self.process.stdout.readline()).decode().rsplit(":", 1)[1])
        self.address = (await self.process.stdout.readline()).decode().removeprefix("page at ").strip()
        self.assertRegex(self.address, r"^http://127\.0\.0\.1:\d+/$")

    async def end(self):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def look(self):
        self.page = await browser.page()
        self.addAsyncCleanup(self.page.close)
        await self.page.open(self.address)
        await self.live()

    async def live(self):
        await self.page.wait("document.querySelector('#status').textContent === 'live'")

    async def dial(self):
        """Connects as a PBX does."""
        socket = await connect(f"ws://127.0.0.1:{self.port}/", subprotocols=["ari"], proxy=None)
        self.addAsyncCleanup(socket.close)
        pbx = Pbx(socket)
        await pbx.registered("app")
        return pbx

    async def call(self, channel="7.1"):
        """A page, and a call that waits for its buttons."""
        await self.launch("--manual")
        await self.look()
        pbx = await self.dial()
        await pbx.start("app", channel)
        await self.state("ringing")
        return pbx

    async def answered(self):
        pbx = await self.call()
        await self.page.press(f'{CALL} [data-action="answer"]')
        await pbx.expect("POST", "channels/7.1/answer")
        await self.state("waiting")
        return pbx

    async def state(self, state):
        await self.page.wait(f"document.querySelector('{CALL} .state')?.textContent === '{state}'")

    async def text(self, selector, text):
        """Some element has this text."""
        of_one = f"[...document.querySelectorAll({json.dumps(selector)})].some((one) => one.textContent === {json.dumps(text)})"
        await self.page.wait(of_one)

    async def test_a_connection_appears_with_its_applications(self):
        await self.launch()
        await self.look()
        await self.dial()
        await self.text('[data-connection="1"] .state', "open")
        await self.text('[data-connection="1"] .soft', "app")

    async def test_a_call_appears(self):
        await self.call()
        await self.text(f"{CALL} strong", "Test/7.1")

    async def test_what_came_before_the_page_is_shown(self):
        await self.launch("--manual")
        pbx = await self.dial()
        await pbx.start("app", "7.1")
        await self.look()
        await self.state("ringing")
        await self.text("#messages .title", "StasisStart")

    async def test_answer(self):
        await self.answered()

    async def test_play(self):
        pbx = await self.answered()
        await self.page.press(f'{CALL} [data-action="play"]')
        await pbx.expect("POST", "channels/7.1/play", 201)
        await self.state("playing")
        await pbx.played("7.1")
        await self.state("waiting")

    async def test_hang_up(self):
        pbx = await self.answered()
        await self.page.press(f'{CALL} [data-action="hang up"]')
        await pbx.expect("DELETE", "channels/7.1")
        await pbx.of_channel("StasisEnd", "7.1")
        await self.page.wait(f"!document.querySelector('{CALL}')")

    async def test_hang_up_while_it_rings(self):
        pbx = await self.call()
        await self.page.press(f'{CALL} [data-action="hang up"]')
        await pbx.expect("DELETE", "channels/7.1")

    async def test_buttons_that_do_not_fit_are_disabled(self):
        await self.call()
        enabled = f"[...document.querySelectorAll('{CALL} button:enabled')].map((one) => one.textContent)"
        self.assertEqual(await self.page.evaluate(enabled), ["Answer", "Hang up"])

    async def test_without_manual_calls_run_by_themselves(self):
        await self.launch()
        await self.look()
        pbx = await self.dial()
        await pbx.start("app", "7.1")
        await pbx.expect("POST", "channels/7.1/answer")
        await pbx.expect("POST", "channels/7.1/play", 201)
        await self.state("playing")

    async def test_requests_and_answers_are_shown(self):
        await self.answered()
        await self.text("#messages .out .title", "POST channels/7.1/answer")
        await self.text("#messages .in .title", "204 whatever")

    async def test_a_message_opens_with_its_json(self):
        await self.call()
        await self.page.evaluate("document.querySelector('#messages summary').click()")
        await self.page.wait("document.querySelector('#messages pre')?.textContent.includes('\"StasisStart\"')")

    async def test_what_comes_from_the_wire_is_text(self):
        pbx = await self.call()
        evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        channel = {"id": evil, "name": evil}
        await pbx.event("StasisStart", application="app", channel=channel, args=[])
        await pbx.event(evil, channel=channel)
        await self.text("#calls strong", evil)
        await self.text("#messages .title", evil)
        await self.page.evaluate("document.querySelectorAll('summary').forEach((one) => one.click())")
        await self.page.wait("document.querySelectorAll('#messages pre').length === document.querySelectorAll('summary').length")
        self.assertEqual(await self.page.evaluate("document.querySelectorAll('img, main script').length"), 0)
        self.assertEqual(await self.page.evaluate("document.title"), "ariws sample application")
        self.assertEqual(self.page.complaints, [])

    async def test_text_that_turns_the_order_around_is_not_obeyed(self):
        pbx = await self.call()
        await pbx.event("safe\u202egnp.exe\u0000")
        await self.text("#messages .title", "safe\ufffdgnp.exe\ufffd")

    async def test_a_connection_that_goes_away_takes_its_calls_along(self):
        pbx = await self.call()
        pbx.socket.transport.abort()
        await self.page.wait("document.querySelector('[data-connection=\"1\"] .state.ended')")
        await self.page.wait(f"!document.querySelector('{CALL}')")
        await self.live()
        await self.dial()
        await self.text('[data-connection="2"] .state', "open")

    async def test_an_application_that_is_restarted_is_shown_again(self):
        await self.call()
        await self.end()
        await self.page.wait("!document.querySelector('#status.live')")
        await self.page.wait("document.querySelectorAll('#calls button:enabled').length === 0")
        await self.launch("--manual", page=self.address.removeprefix("http://").removesuffix("/"))
        await self.live()
        await self.page.wait(f"!document.querySelector('{CALL}')")

    async def test_a_flood_is_shown_to_its_end(self):
        pbx = await self.call()
        for number in range(3000):
            await pbx.event(f"Event{number}")
        await self.text("#messages .title", "Event2999")
        self.assertLessEqual(await self.page.evaluate("document.querySelectorAll('#messages li').length"), 200)

    async def test_a_page_that_reads_nothing_harms_no_other(self):
        pbx = await self.call()
        origin = self.address.removesuffix("/")
        stuck = await connect(origin.replace("http:", "ws:") + "/live", origin=origin, proxy=None, max_queue=1)
        self.addCleanup(stuck.transport.abort)
        for number in range(3000):
            await pbx.event(f"Event{number}", padding="x" * 2000)
        await self.text("#messages .title", "Event2999")
        await self.page.press(f'{CALL} [data-action="answer"]')
        await pbx.expect("POST", "channels/7.1/answer")

    async def test_nothing_comes_from_outside(self):
        await self.call()
        own = self.address.removeprefix("http://")
        foreign = [one for one in self.page.requests if not one.startswith((f"http://{own}", f"ws://{own}", "data:"))]
        self.assertEqual(foreign, [])
        self.assertEqual(self.page.complaints, [])

    async def test_another_site_gets_no_websocket(self):
        await self.launch()
        page = await browser.page()
        self.addAsyncCleanup(page.close)
        live = self.address.replace("http:", "ws:") + "live"
        heard = await page.evaluate(
            f"new Promise((resolve) => {{ const socket = new WebSocket('{live}');"
            " socket.onopen = () => resolve('open'); socket.onerror = () => resolve('refused'); })"
        )
        self.assertEqual(heard, "refused")

    async def test_a_name_that_is_pointed_at_this_machine_gets_no_page(self):
        await self.launch()
        page = await browser.page()
        self.addAsyncCleanup(page.close)
        await page.open(self.address.replace("127.0.0.1", "rebound.example"))
        self.assertIn("by a name of this machine", await page.evaluate("document.body.innerText"))

    async def test_a_phone_shows_all_of_it(self):
        await self.answered()
        await self.page.look(360, 740)
        self.assertLessEqual(await self.page.evaluate("document.documentElement.scrollWidth"), 360)

    async def test_every_text_can_be_read_in_light_and_dark(self):
        pbx = await self.answered()
        await pbx.respond({"transaction_id": "", "request_id": "none", "uri": ""}, 200)
        await self.page.wait("document.querySelector('#messages .error')")
        for scheme in ("light", "dark"):
            await self.page.look(1280, 800, scheme)
            contrast, where = await self.page.evaluate(CONTRAST)
            self.assertGreaterEqual(contrast, 4.5, f"{scheme}: {where}")

    async def test_buttons_tell_which_call_they_are_for(self):
        await self.call()
        tree = await self.page.call("Accessibility.getFullAXTree")
        names = [one["name"]["value"] for one in tree["nodes"] if one.get("role", {}).get("value") == "button"]
        self.assertIn("Answer, Test/7.1", names)

    async def test_other_machines_cannot_be_let_in(self):
        process = await asyncio.create_subprocess_exec(
            os.environ["ARIWS_APPLICATION"], "--page", "0.0.0.0:0", stderr=asyncio.subprocess.PIPE
        )
        _, said = await asyncio.wait_for(process.communicate(), DEADLINE)
        self.assertEqual(process.returncode, 1)
        self.assertIn("must be one of this machine", said.decode())


if __name__ == "__main__":
    unittest.main()
