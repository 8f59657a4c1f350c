# SPDX-License-Identifier: MIT OR Apache-2.0
"""Blocks of code, each read by what it is meant for; commands and messages besides by `commands.py`."""

import os
import sqlite3
import subprocess
from collections import Counter

import yaml

from pages import ROOT
from reader import console
from settings import Settings


def run(*command, **more):
    """What a command says if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    return [done.stdout.strip() or f"{command[0]}: status {done.returncode}"] if done.returncode else []


class Readers:
    def __init__(self, reader, shell):
        self.installed = reader.installed
        self.folder = reader.folder
        self.shell = shell
        self.settings = Settings(reader)
        self.counted = Counter()
        # A program that links with the library.
        self.program = self.folder / "pbx.c"
        self.program.write_text("#include <ariws.h>\nint main(void) { return ariws_version() == 0; }\n")

    def faults(self, block):
        reader = getattr(self, f"read_{block.language}", None)
        if reader is None:
            return [f"nothing reads blocks of the language {block.language!r}"]
        self.counted[block.language] += 1
        return reader(block)

    def finish(self):
        """What only all blocks of a section together show."""
        return self.settings.faults()

    def read_text(self, block):
        """Drawings, and what is no language."""
        return []

    def read_json(self, block):
        """It comes, or does not: `commands.py` sees to that, and to what follows."""
        return []

    read_http = read_json

    def read_sh(self, block):
        return list(self.shell.faults(block.text, block.path.parent))

    def read_console(self, block):
        commands = [command for command, _ in console(block)]
        return list(self.shell.faults("\n".join(commands), block.path.parent)) if commands else ["no line begins with $"]

    def read_yaml(self, block):
        try:
            yaml.safe_load(block.text)
        except yaml.YAMLError as error:
            return [f"YAML: {error}"]
        return []

    def read_sql(self, block):
        try:
            sqlite3.connect(":memory:").executescript(block.text)
        except sqlite3.Error as error:
            return [f"SQL: {error}"]
        return []

    def read_ini(self, block):
        return self.settings.read(block)

    def read_c(self, block):
        """A piece of one of the examples, which is compiled, or a text that compiles."""
        whole = [path for path in (ROOT / "c_examples").rglob("*.c") if block.text in path.read_text()]
        source = whole[0] if whole else self.folder / "block.c"
        if not whole:
            source.write_text(block.text)
        return run("cc", "-std=c99", "-Wall", "-Werror", "-fsyntax-only", f"-I{ROOT}/include", str(source))

    def environment(self):
        search = f"{self.installed}/lib/pkgconfig"
        return os.environ | {"PKG_CONFIG_PATH": search, "CMAKE_PREFIX_PATH": str(self.installed)}

    def read_cmake(self, block):
        """In a project that has the program, against the library that is installed."""
        project = self.folder / "cmake"
        project.mkdir()
        lines = ["cmake_minimum_required(VERSION 3.19)", "project(pbx C)", "add_executable(pbx ../pbx.c)", block.text]
        (project / "CMakeLists.txt").write_text("\n".join(lines))
        environment = self.environment()
        configured = run("cmake", "-S", str(project), "-B", str(project / "build"), env=environment)
        return configured or run("cmake", "--build", str(project / "build"), env=environment)

    def read_meson(self, block):
        project = self.folder / "meson"
        project.mkdir()
        (project / "pbx.c").write_text(self.program.read_text())
        (project / "meson.build").write_text(f"project('pbx', 'c')\n{block.text}")
        environment = self.environment()
        configured = run("meson", "setup", "build", cwd=project, env=environment)
        return configured or run("ninja", "-C", "build", cwd=project, env=environment)
