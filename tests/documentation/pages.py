# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pages of the documentation: their headings and their blocks of code."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is built, and what others have written.
FOREIGN = {"target", "node_modules", "build", "venv"}


@dataclass(frozen=True)
class Block:
    path: Path
    # The anchor of the heading above it.
    section: str
    line: int
    language: str
    text: str

    @property
    def heading(self):
        """The heading as a link from the project's folder has it."""
        return f"{self.path.relative_to(ROOT)}#{self.section}"

    @property
    def place(self):
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def pages():
    for path in sorted(ROOT.rglob("*.md")):
        parts = path.relative_to(ROOT).parts
        if not FOREIGN.intersection(parts) and not any(part.startswith(".") for part in parts):
            yield path


def prose(text):
    """The text without its blocks of code; lines keep their numbers."""
    return re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)


def anchors(text):
    """The line and the anchor, as GitHub gives it, of each heading."""
    seen = {}
    for number, line in enumerate(prose(text).splitlines(), 1):
        if heading := re.fullmatch(r"#+ *(.*?) *", line):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
            anchor = re.sub(r"[^\w -]", "", plain).lower().replace(" ", "-")
            repeated = seen[anchor] = seen.get(anchor, -1) + 1
            yield number, f"{anchor}-{repeated}" if repeated else anchor


def blocks(path, text):
    headings = list(anchors(text))
    for fence in re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.M):
        line = text.count("\n", 0, fence.start()) + 1
        section = next((anchor for number, anchor in reversed(headings) if number < line), "")
        yield Block(path, section, line, fence[1], fence[2])


def under(heading, *languages):
    """The blocks of these languages below one heading, which is given as `page.md#anchor`."""
    path = ROOT / heading.partition("#")[0]
    return [block for block in blocks(path, path.read_text()) if block.heading == heading and block.language in languages]
