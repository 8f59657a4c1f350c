# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reading cases: files of JSON lines, as they are stored here, or folders of one JSON file each, as they were recorded."""

import fnmatch
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(HERE))
import compact  # noqa: E402


def cases(folder):
    """Every case below a folder, completed by what its amendments and those of this repository say."""
    amendments = [amendment for table in tables(folder, "amendments.json") for amendment in table]
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            for file in sorted(path.glob("*.json")):
                yield amended(recording(path.name, file), amendments)
        elif path.suffix == ".jsonl":
            for case in stored(path):
                yield amended(case, amendments)


def tables(folder, name):
    """The table of this name in this repository and, if it has one, in the folder of the cases."""
    for path in dict.fromkeys([HERE / name, folder.resolve() / name]):
        if path.exists():
            yield json.loads(path.read_text())


def recording(area, path):
    """One file of a recorder; None for one without observations, such as a list of cases."""
    try:
        case = compact.read(path)
    except ValueError as error:
        return {"id": f"{area}/{path.stem}", "unreadable": str(error)}
    if not isinstance(case, dict) or "observed" not in case:
        return None
    case["file"] = path.stem
    return assembled(area, list(compact.lines(case)))


def stored(path):
    """The cases of a compact file, with the texts in the place of their names."""
    head, *rest = path.read_text().splitlines()
    texts = json.loads(head)["texts"]
    lines = []

    def expanded(match):
        return json.dumps(texts[match[1]], ensure_ascii=False)[1:-1]

    for line in rest:
        line = json.loads(re.sub("⟦([^⟧]*)⟧", expanded, line))
        if "case" in line and lines:
            yield assembled(path.stem, lines)
            lines = []
        lines.append(line)
    if lines:
        yield assembled(path.stem, lines)


def assembled(area, lines):
    head, *rest = lines
    return {
        "id": f"{area}/{head['case']}",
        "files": head.get("config", {}),
        "server": head.get("server", {}),
        "steps": head.get("steps", []),
        "observed": [line for line in rest if "log" not in line],
        "dialplan": [(line["t"], line["log"]) for line in rest if "log" in line],
    }


def amended(case, amendments):
    """The case with what its recording does not tell: it has its files as they were at the end."""
    for amendment in amendments:
        if case is None or not fnmatch.fnmatchcase(case["id"], amendment["case"]):
            continue
        files = case["files"] | amendment.get("files", {})
        for step in case["steps"]:
            if step[1] == "remark" and step[2] in amendment.get("writes", {}):
                step[1:] = ["write", replaced(files, amendment["writes"][step[2]])]
        case["files"] = replaced(files, amendment.get("before", {}))
    return case


def replaced(files, replacements):
    files = dict(files)
    for name, pairs in replacements.items():
        for old, new in pairs:
            if files.get(name):
                files[name] = files[name].replace(old, new)
    return files
