# SPDX-License-Identifier: MIT OR Apache-2.0
"""The Asterisks to test: where each is installed, and whether it uses its own outbound websockets or ours."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ENTER = Path(__file__).resolve().parents[2] / "scripts" / "asterisk-in-root.sh"


class Host:
    """One installation, with a private folder for the run that end removes."""

    def __init__(self, name, specification, library):
        self.name = name
        self.kind, _, rest = specification.partition(":")
        places = rest.split(":")
        if (self.kind, len(places)) not in {("native", 1), ("installed", 1), ("ours", 2), ("prefix", 2)}:
            kinds = "native:ROOT, installed:ROOT, ours:ROOT:MODULE or prefix:DIR:MODULE"
            raise ValueError(f"{name}={specification}: {kinds} is needed")
        place = Path(places[0]).resolve()
        self.native = self.kind == "native"
        self.root = None if self.kind == "prefix" else place
        self.program = str(place / "sbin/asterisk") if self.kind == "prefix" else "/usr/sbin/asterisk"
        # What is tested, unless the installation has it already.
        self.module = Path(places[1]) if len(places) == 2 else None
        self.library = Path(library) if self.module else None
        beneath = place if self.kind == "prefix" else place / "usr"
        self.packaged = found(beneath.glob("lib*/**/asterisk/modules/res_stasis.so"), "modules", place).parent
        documentation = [*beneath.glob("share/asterisk/documentation"), *beneath.glob("var/lib/asterisk/documentation")]
        self.data_inside = self.inside(found(documentation, "documentation", place).parent)
        self.version = self.find_version()
        self.folder = Path(tempfile.mkdtemp(prefix="ariws-", dir=self.root / "tmp" if self.root else None))
        self.folder.chmod(0o755)
        self.modules = self.packaged
        if self.kind != "installed":
            self.modules = self.folder / "modules"
            self.link_modules()

    def __str__(self):
        return self.name

    @property
    def has_native(self):
        """Whether this Asterisk has outbound websockets of its own, in use or not."""
        return (self.packaged / "res_websocket_client.so").exists()

    def inside(self, path):
        """How the installation's own processes name a path."""
        return "/" + str(path.relative_to(self.root)) if self.root else str(path)

    def outside(self, path):
        """How this process names it."""
        return self.root / path.lstrip("/") if self.root else Path(path)

    def find_version(self):
        prefix = ["chroot", str(self.root)] if self.root else []
        output = subprocess.run([*prefix, self.program, "-V"], capture_output=True, text=True, check=True).stdout
        return tuple(int(number) for number in re.search(r"Asterisk (?:\w+-)?(\d+)\.(\d+)", output).groups())

    def link_modules(self):
        self.modules.mkdir()
        for module in self.packaged.glob("*.so"):
            (self.modules / module.name).symlink_to(self.inside(module))
        if self.module:
            shutil.copy(self.module, self.modules / "res_ariws.so")
            shutil.copy(self.library, self.modules / "libariws.so.0")

    def has_module(self, name):
        return (self.packaged / f"{name}.so").exists() or name == "res_ariws" and self.module is not None

    def command(self, *arguments):
        """The command line that runs Asterisk with these arguments; its process becomes Asterisk's."""
        if self.root:
            return [str(ENTER), str(self.root), self.program, *arguments]
        return [self.program, *arguments]

    def client_command(self, *arguments):
        """The same for a process that only talks to a running Asterisk."""
        prefix = ["chroot", str(self.root)] if self.root else []
        return [*prefix, self.program, *arguments]

    def words(self, command):
        """A command of outbound websockets as it is called here; given as the native one calls it."""
        if not self.native and self.has_native:
            return re.sub(r"\bari (?=(show (outbound|websocket|sessions)|shutdown|start)\b)", "ariws ", command)
        return command

    def end(self, keep):
        if keep:
            print(f"{self.name}: kept {self.folder}")
        else:
            shutil.rmtree(self.folder)


def found(candidates, what, place):
    for candidate in candidates:
        return candidate
    raise ValueError(f"{place}: no {what} of Asterisk found")
