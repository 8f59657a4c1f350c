# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a reader of the documentation has: a copy of the project beside what was built and installed, an application that
listens, a PBX, and eyes that compare what is said with what the page shows."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections import Counter

from pages import FOREIGN, ROOT

SECONDS = 300
# What make hands on to the commands of a recipe, and what would put things elsewhere than the page says.
OF_MAKE = re.compile(r"(MAKE|MFLAGS|GNUMAKE|(PREFIX|DESTDIR|BINDIR|LIBDIR|INCLUDEDIR|DATADIR|MANDIR|STAY|PAGE|BUILD|TARGET)$)")


class Wrong(Exception):
    """What a page shows is not what happens."""


def form(text):
    """The text with what is another one in each run replaced: numbers, with times and ports, and ids; and the blanks."""
    text = re.sub(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "ID", text)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "N", text)).strip()


def lacking(shown, came):
    """The lines of a page that were not said. `...` stands for others; who speaks first may differ."""
    left = Counter(form(line) for line in shown.splitlines() if line.strip() not in ("", "..."))
    return list((left - Counter(map(form, came.splitlines()))).elements())


def console(block):
    """The commands of a block, each with the output that it shows."""
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


class Reader:
    def __init__(self, built, installed, folder):
        self.built = built
        self.installed = installed
        self.folder = folder
        self.library = installed / "lib/libariws.so.0"
        self.program = built / "minipbx/minipbx"
        self.copy = folder / "ariws"
        shutil.copytree(ROOT, self.copy, ignore=shutil.ignore_patterns(*FOREIGN, ".*"))
        (self.copy / "target").symlink_to(built)
        self.environment = {name: value for name, value in os.environ.items() if not OF_MAKE.match(name)}
        self.environment |= {
            "CARGO_TARGET_DIR": str(built),
            "PATH": f"{installed}/bin:{os.environ['PATH']}",
            "PKG_CONFIG_PATH": f"{installed}/lib/pkgconfig",
            "TZ": "UTC",
        }

    def run(self, commands, folder, lines="", places=(), **environment):
        """What commands of a page say. Where it names a place that a reader has, `places` tells which that is here."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", placed(commands, places)],
            cwd=folder,
            env=self.environment | environment,
            input=lines,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            raise Wrong(f"{commands.strip()}: status {done.returncode}\n{done.stdout.strip()}")
        return done.stdout

    def shows(self, block, folder, places=()):
        """Commands that say what the page shows."""
        for command, output in console(block):
            said = self.run(command, folder, places=places)
            for line in lacking(output, said):
                raise Wrong(f"{command}: '{line}' is shown, and was not said:\n{said}")

    @contextlib.contextmanager
    def serving(self, command, folder, places=(), **more):
        """A command that goes on until it is told to end."""
        environment = self.environment | more.pop("environment", {})
        server = subprocess.Popen(
            ["bash", "-c", f"exec {placed(command, places)}"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **more,
        )
        try:
            yield server
        finally:
            server.terminate()
            try:
                server.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.communicate()

    @contextlib.contextmanager
    def application(self, command, folder=ROOT, places=()):
        """The port of an application that says on which one it listens."""
        with self.serving(command, folder, places) as server:
            line = server.stdout.readline()
            listens = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
            if not listens:
                raise Wrong(f"{command}: it does not listen: {line}")
            yield int(listens[1])

    def sample(self):
        return self.application(f"{self.built}/release/ariws-application --listen 127.0.0.1:0")

    def configuration(self, port, **replaced):
        """The demo's configuration for an application, with some of its words replaced."""
        folder = self.folder / "configuration"
        folder.mkdir(exist_ok=True)
        for path in (ROOT / "c_examples/demo").glob("*.conf"):
            text = path.read_text().replace("@PORT@", str(port))
            for word, other in replaced.items():
                text = text.replace(word, other)
            (folder / path.name).write_text(text)
        return folder

    def pbx(self, configuration, *options):
        return [str(self.program), "--library", str(self.library), "--config", str(configuration), *options]


def placed(commands, places):
    for place, here in dict(places).items():
        if place not in commands:
            raise Wrong(f"{commands.strip()}: {place} is not in there")
        commands = commands.replace(place, str(here))
    return commands


def same_message(shown, received):
    """Whether a message of the page came: with these members in this order, and these values but for numbers and ids."""
    wanted = form(json.dumps(json.loads(shown)))
    return any(form(json.dumps(message)) == wanted for message in received)
