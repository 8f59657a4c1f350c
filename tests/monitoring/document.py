# SPDX-License-Identifier: MIT OR Apache-2.0
"""The tables of docs/monitoring.md, from what the metrics say of themselves."""

BEGIN = "<!-- Written by `make monitoring` from the metrics themselves. -->\n"
END = "<!-- End of what is written. -->\n"

PARTS = {
    "ariws_connection_": "Of each connection",
    "ariws_server_": "Of each server",
    "ariws_per_call_": "Of the connections of all calls together",
    "ariws_": "Of all",
}


def name(family):
    """As it is asked for; histograms have `_bucket`, `_sum` and `_count` behind it."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def labels(family):
    names = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
    return ", ".join(f"`{one}`" for one in names)


def tables(families):
    text = BEGIN
    rest = list(families)
    for prefix, title in PARTS.items():
        mine = [family for family in rest if family.name.startswith(prefix)]
        rest = [family for family in rest if family not in mine]
        text += f"\n### {title}\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n"
        for family in mine:
            meaning = family.documentation.removesuffix(".")
            text += f"| `{name(family)}` | {family.type} | {labels(family)} | {meaning} |\n"
    assert not rest, rest
    return text + "\n" + END


def with_tables(text, families):
    """The document with the tables as they should be."""
    before, rest = text.split(BEGIN)
    return before + tables(families) + rest.split(END)[1]
