# SPDX-License-Identifier: MIT OR Apache-2.0
"""The sample applications are killed in the middle of a thousand calls, and handle every event once
(delivery = at_least_once).

ARIWS_LIBRARY and ARIWS_MINIPBX name what was built; without them there is nothing to test. ARIWS_APPLICATION names the
built Rust application; without it only the others are tested. That in JavaScript needs Node.js with its package ws.
"""

import json
import os
import re
import signal
import sys
import time
import unittest
from pathlib import Path

from programs import Programs

TOP = Path(__file__).resolve().parents[2]
PYTHON = TOP / "examples" / "python" / "application.py"
NODE = TOP / "examples" / "node" / "application.js"
CALLS = 1000
AT_ONCE = 20
KILLS = 3
DEADLINE = 120

# What the recipe says goes into each of them.
FILES = ("ari.conf", "websocket_client.conf", "extensions.conf")


def recipe(port):
    """The files of the recipe, by their names, for a server at this port."""
    text = (TOP / "docs" / "availability.md").read_text()
    section = text.split("### Exact delivery\n")[1].split("\n### ")[0]
    blocks = re.findall(r"^```ini\n(.*?)^```$", section, re.M | re.S)
    assert len(blocks) == len(FILES), blocks
    return {name: block.replace("orders.example.net:8765", f"127.0.0.1:{port}") for name, block in zip(FILES, blocks)}


class Killed(Programs):
    """What is done with each application."""

    program: list[str]

    def setUp(self):
        self.folder = self.new_folder()
        self.journal = self.folder / "journal"
        self.port = 0

    def start_application(self):
        application = self.start(
            *self.program, "--listen", f"127.0.0.1:{self.port}", "--journal", self.journal, "--digit-timeout", "50",
            "--quiet",
        )
        self.port = int(application.stdout.readline().rsplit(":", 1)[1])
        return application

    def start_pbx(self):
        for name, text in recipe(self.port).items():
            (self.folder / name).write_text(text)
        commands = [
            "wait session orders up 10000",
            f"calls {CALLS} {AT_ONCE} 100@incoming #",
            "metrics",
        ]
        options = ["--quiet", "--playback-ms", "5", "--extensions", self.folder / "extensions.conf"]
        return self.start_minipbx(self.folder, commands, *options)

    def handled(self):
        text = self.journal.read_text() if self.journal.exists() else ""
        # The last line may be on its way.
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def wait_for(self, calls):
        deadline = time.monotonic() + DEADLINE
        while sum(event["type"] == "StasisEnd" for event in self.handled()) < calls:
            self.assertLess(time.monotonic(), deadline, "the calls got stuck")
            time.sleep(0.005)

    def test_every_event_of_a_thousand_calls_is_handled_once(self):
        application = self.start_application()
        pbx = self.start_pbx()
        for kill in range(1, KILLS + 1):
            self.wait_for(CALLS * kill // (KILLS + 1))
            application.send_signal(signal.SIGKILL)
            application.wait(DEADLINE)
            application = self.start_application()
        output = pbx.communicate(timeout=DEADLINE)[0]
        self.assertEqual(pbx.returncode, 0, output)
        self.wait_for(CALLS)
        handled = self.handled()
        self.assertEqual([event["ariws_sequence"] for event in handled], list(range(1, len(handled) + 1)))
        self.assertEqual(len({event["ariws_sequence_id"] for event in handled}), 1)
        for kind in ("StasisStart", "StasisEnd"):
            channels = [event["channel"]["id"] for event in handled if event["type"] == kind]
            self.assertEqual((len(channels), len(set(channels))), (CALLS, CALLS), kind)
        metric = {name: sum(map(int, re.findall(rf"^ariws_{name}_total(?:{{.*}})? (\d+)$", output, re.M))) for name in (
            "events_offered", "events_dropped", "events_repeated", "applications_resumed",
        )}
        self.assertEqual(metric["events_dropped"], 0)
        self.assertEqual(metric["applications_resumed"], KILLS)
        self.assertGreaterEqual(metric["events_offered"], len(handled))
        self.assertGreater(metric["events_repeated"], 0)
        print(f"\n{len(handled)} events of {CALLS} calls were handled once, {KILLS} kills, {metric['events_repeated']} repeats")


@unittest.skipUnless("ARIWS_MINIPBX" in os.environ, "nothing was built to test")
class PythonIsKilled(Killed, unittest.TestCase):
    program = [sys.executable, str(PYTHON)]


@unittest.skipUnless("ARIWS_MINIPBX" in os.environ, "nothing was built to test")
class NodeIsKilled(Killed, unittest.TestCase):
    program = ["node", str(NODE)]


@unittest.skipUnless({"ARIWS_MINIPBX", "ARIWS_APPLICATION"} <= os.environ.keys(), "nothing was built to test")
class RustIsKilled(Killed, unittest.TestCase):
    program = [os.environ.get("ARIWS_APPLICATION", "")]


if __name__ == "__main__":
    unittest.main()
