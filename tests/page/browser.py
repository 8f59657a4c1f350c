# SPDX-License-Identifier: MIT OR Apache-2.0
"""Chromium without a window, over its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile

from websockets.asyncio.client import connect

DEADLINE = 60


class Browser:
    """The process; pages are opened by `page`."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        options = [
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={self.folder}",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            # A name of somebody else that is pointed at this machine.
            "--host-resolver-rules=MAP rebound.example 127.0.0.1",
        ]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        self.process = subprocess.Popen(
            [shutil.which("chromium") or "chromium", *options, "about:blank"], stderr=subprocess.PIPE, text=True
        )
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.match(r"DevTools listening on (ws://\S+)", line):
                self.address = found[1]
                break
        else:
            raise RuntimeError("chromium did not start:\n" + "".join(said))

    def close(self):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def page(self):
        """A new page, and the connection that it is driven by."""
        socket = await connect(self.address, proxy=None, max_size=None)
        page = Page(socket)
        target = await page.call("Target.createTarget", url="about:blank")
        attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await page.call(domain + ".enable")
        return page


# Resolves when the expression is true, looked at whenever the document has changed.
WAIT = """new Promise((resolve) => {
  const look = () => { const found = (%s); if (found) { observer.disconnect(); resolve(found); } };
  const observer = new MutationObserver(look);
  observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  look();
})"""


class Page:
    def __init__(self, socket):
        self.socket = socket
        self.session = None
        self.numbers = itertools.count(1)
        self.waiting = {}
        self.requests = []
        self.complaints = []
        self.loaded = asyncio.Event()
        self.reader = asyncio.create_task(self.read())

    async def read(self):
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message:
                self.waiting.pop(message["id"]).set_result(message)
            else:
                self.heard(message["method"], message["params"])

    def heard(self, method, fields):
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(fields["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(fields["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(fields["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append(f"{fields['entry']['source']}: {fields['entry']['text']}")

    async def call(self, method, **fields):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": fields}
        if self.session:
            message["sessionId"] = self.session
        self.waiting[number] = asyncio.get_running_loop().create_future()
        answer = self.waiting[number]
        await self.socket.send(json.dumps(message))
        message = await asyncio.wait_for(answer, DEADLINE)
        assert "result" in message, f"{method}: {message}"
        return message["result"]

    async def open(self, address):
        self.loaded.clear()
        await self.call("Page.navigate", url=address)
        await asyncio.wait_for(self.loaded.wait(), DEADLINE)

    async def evaluate(self, expression):
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait(self, expression):
        """The value of the expression, as soon as it is true."""
        try:
            return await asyncio.wait_for(self.evaluate(WAIT % expression), DEADLINE)
        except TimeoutError:
            shown = await self.evaluate("document.body.innerText")
            raise AssertionError(f"{expression} never was true; shown is:\n{shown}") from None

    async def press(self, selector):
        """Clicks in the middle of what the selector finds, as soon as it may be clicked."""
        quoted = json.dumps(selector)
        await self.wait(f"document.querySelector({quoted})?.matches(':enabled')")
        place = await self.evaluate(
            f"(() => {{ const one = document.querySelector({quoted}); one.scrollIntoView({{block: 'center'}});"
            " const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    async def look(self, width, height, scheme="light"):
        """The size of the window, and what the user prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self):
        """PNG of what the window shows."""
        return base64.b64decode((await self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False))["data"])

    async def close(self):
        await self.socket.close()
        await self.reader
