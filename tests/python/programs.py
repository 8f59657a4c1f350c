# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a test starts and makes, and what is gone when it is over."""

import logging
import os
import subprocess
import tempfile
from pathlib import Path

# asyncio tells of what takes long in a test. On a busy machine that is nobody's fault.
logging.getLogger("asyncio").setLevel(logging.ERROR)


class Programs:
    """For a `unittest.TestCase`."""

    def new_folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def start(self, *command, stderr=subprocess.STDOUT):
        """A program whose output is to be read."""
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start_minipbx(self, folder, commands, *options, **more):
        """minipbx with the configuration in a folder: it carries the commands out and ends."""
        words = [word for command in commands for word in ("--command", command)]
        library = os.environ["ARIWS_LIBRARY"]
        return self.start(os.environ["ARIWS_MINIPBX"], "--library", library, "--config", folder, *options, *words, **more)
