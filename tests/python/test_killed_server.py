# SPDX-License-Identifier: MIT OR Apache-2.0
"""The application's server is killed in the middle of a stream of events and comes back: what it costs.

ARIWS_LIBRARY and ARIWS_MINIPBX name what was built; without them there is nothing to test.
"""

import json
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from programs import Programs

HERE = Path(__file__).resolve().parent
EVENTS = 4000
PER_SECOND = 800
OUTAGE = 3
DEADLINE = 60


class Recorder:
    """The server, in a process of its own."""

    def __init__(self, port=0):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "recorder.py"), str(port)], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())

    def numbers(self):
        """The numbers of the events, in the order in which they came, until the end of the process or of the events."""
        for line in self.process.stdout:
            message = json.loads(line)
            if message["type"] == "ChannelUserevent":
                yield int(message["eventname"])
                if int(message["eventname"]) == EVENTS - 1:
                    return
            else:
                assert message["type"] == "ApplicationRegistered", message

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE)

    def close(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


@unittest.skipUnless("ARIWS_MINIPBX" in os.environ, "nothing was built to test")
class KilledServer(Programs, unittest.TestCase):
    def setUp(self):
        self.folder = self.new_folder()

    def start_pbx(self, port):
        (self.folder / "ari.conf").write_text(
            "[user]\ntype = user\npassword = x\n"
            "[connection]\ntype = outbound_websocket\nwebsocket_client_id = connection\napps = app\n"
            "local_ari_user = user\n"
        )
        (self.folder / "websocket_client.conf").write_text(
            f"[connection]\ntype = websocket_client\nuri = ws://127.0.0.1:{port}/\nprotocols = ari\n"
            "connection_type = persistent\nreconnect_interval = 50\nreconnect_attempts = 1\n"
        )
        commands = [
            "wait session connection up 10000",
            f"events app {EVENTS} {PER_SECOND}",
            "wait session connection up 10000",
            "metrics",
            "ari show outbound-websocket connection detail",
        ]
        return self.start_minipbx(self.folder, commands)

    def wait_through_outage(self, pbx):
        """The outage lasts, and the PBX lives on. It has a line or two to say, which a pipe holds."""
        with self.assertRaises(subprocess.TimeoutExpired):
            pbx.wait(OUTAGE)

    def test_only_what_is_reported_can_be_lost(self):
        first = Recorder()
        self.addCleanup(first.close)
        pbx = self.start_pbx(first.port)
        numbers = first.numbers()
        received = [next(numbers) for _ in range(EVENTS // 4)]
        first.kill()
        received += numbers
        self.wait_through_outage(pbx)
        second = Recorder(first.port)
        self.addCleanup(second.close)
        returned = list(second.numbers())
        output = pbx.communicate(timeout=DEADLINE)[0]
        self.assertEqual(pbx.returncode, 0, output)

        self.assertEqual(received, list(range(len(received))), "in order and complete up to the kill")
        self.assertEqual(returned, list(range(returned[0], EVENTS)), "in order and complete from the return on")
        self.assertGreater(returned[0], received[-1], "nothing is sent twice")

        lost = returned[0] - len(received)
        reported = int(re.search(r"(\d+) messages had been sent without proof of arrival", output)[1])
        self.assertLessEqual(lost, reported, output)
        self.assertIn(f"ariws_messages_unconfirmed_total {reported}\n", output)
        self.assertRegex(output, rf"unconfirmed.*\b{reported}\b")
        print(f"\n{len(received)} events before the kill, {lost} lost, {reported} reported as possibly lost")


if __name__ == "__main__":
    unittest.main()
