# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same calls of minipbx through the library to each of the sample applications: all of them say the same.

ARIWS_LIBRARY, ARIWS_MINIPBX and ARIWS_APPLICATION name what was built; without them there is nothing to test. The application
in JavaScript needs Node.js with its package ws.
"""

import os
import re
import sys
import unittest
from pathlib import Path

from programs import Programs

TOP = Path(__file__).resolve().parents[2]
EXAMPLES = TOP / "examples"
DEADLINE = 120
# Who presses these digits on which connection.
CALLS = {"1#": "persistent", "12": "per_call", "": "per_call", "2": "persistent"}
# How long the caller who presses nothing is waited for. The others press their first digit as soon as the menu is over.
DIGIT_TIMEOUT = 3000

PROGRAMS = {
    "Python": [sys.executable, str(EXAMPLES / "python" / "application.py")],
    "JavaScript": ["node", str(EXAMPLES / "node" / "application.js")],
    "Rust": [os.environ.get("ARIWS_APPLICATION", "")],
}


@unittest.skipUnless({"ARIWS_MINIPBX", "ARIWS_APPLICATION"} <= os.environ.keys(), "nothing was built to test")
class SameCalls(Programs, unittest.TestCase):
    def start_pbx(self, port):
        folder = self.new_folder()
        for file in (TOP / "c_examples" / "demo").glob("*.conf"):
            (folder / file.name).write_text(file.read_text().replace("@PORT@", port))
        commands = ["wait session persistent up 30000"]
        for digits, connection in CALLS.items():
            commands += [f"dial s@stasis-demo_{connection} {digits}", "wait calls 30000"]
        return self.start_minipbx(folder, [*commands, "quit"])

    def said(self, program):
        """What an application says of the calls, without times and numbers."""
        application = self.start(
            *program, "--listen", "127.0.0.1:0", "--username", "some_user", "--password", "some_users_password",
            "--digit-timeout", str(DIGIT_TIMEOUT), "--calls", str(len(CALLS)), "--deadline", str(DEADLINE * 1000),
        )
        port = application.stdout.readline().strip().rsplit(":", 1)[1]
        pbx = self.start_pbx(port)
        told = pbx.communicate(timeout=DEADLINE)[0]
        self.assertEqual(pbx.returncode, 0, told)
        output = application.communicate(timeout=DEADLINE)[0]
        self.assertEqual(application.returncode, 0, output)
        return [self.without_numbers(line) for line in output.splitlines()]

    def without_numbers(self, line):
        line = re.sub(r"^ *[0-9.]+ ms  ", "", line)
        line = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", line)
        line = re.sub(r"took \d+ ms", "took TIME", line)
        return re.sub(r"\d{9,}\.\d+", "CHANNEL", line)

    def test_all_say_the_same(self):
        said = {name: self.said(program) for name, program in PROGRAMS.items()}
        # An answer and an event may overtake each other, and a call that ends early cuts a playback short. Whether a
        # connection hears of the end of its application is a matter of which end of it comes first. What ends the last call
        # ends the PBX, perhaps before the answer to it is sent.
        left = re.compile(r"Playback|ApplicationUnregistered|<- 204 No Content \((DELETE |POST .*/continue)")
        counted = {name: sorted(line for line in lines if not left.search(line)) for name, lines in said.items()}
        self.assertEqual(counted["JavaScript"], counted["Python"])
        self.assertEqual(counted["Rust"], counted["Python"])
        text = "\n".join(said["Python"])
        for request, count in {"/answer": 4, "/play": 6, "/continue": 2}.items():
            self.assertEqual(text.count(f"-> POST channels/CHANNEL{request}"), count, text)
        self.assertEqual(text.count("-> DELETE channels/CHANNEL"), 2, text)
        self.assertEqual(text.count("no digit from CHANNEL"), 1, text)


if __name__ == "__main__":
    unittest.main()
