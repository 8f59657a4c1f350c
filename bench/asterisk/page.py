# SPDX-License-Identifier: MIT OR Apache-2.0
"""The figures as the page has them: medians of the rounds, native and ours beside each other."""

import statistics

from figures import AT_LEAST, NATIVE, OURS, PLAIN

BEGIN, END = "<!-- asterisk: begin -->", "<!-- asterisk: end -->"
TITLE = "# Benchmarks\n"
UNITS = {
    "s": [(1, "s"), (1e-3, "ms"), (1e-6, "µs")],
    "B": [(2**20, "MiB"), (2**10, "KiB"), (1, "B")],
    "": [(1, "")],
}


def medians(outcomes, key):
    """The median over the rounds that have this number; none if no round has."""
    values = [outcome[key] for outcome in outcomes if key in outcome]
    return statistics.median(values) if values else None


def significant(value):
    """Three digits of a number, without an exponent; whole numbers as they are."""
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}"


def written(value, unit):
    """A number with its unit, in the size that suits it."""
    if value is None:
        return "-"
    size, name = next((step for step in UNITS[unit] if abs(value) >= step[0]), UNITS[unit][-1])
    return f"{significant(value / size)} {name}".strip()


def ratio(native, ours, words):
    """How ours compares with native, in words."""
    if native is None or ours is None:
        return ""
    # Less than can be measured.
    if native <= 0 or ours <= 0:
        return ""
    times, word = (native / ours, words[0]) if ours <= native else (ours / native, words[1])
    return "the same" if times < 1.05 else f"{times:.1f} × {word}" if times < 10 else f"{times:,.0f} × {word}"


def verdict(native, ours, goal):
    """The goal, and whether it is met."""
    if goal is None or native is None or ours is None or native <= 0:
        return ""
    sign, times = goal
    met = ours >= native * times if sign == AT_LEAST else ours <= native * times
    return f"{sign} {times:g} ×, {'met' if met else '**missed**'}"


def row_text(row, columns, names):
    values = {name: medians(columns[name], row.key) for name in names}
    native, ours = values[NATIVE], values[OURS]
    if row.net and None not in values.values():
        native, ours = native - values[PLAIN], ours - values[PLAIN]
    cells = [row.text, *(written(values[name], row.unit) for name in names), ratio(native, ours, row.words)]
    cells.append(verdict(native, ours, row.goal))
    return f"| {' | '.join(cells)} |"


def endings(columns):
    """How rounds ended that have no numbers."""
    for name, outcomes in columns.items():
        told = [outcome["ended"] for outcome in outcomes if "ended" in outcome]
        if told:
            kinds = "; ".join(dict.fromkeys(told))
            yield f"{name} gave no figures in {len(told)} of {len(outcomes)} rounds: {kinds}."


def table(figure, columns, size):
    names = [column.name for column in figure.columns]
    heads = ["", *names, "ariws is", "goal"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [row_text(row, columns, names) for row in figure.rows]
    title, about = f"### {figure.title}".format(**size), " ".join(figure.about.split()).format(**size)
    return "\n\n".join([title, about, "\n".join(lines), *endings(columns)])


def render(report, selected):
    machine, size = report["machine"], report["size"]
    rounds = f"{size['rounds']} round{'s' if size['rounds'] > 1 else ''}"
    idle = report["idle before"]
    busy = "" if idle > 0.9 else ": other work took the cores away, most of all from what wakes threads"
    head = " ".join(
        f"""Asterisk {report['asterisk']} of Debian, once with its own outbound WebSockets, once with the module and the
        library, in turns: medians of {rounds}, each with a fresh Asterisk. The machine: {machine['cores']} cores of
        {machine['processor']}, {machine['memory']}, Linux {machine['kernel']}, which was idle for {idle:.0%} of a
        second before{busy}. PBX, application (in Rust) and callers share these cores.""".split()
    )
    tables = [table(figure, report["results"][figure.name], size) for figure in selected]
    return "\n\n".join(["## In one Asterisk", head, *tables])


def write(path, text):
    """Replaces what is between the two lines of the page; a page that is not there yet is made of them."""
    page = path.read_text() if path.exists() else f"{TITLE}\n{BEGIN}\n{END}\n"
    before, begin, rest = page.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no lines {BEGIN} and {END}")
    path.write_text(f"{before}{begin}\n{text}\n\n{end}{after}")
