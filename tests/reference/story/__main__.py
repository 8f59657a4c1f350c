# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints where each difference is documented, then the stories of a folder of cases, one a line: what the runner does and what
it expects.

usage: story FOLDER [AREA]

A line has `failed` instead if the case cannot be read, or `not_applicable` with the reason if it cannot be replayed. With an
AREA only the configuration files are printed that its cases began with and wrote, as a name and the files by theirs.
"""

import fnmatch
import json
import pathlib
import sys
import threading

import completed
import differences
import many_calls
import recorded
from exported import exported
from story import Story


def story(case, tables):
    if "unreadable" in case:
        return {"id": case["id"], "failed": case["unreadable"]}
    if reason := reason_against(case, tables):
        return {"id": case["id"], "not_applicable": reason}
    completed.complete(case)
    story = Story(case)
    story.logs = [text for entry in differences.entries(tables, "logs", story) for text in entry["texts"]]
    if "calls" in story.server:
        many_calls.retell(story, *story.server["calls"])
    if "load" in story.server:
        differences.put_under_load(story)
    else:
        differences.apply(story, tables)
    if not shows_anything(story):
        reason = "nothing but Asterisk's log or its HTTP server shows what it did"
        return {"id": case["id"], "not_applicable": reason}
    return exported(story)


def reason_against(case, tables):
    for entry in (entry for table in tables for entry in table.get("not_applicable", [])):
        if any(fnmatch.fnmatchcase(case["id"], pattern) for pattern in entry["cases"]):
            return entry["reason"]
    if case["observed"] and not any("t" in entry for entry in case["observed"]):
        return "the results of repeated runs are told in words"
    if completed.needs_names(case):
        return "the names would have to be in the hosts file of the machine"
    return None


def shows_anything(story):
    """Whether anything is in it that a library can do like Asterisk or not."""
    entering = {f"channels/{act['channel']['id']}" for act in story.of("enter")}
    outputs = ("ari show apps", "dialplan show ", "_command matchesarray ")
    lines = [act["line"] for act in story.commands()]
    return bool(
        story.links
        or story.statuses
        or story.logs
        or any(differences.commands.is_the_librarys(line) or line.startswith(outputs) for line in lines)
        or any(act["path"].startswith("events/user/") for act in story.of("http"))
        or any(act["method"] == "DELETE" and act["path"] in entering for act in story.of("http"))
    )


def configurations(case):
    """The names and files of a case's configurations."""
    files, name = dict(case["files"]), case["id"].partition("/")[2]
    yield name, files
    for at, do, *rest in case["steps"]:
        if do == "write":
            files = files | rest[0]
            yield f"{name} after {at:.0f} ms", files


def main():
    folder = pathlib.Path(sys.argv[1])
    if len(sys.argv) > 2:
        for case in recorded.cases(folder):
            for configuration in configurations(case) if case["id"].startswith(sys.argv[2] + "/") else ():
                print(json.dumps(configuration, ensure_ascii=False))
        return
    tables = list(recorded.tables(folder, "differences.json"))
    documented = {rule: its for table in tables for rule, its in table.get("rules", {}).items()}
    rules = {rule: f'{its["document"]}, "{its["heading"]}"' for rule, its in documented.items()}
    refusals = [refusal for table in tables for refusal in table.get("refusals", [])]
    print(json.dumps({"rules": rules, "refusals": refusals}))
    for case in recorded.cases(folder):
        if case is not None:
            print(json.dumps(story(case, tables), ensure_ascii=False))


if __name__ == "__main__":
    # Newer versions of Python limit how long a number may be.
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # novermin
    # Nested texts need a deep stack.
    threading.stack_size(512 << 20)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
