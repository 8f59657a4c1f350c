#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks the Markdown of the project; prints what is wrong.

Every relative link leads to a file, and its anchor to a heading. Every target of make that is spoken of is there. Every block
of code is read by what it is meant for, in `blocks.py`; one of a language that nothing there knows is wrong.

usage: check.py --check PROGRAM --installed FOLDER
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import blocks
from shell import Shell

ROOT = Path(__file__).resolve().parents[2]
# What is built, and what others have written.
FOREIGN = {"target", "node_modules", "build", "venv"}


def documents():
    for path in sorted(ROOT.rglob("*.md")):
        parts = path.relative_to(ROOT).parts
        if not FOREIGN.intersection(parts) and not any(part.startswith(".") for part in parts):
            yield path


def prose(text):
    """The text without its blocks of code; lines keep their numbers."""
    return re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.M | re.S)


def anchors(text):
    """The anchors that GitHub gives the headings."""
    seen = {}
    for heading in re.findall(r"^#+ *(.*?) *$", prose(text), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w -]", "", plain).lower().replace(" ", "-")
        number = seen[anchor] = seen.get(anchor, -1) + 1
        yield f"{anchor}-{number}" if number else anchor


def links(text):
    """The targets of links and pictures, each with its line."""
    for number, line in enumerate(prose(text).splitlines(), 1):
        for target in re.findall(r"\]\(<?([^)\s>]+)>?\)", re.sub(r"`[^`]*`", "", line)):
            yield number, target


def wrong_links(path, text):
    for number, target in links(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or ROOT not in [place, *place.parents]:
            yield number, f"no such file: {target}"
        elif anchor and (place.suffix != ".md" or anchor not in anchors(place.read_text())):
            yield number, f"no such heading: {target}"


def wrong_words(path, text, shell):
    """Targets of make that are spoken of."""
    for number, line in enumerate(prose(text).splitlines(), 1):
        for command in re.findall(r"`(make [^`]*)`", line):
            for fault in shell.faults(command, path.parent):
                yield number, fault


def wrong_blocks(path, text, readers):
    section = ""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        section = line if line.startswith("#") else section
        if line.startswith("```"):
            first = number
            number += 1
            while number < len(lines) and lines[number] != "```":
                number += 1
            block = blocks.Block(path, section, first + 1, line[3:], "\n".join(lines[first + 1:number]) + "\n")
            for fault in readers.faults(block):
                yield first + 1, fault
        number += 1


def check():
    """These checks find what they are for."""
    assert list(anchors("# A `b` c\n## A [d](e)\n## A b c\n```\n# no heading\n```\n")) == ["a-b-c", "a-d", "a-b-c-1"]
    text = "[a](b.md) `[c](d)` ![e](f.png)\n```\n[g](h)\n```\n[i](#j)"
    assert list(links(text)) == [(1, "b.md"), (1, "f.png"), (5, "#j")]
    here = Path(__file__)
    assert len(list(wrong_links(here, "[a](check.py) [b](nowhere) [c](#nowhere) [d](https://example.net) [e](/etc/passwd)"))) == 3
    shell = Shell(ROOT)
    assert list(shell.faults("make test && sudo make -C c_examples/minipbx SANITIZE=address all", ROOT)) == []
    assert len(list(shell.faults("make no-such-target; scripts/nothing.sh; if", ROOT))) == 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", required=True, type=Path, help="the program ariws-check")
    parser.add_argument("--installed", required=True, type=Path, help="a prefix into which the library was installed")
    options = parser.parse_args()
    check()
    shell = Shell(ROOT)
    faults = 0
    pages = list(documents())
    with tempfile.TemporaryDirectory() as folder:
        readers = blocks.Readers(ROOT, options.check, options.installed, Path(folder), shell)
        for path in pages:
            text = path.read_text()
            found = [*wrong_links(path, text), *wrong_words(path, text, shell), *wrong_blocks(path, text, readers)]
            for number, fault in sorted(found):
                faults += 1
                print(f"{path.relative_to(ROOT)}:{number}: {fault}")
        for place, fault in readers.finish():
            faults += 1
            print(f"{place}: {fault}")
    counted = ", ".join(f"{count} of {language}" for language, count in sorted(readers.counted.items()))
    print(f"{len(pages)} pages, blocks: {counted}; {faults} faults")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
