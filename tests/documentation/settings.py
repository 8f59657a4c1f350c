# SPDX-License-Identifier: MIT OR Apache-2.0
"""Configuration that the documentation shows: sections of ariws go through `ariws-check` and are loaded by minipbx, those of
one heading together, with what they refer to and do not show; a dialplan and files of Asterisk are looked at line by line."""

import re
import subprocess

from pages import ROOT

OURS = re.compile(r"^type *=>? *(outbound_websocket|websocket_client|user)\b", re.M)
# A line of any of Asterisk's files.
LINE = re.compile(r"\s*(;.*|\[[\w.-]+\](\([\w!+,]+\))?\s*(;.*)?|[\w.()-]+\s*(=>|=)\s*.+|#\w+ .*)?")
# What sections of others, and lines of others without one, have.
OTHERS = re.compile(r"^(\[|(no)?load\b|exten\b|same\b)", re.M)
# Where lines without a section belong.
CLIENT = "[lines]\ntype = websocket_client\nuri = ws://127.0.0.1/\nconnection_type = persistent\n"
STEP = re.compile(r"(exten|same)\s*=>?\s*(.+)")


class Settings:
    def __init__(self, reader):
        self.reader = reader
        self.folder = reader.folder / "settings"
        # Blocks by the place that shows them.
        self.shown = {}

    def read(self, block):
        faults = []
        for line in block.text.splitlines():
            if not LINE.fullmatch(line):
                faults.append(f"no line of a configuration: {line}")
        faults += [f"no step of a dialplan: {line}" for line in block.text.splitlines() if self.is_wrong_step(line)]
        if OURS.search(block.text) or not OTHERS.search(block.text):
            self.shown.setdefault((block.path, block.section), []).append(block)
        return faults

    def is_wrong_step(self, line):
        step = STEP.fullmatch(line.split(" ;")[0].strip())
        if step is None:
            return False
        what = step[2].partition(",")[2] if step[1] == "exten" else step[2]
        # A hint is a device; anything else an application with what it gets.
        return not re.fullmatch(r"hint,\S+|(\d+|n)(\([\w-]+\))?,\w+(\(.*\))?", what.strip())

    def faults(self):
        for (path, _), blocks in self.shown.items():
            for text, line in self.wholes(blocks):
                self.write(text)
                for said in [*self.checked(), *self.loaded(text)]:
                    yield f"{path.relative_to(ROOT)}:{line}", said

    def wholes(self, blocks):
        """The sections of a heading as one configuration. A name that is shown once more, as another way to write it, is
        another configuration."""
        text, first = "", blocks[0].line
        for block in blocks:
            known = set(self.kinds(text))
            if any(pair in known for pair in self.kinds(block.text)):
                yield text, first
                text, first = "", block.line
            text += f"{'' if '[' in block.text else CLIENT}{block.text}\n"
        yield text, first

    def kinds(self, text):
        for name, body in re.findall(r"^\[([^]]+)\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.M | re.S):
            if kind := OURS.search(body):
                yield name, kind[1]

    def write(self, text):
        """A folder with it, and with what it refers to."""
        known = set(self.kinds(text))
        sections = re.findall(r"^\[([^]]+)\](\([^)]*\))?[^\n]*\n(.*?)(?=^\[|\Z)", text, re.M | re.S)
        # Of files that hold more than our sections, only those are ours.
        kept = ""
        for name, template, body in sections:
            if OURS.search(body) or name == "general" and template:
                kept += f"[{name}]{template}\n{body}\n"
        for kind, named in (("websocket_client", "websocket_client_id"), ("user", "local_ari_user")):
            for name in set(re.findall(rf"^{named}\s*=\s*(\S+)", text, re.M)):
                if (name, kind) not in known:
                    known.add((name, kind))
                    kept += f"[{name}]\ntype = {kind}\n" + ("password = x\n" if kind == "user" else "uri = ws://127.0.0.1/\n")
        folder = self.folder
        folder.mkdir(exist_ok=True)
        (folder / "secret").write_text("secret\n")
        # Files of secrets, which a machine that checks does not have.
        kept = re.sub(r"^(\w+_file *=.*?)/\S+", rf"\1{folder}/secret", kept, flags=re.M)
        (folder / "ari.conf").write_text("[general]\n")
        (folder / "ari_outbound.conf").write_text(kept)
        (folder / "websocket_client.conf").write_text("")

    def checked(self):
        done = run([self.reader.built / "release/ariws-check", self.folder])
        if done.returncode:
            yield f"ariws-check: {done.stdout.strip()}"

    def loaded(self, text):
        """The library in a PBX takes all of it, without a word about a line, and has each of its connections."""
        done = run(self.reader.pbx(self.folder, "--command", "ari show outbound-websockets"))
        names = [name for name, kind in self.kinds(text) if kind == "outbound_websocket"]
        valid = all(re.search(rf"^{re.escape(name)} .* valid ", done.stdout, re.M) for name in names)
        if done.returncode or not valid or " 0 objects refused" not in done.stdout or ".conf:" in done.stdout:
            yield f"minipbx: {done.stdout.strip()}"


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
