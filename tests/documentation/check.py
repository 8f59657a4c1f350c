#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks the Markdown of the project; prints what is wrong.

Every relative link leads to a file, and its anchor to a heading. Every target of make that is spoken of is there. Every block
of code is read by what it is meant for, in `blocks.py`; one of a language that nothing there knows is wrong. Commands are run,
and messages come, as `commands.py` says; one that nothing there runs is wrong.

usage: check.py --built FOLDER --installed FOLDER
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from blocks import Readers
from commands import Commands
from pages import ROOT, Block, anchors, blocks, pages, prose
from reader import Reader, lacking
from shell import Shell


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
        elif anchor and (place.suffix != ".md" or anchor not in dict(anchors(place.read_text())).values()):
            yield number, f"no such heading: {target}"


def wrong_words(path, text, shell):
    """Targets of make that are spoken of."""
    for number, line in enumerate(prose(text).splitlines(), 1):
        for command in re.findall(r"`(make [^`]*)`", line):
            for fault in shell.faults(command, path.parent):
                yield number, fault


def wrong_blocks(path, text, readers, commands):
    for block in blocks(path, text):
        for fault in [*readers.faults(block), *commands.take(block)]:
            yield block.line, fault


def check():
    """These checks find what they are for."""
    text = "# A `b` c\n## A [d](e)\n## A b c\n```\n# no heading\n```\n"
    assert list(anchors(text)) == [(1, "a-b-c"), (2, "a-d"), (3, "a-b-c-1")]
    assert [(block.section, block.line, block.text) for block in blocks(ROOT, text)] == [("a-b-c-1", 4, "# no heading\n")]
    text = "[a](b.md) `[c](d)` ![e](f.png)\n```\n[g](h)\n```\n[i](#j)"
    assert list(links(text)) == [(1, "b.md"), (1, "f.png"), (5, "#j")]
    here = Path(__file__)
    assert len(list(wrong_links(here, "[a](check.py) [b](nowhere) [c](#nowhere) [d](https://example.net) [e](/etc/passwd)"))) == 3
    shell = Shell(ROOT)
    assert list(shell.faults("make test && sudo make -C c_examples/minipbx SANITIZE=address all", ROOT)) == []
    assert len(list(shell.faults("make no-such-target; scripts/nothing.sh; if", ROOT))) == 3
    assert lacking("a 1.5 ms\n...\nb 2\n", "b 33\nmore\n  a 1.25 ms") == []
    assert lacking("a 1\na 2\nb\n", "a 3\nc\n") == ["a N", "b"]
    assert len(Commands(None).take(Block(here.parent / "page.md", "no-heading", 1, "sh", "true\n"))) == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--built", required=True, type=Path, help="the folder into which everything was built")
    parser.add_argument("--installed", required=True, type=Path, help="a prefix into which the library was installed")
    options = parser.parse_args()
    check()
    shell = Shell(ROOT)
    faults = 0
    read = list(pages())
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(options.built.resolve(), options.installed, Path(folder))
        readers = Readers(reader, shell)
        commands = Commands(reader)
        for path in read:
            text = path.read_text()
            found = [*wrong_links(path, text), *wrong_words(path, text, shell), *wrong_blocks(path, text, readers, commands)]
            for number, fault in sorted(found):
                faults += 1
                print(f"{path.relative_to(ROOT)}:{number}: {fault}")
        for place, fault in [*readers.finish(), *commands.faults()]:
            faults += 1
            print(f"{place}: {fault}")
    counted = ", ".join(f"{count} of {language}" for language, count in sorted(readers.counted.items()))
    print(f"{len(read)} pages, blocks: {counted}; {faults} faults")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
