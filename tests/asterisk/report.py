# SPDX-License-Identifier: MIT OR Apache-2.0
"""Results, their comparison, and the table at the end."""

import difflib
import json
from dataclasses import dataclass, field

PASSED, CRASHED, HUNG, FAILED, LEFT_OUT = "passed", "crashed", "hung", "FAILED", "-"


@dataclass
class Result:
    """One case on one host."""

    ended: str
    outcome: dict | None
    detail: str
    seconds: float = 0
    # What is to be read of its Asterisks, if the case failed.
    explanation: list[str] = field(default_factory=list)
    # How often it was run until this came out.
    attempts: int = 1
    # What came of the end of its Asterisks, unless that is all in order: crashed or hung, and how.
    at_stop: str = ""


@dataclass
class Cell:
    """What the table says, and whether it is a failure."""

    text: str
    failure: str = ""
    differences: list = field(default_factory=list)


def first_line(result):
    return result.detail.split("\n", 1)[0]


def undeclared(case, result):
    """In which way native's result is not what the case says of native; empty if it is."""
    if result.ended == PASSED:
        _, shown = expected_of_ours(case, result)
        missing = [one.name for one in case.differences if one not in shown and not one.sometimes]
        return f"the intended difference '{missing[0]}' does not occur on native:\n{text(result.outcome)}" if missing else ""
    if result.ended == LEFT_OUT or any(result.ended in difference.ends for difference in case.differences):
        return ""
    return f"native was not expected to end so: {result.detail}"


def expected_of_ours(case, reference):
    """What ours has to come to where native has passed, and the differences that make it so."""
    expected, shown = reference.outcome, []
    for difference in case.differences:
        changed = difference.applied(expected)
        if changed != expected:
            shown.append(difference)
        expected = changed
    return expected, shown


def native_cell(case, result):
    if result.ended == LEFT_OUT:
        return Cell(LEFT_OUT)
    why = undeclared(case, result)
    if result.ended != PASSED:
        shown = f"{result.ended} ({first_line(result)[:60]})"
    else:
        shown = FAILED if why else "pass" + (f", then {result.at_stop}" if result.at_stop else "")
    return Cell(shown + (f", at attempt {result.attempts}" if result.attempts > 1 else ""), why)


def our_cell(case, result, reference):
    """Compares ours with the reference, which is None where there is no native host."""
    if result.ended == LEFT_OUT:
        return Cell(LEFT_OUT)
    if result.ended != PASSED:
        return Cell(f"{result.ended} ({first_line(result)[:60]})", result.detail)
    if result.at_stop:
        return Cell(result.at_stop, f"passed, then {result.at_stop}")
    if reference is None:
        return alone(case, result.outcome)
    return compared(case, result.outcome, reference)


def alone(case, outcome):
    """Without a native host: ours must not behave as native does where it is meant to differ."""
    for difference in case.differences:
        if difference.applied(outcome) != outcome:
            return Cell(FAILED, f"ours is not what '{difference.name}' says:\n{text(outcome)}")
    return Cell("pass")


def text(outcome):
    return json.dumps(outcome, indent=1, sort_keys=True, ensure_ascii=False)


def compared(case, outcome, reference):
    if reference.ended != PASSED:
        shown = [difference for difference in case.differences if reference.ended in difference.ends]
        if not shown:
            return Cell("pass, nothing to compare")
        return Cell("differs: " + shown[0].name, differences=shown[:1])
    expected, shown = expected_of_ours(case, reference)
    if outcome != expected:
        return Cell(FAILED, "differs from native in a way that is not intended:\n" + unified(expected, outcome))
    names = "; ".join(difference.name for difference in shown)
    return Cell(f"differs: {names}" if names else "pass", differences=shown)


def unified(expected, outcome):
    lines = text(expected).split("\n"), text(outcome).split("\n")
    return "\n".join(difflib.unified_diff(*lines, "expected after native", "ours", lineterm="", n=4))


def table(cases, hosts, cells, results):
    """The table of case × host, as text."""
    rows = [["case", *(host.name for host in hosts), "seconds"]]
    for case in cases:
        seconds = "/".join(f"{results[case.name, host.name].seconds:.0f}" for host in hosts)
        rows.append([case.name, *(cells[case.name, host.name].text for host in hosts), seconds])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def intended(cells):
    """The intended differences that occurred, each once, with its reason."""
    seen = {difference.name: difference.reason for cell in cells.values() for difference in cell.differences}
    return "\n".join(f"  {name}: {reason}" for name, reason in sorted(seen.items()))


def totals(hosts, cells):
    lines = []
    for host in hosts:
        own = [cell for (_, name), cell in cells.items() if name == host.name and cell.text != LEFT_OUT]
        failed = sum(bool(cell.failure) for cell in own)
        differing = sum(bool(cell.differences) for cell in own)
        lines.append(f"{host.name}: {len(own)} cases, {failed} failed, {differing} differ as intended")
    return "\n".join(lines)
