# SPDX-License-Identifier: MIT OR Apache-2.0
"""Commands that the documentation shows: their form, the targets of make, and files of the project that they name."""

import re
import shlex
import subprocess


class Shell:
    def __init__(self, root):
        self.root = root

    def faults(self, text, folder):
        """What is wrong with commands that are given in a folder, or in the project's own if that has no Makefile."""
        form = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        if form.returncode:
            yield f"bash: {form.stderr.strip()}"
            text = text.replace("; if", "")
        base = folder if (folder / "Makefile").exists() else self.root
        for command in re.split(r"&&|\|\||[;|\n]", re.sub(r"\\\n", " ", text)):
            try:
                words = shlex.split(command, comments=True)
            except ValueError:
                # Quotes around what was split at: nothing of make.
                continue
            if words[:1] == ["sudo"]:
                words = words[1:]
            if words[:1] == ["make"]:
                yield from self.wrong_targets(words[1:], base)
            for word in words:
                if re.match(r"(c_examples|examples|scripts|tests|docs|bench|packaging)/[\w./-]+$", word) and "/build" not in word:
                    if not (self.root / word).exists():
                        yield f"no such file: {word}"

    def wrong_targets(self, words, folder):
        targets = []
        words = iter(words)
        for word in words:
            if word == "-C":
                folder = self.root / next(words, "")
            elif not word.startswith("-") and "=" not in word:
                targets.append(word)
        makefile = folder / "Makefile"
        known = makefile.read_text() if makefile.exists() else ""
        if not known:
            yield f"no Makefile in {folder}"
        for target in targets:
            if not re.search(rf"^(?:[\w.-]+ )*{re.escape(target)}(?: [\w.-]+)*:(?!=)", known, re.M):
                yield f"make has no target {target} in {makefile.relative_to(self.root)}"
