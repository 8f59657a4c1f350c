#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks what documents say of the recorded cases and of tests; prints what is wrong.

A line of docs/comparison.md links to the heading that explains the difference, which recorded cases show, or
`differences.json` names what shows it, mostly a test on real Asterisks; what such a line links to is there. Headings that it
calls important have a line. Each line of docs/security.md names what shows it. The README of this folder counts the cases.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = "differences.md"
COMPARISON = "comparison.md"
DOCS = "docs"
TABLE = "\n## What is different from Asterisk\n"


def comparison(page_of_table, document, listed, read):
    """What is wrong with the table."""
    headings = anchors(document)
    linked, rows = set(), []
    for row in first_column(page_of_table):
        link = re.fullmatch(r"\[(.*)\]\(([^()#]*)#([^()]*)\)", row)
        text, page, place = link.groups() if link else (row, DOCUMENT, None)
        if link and place not in (headings if page == DOCUMENT else anchors(read(f"{DOCS}/{page}"))):
            yield f'{COMPARISON}: {page} has no heading for "{row}"'
        elif link and page == DOCUMENT:
            linked.add(headings[place])
        else:
            rows.append(text)
    if not rows and not linked:
        yield f"{COMPARISON} has no table of differences"
    for rule, said in listed.get("rules", {}).items():
        if said["heading"] not in headings.values():
            yield f'{rule}: {said["document"]} has no heading "{said["heading"]}"'
    for heading in listed["headings"]:
        if heading not in linked:
            yield f'{COMPARISON}: no line of the table links to "{heading}"'
    for row, file, test in listed["rows"]:
        if row not in rows:
            yield f'{COMPARISON}: the table has no line "{row}"'
        if test not in read(file):
            yield f'{row}: {file} has no "{test}"'
    for row in set(rows) - {row for row, _, _ in listed["rows"]}:
        yield f'{COMPARISON}: "{row}" links to no heading of {DOCUMENT}, and differences.json names nothing that shows it'


def first_column(page):
    """The first column of the table, without its heading."""
    lines = page.partition(TABLE)[2].strip().splitlines()
    end = next((index for index, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [line.removeprefix("| ").split(" | ")[0] for line in lines[2:end]]


def anchors(document):
    """The headings of a document, by their anchors."""
    return {anchor(heading): heading for heading in re.findall(r"^#+ *(.*?) *$", document, re.MULTILINE)}


def anchor(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def security(document, texts):
    """Lines of tables whose last column names nothing, or something that is not there."""
    rows = [line for line in document.splitlines() if line.startswith("|")]
    for row, following in zip(rows, [*rows[1:], ""]):
        if row.startswith("|---") or following.startswith("|---"):
            continue
        named = re.findall("`([^`]*)`", row.rstrip("|").rpartition("|")[2])
        if not named:
            yield f"docs/security.md: nothing shows {row}"
        for test in named:
            case = re.compile(rf'fn {re.escape(test)}\(|@case\(\s*"{re.escape(test)}"')
            if not any(case.search(text) for text in texts):
                yield f'docs/security.md: there is no test "{test}"'
    if len(rows) < 3:
        yield "docs/security.md has no table"


def counts(readme, files):
    """What is wrong with the numbers of cases."""
    numbers = {name: len(re.findall('^{"case":', text, re.MULTILINE)) for name, text in files.items()}
    for name, count in numbers.items():
        if f"`{name}` ({count})" not in readme:
            yield f"{name} has {count} cases"
    if f"These are {sum(numbers.values())} cases." not in readme:
        yield f"there are {sum(numbers.values())} cases"


def check():
    """These checks find what they are for."""
    page = f"#\n{TABLE}\n| | a |\n|---|---|\n| [one]({DOCUMENT}#one-thing) | 1 |\n| two | 1 |\n\n| three | 1 |\n"

    def wrong(document, heading, row, test, other="a test"):
        listed = {"headings": [heading], "rows": [[row, "file", test]]}
        return len(list(comparison(page, document, listed, lambda _: other)))

    assert wrong("# All\n### One thing\n", "One thing", "two", "test") == 0
    assert wrong("### Another thing\n", "One thing", "two", "test") == 2
    unsaid = {"rules": {"x": {"document": DOCUMENT, "heading": "Two"}}, "headings": [], "rows": [["two", "file", ""]]}
    assert list(comparison(page, "# One thing", unsaid, str)) == [f'x: {DOCUMENT} has no heading "Two"']
    assert wrong("### One thing\n", "Two things", "two", "test") == 1
    assert wrong("### One thing\n", "One thing", "four", "test") == 2
    assert wrong("### One thing\n", "One thing", "two", "no test") == 1
    page = page.replace("| two |", "| [two](page.md#two-things) |")
    assert wrong("# One thing\n", "One thing", "two", "test", other="# Two things\na test") == 0
    assert wrong("# One thing\n", "One thing", "two", "test") == 2
    assert anchor("A missing [connection_type]") == "a-missing-connection_type"
    texts = ['@case("a/case")\n@case(\n    "a/long one",\n)', 'fn a_test() {}\nassert_eq!("a/text", "");']

    def unshown(cell):
        return len(list(security(f"| a | shown by |\n|---|---|\n| `a` | {cell} |\n", texts)))

    assert (unshown("`a/case`, `a/long one`, `a_test`"), unshown("a/case"), unshown("`a/text`, `test`, `a/case`")) == (0, 1, 2)
    assert list(security("no table", texts))
    assert list(counts("`a` (1) These are 1 cases.", {"a": '{"case":1}\n{"case":2}\n'}))


def main():
    check()
    programs = [path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".rs")]
    table = json.loads((HERE / "differences.json").read_text())
    listed = table["comparison"] | {"rules": table["rules"]}
    faults = [
        *comparison(
            (ROOT / DOCS / COMPARISON).read_text(), (ROOT / DOCS / DOCUMENT).read_text(), listed, lambda file: (ROOT / file).read_text()
        ),
        *security((ROOT / "docs/security.md").read_text(), [path.read_text() for path in programs]),
        *counts((HERE / "README.md").read_text(), {path.name: path.read_text() for path in HERE.glob("*.jsonl")}),
    ]
    print("\n".join(faults))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
