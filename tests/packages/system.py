# SPDX-License-Identifier: MIT OR Apache-2.0
"""A root of Debian: what is installed in it, and the Asterisk that it starts by itself."""

import hashlib
import os
import re
import stat
import subprocess
from pathlib import Path

from asterisk import Asterisk
from host import ENTER

# What belongs to the machine, to the run, or grows of itself; and dpkg's copies of what was before.
PASSING = re.compile(r"(proc|sys|dev|run|tmp|var/(log|cache|tmp|spool|lib/(apt|asterisk)))(/|$)|var/lib/dpkg/.*-old$")

APT = """
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
Dpkg::Use-Pty "false";
quiet "1";
"""


class System:
    """Commands in the root, and what they leave."""

    def __init__(self, root):
        self.root = Path(root)

    def run(self, *command, succeeds=True, **environment):
        """Output and errors of a command, in one text."""
        variables = [f"{name}={value}" for name, value in environment.items()]
        prefix = [str(ENTER), str(self.root), "env", "DEBIAN_FRONTEND=noninteractive", *variables]
        done = subprocess.run(
            [*prefix, *command],
            # What make hands on to this program is not meant for the one in there.
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode == 0) == succeeds, f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}"
        return done.stdout

    def shell(self, commands, folder="/"):
        """Commands as they are typed: by root, who says yes to apt and whom sudo makes nothing else."""
        self.path("/tmp/apt.conf").write_text(APT)
        text = f'cd "$1"\nsudo() {{ "$@"; }}\n{commands}'
        return self.run("bash", "-euc", text, "shell", folder, APT_CONFIG="/tmp/apt.conf")

    def path(self, inside):
        return self.root / inside.lstrip("/")

    def files(self):
        """Everything that lasts: kind, owner and target of each file, and the content where packages put things."""
        found = {}
        for folder, names, files in os.walk(self.root):
            inside = os.path.relpath(folder, self.root)
            names[:] = [name for name in names if not PASSING.match(os.path.normpath(f"{inside}/{name}"))]
            for name in [*names, *files]:
                path = os.path.normpath(f"{inside}/{name}")
                if not PASSING.match(path):
                    found[path] = self.describe(path)
        return found

    def describe(self, path):
        status = (self.root / path).lstat()
        words = [stat.filemode(status.st_mode), f"{status.st_uid}:{status.st_gid}"]
        if stat.S_ISLNK(status.st_mode):
            words.append(os.readlink(self.root / path))
        elif stat.S_ISREG(status.st_mode) and path.startswith(("etc/", "usr/")) and path != "etc/ld.so.cache":
            words.append(hashlib.sha256((self.root / path).read_bytes()).hexdigest())
        return " ".join(words)

    def same_as(self, before, when):
        """Asserts that every file is as it was."""
        after = self.files()
        different = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
        lines = [f"{path}: {before.get(path, 'was not there')} -> {after.get(path, 'is gone')}" for path in different]
        assert not lines, f"{when}, not everything is as before:\n" + "\n".join(lines)
        self.forgotten(when)

    def forgotten(self, when):
        """Asserts that neither dpkg nor debconf knows of ariws."""
        for path in ["var/lib/dpkg/status", "var/lib/dpkg/diversions", "var/cache/debconf/config.dat"]:
            assert "ariws" not in (self.root / path).read_text(), f"{when}, {path} has ariws in it"


class SystemAsterisk(Asterisk):
    """Asterisk as the system's service starts it: with the configuration in /etc/asterisk, as the user asterisk."""

    options = ("-U", "asterisk", "-G", "asterisk")
    configuration_file = "/etc/asterisk/asterisk.conf"

    def prepare(self, outbounds, modules, files, extensions):
        """The folder has the system's under the names of a private one."""
        self.folder.mkdir()
        outside = self.host.outside
        for name, place in {"etc": "/etc/asterisk", "log": "/var/log/asterisk", "run": "/run/asterisk"}.items():
            (self.folder / name).symlink_to(outside(place))
        subprocess.run(["chroot", self.host.root, "install", "-d", "-o", "asterisk", "-g", "asterisk", "/run/asterisk"], check=True)
        for name in ["run/asterisk.ctl", "log/full"]:
            (self.folder / name).unlink(missing_ok=True)
        self.write("http.conf", f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {self.http_port}\n")
        for name, text in files.items():
            self.write(name, text)

    async def running(self, module):
        """Whether the module is there and runs."""
        return re.search(rf"^{module}\.so .* Running ", await self.cli(f"module show like {module}"), re.MULTILINE) is not None

    def maps(self, name):
        """The files of this name that the process has in its memory; those that were replaced are `(deleted)`."""
        lines = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        return {line.split(maxsplit=5)[5] for line in lines if name in line}
