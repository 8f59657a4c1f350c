# SPDX-License-Identifier: MIT OR Apache-2.0
"""A third-party application that begins to listen some milliseconds after it has accepted the connection.

ARIWS_LIBRARY and ARIWS_MINIPBX name what was built; without them there is nothing to test. The application needs Node.js
with its package ws.
"""

import os
import subprocess
import unittest
from pathlib import Path

from programs import Programs

APPLICATION = Path(__file__).resolve().parents[1] / "node" / "late_listener.js"
CALLS = 30
# Milliseconds: a little, and far longer than the library takes for 30 calls on a busy machine.
LATE, VERY_LATE = 5, 1500


@unittest.skipUnless("ARIWS_MINIPBX" in os.environ, "nothing was built to test")
class LateListener(Programs, unittest.TestCase):
    def heard(self, start_delay, late):
        """Of how many calls the application hears."""
        folder = self.new_folder()
        application = self.start("node", APPLICATION, late)
        port = int(application.stdout.readline())
        (folder / "ari.conf").write_text(
            "[user]\ntype = user\npassword = x\n"
            "[late]\ntype = outbound_websocket\nwebsocket_client_id = late\napps = late\nlocal_ari_user = user\n"
        )
        (folder / "websocket_client.conf").write_text(
            f"[late]\ntype = websocket_client\nuri = ws://127.0.0.1:{port}/\nprotocols = ari\n"
            f"connection_type = per_call_config\nconnection_timeout = 20000\nstart_delay = {start_delay}\n"
        )
        self.start_minipbx(folder, [f"calls {CALLS} {CALLS} s@stasis-late"], "--quiet", stderr=subprocess.DEVNULL)
        told = [application.stdout.readline().strip() for _ in range(CALLS)]
        self.assertEqual(set(told) - {"started", "lost"}, set())
        return told.count("started")

    def test_every_call_is_heard_of_after_the_delay(self):
        # Far longer than the application takes, on a busy machine too.
        self.assertEqual(self.heard(start_delay=1500, late=LATE), CALLS)

    def test_without_a_delay_calls_are_lost(self):
        self.assertLess(self.heard(start_delay=0, late=VERY_LATE), CALLS)


if __name__ == "__main__":
    unittest.main()
