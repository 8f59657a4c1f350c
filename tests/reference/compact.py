#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Stores a folder of recorded cases compactly: one file of JSON lines for each of its folders.

usage: compact.py RECORDINGS OUTPUT

The first line of a file has the texts that occur often, each under a name; everywhere else `⟦name⟧` stands for the text.
A line with a "case" begins a case; the lines up to the next one are what was observed, in order, and lines with a "log" are
the lines of Asterisk's log that tell how a channel went through the dialplan. What the recorder said in words are fields of
them. Left out is what the replay does not use: Asterisk's other files, how long a command took to exit, what followed the end
of a case.
"""

import base64
import collections
import hashlib
import json
import pathlib
import re
import sys

import prose

DIRECTIONS = {"asterisk->server": ">", "server->asterisk": "<"}
LEFT_OUT = ("t_ms", "dir", "rc", "alive", "reason", "raw_truncated")
FILES = ("ari.conf", "ari_outbound.conf", "websocket_client.conf")
CASE = ("what", "observed_note")
KEY = re.compile(r"(?<=Sec-WebSocket-Key: )[A-Za-z0-9+/]{22}==")
DIALPLAN = re.compile(r"Executing \[|Spawn extension|STASISSTATUS=")
NAMED = {
    "id": '"asterisk_id":"02:fc:00:00:00:01"',
    "response": '{"type":"RESTResponse","transaction_id":"',
    "json": ',"content_type":"application/json","message_body":"',
    "ok": '"status_code":200,"reason_phrase":"OK","uri":"',
    "bad": '"status_code":400,"reason_phrase":"Bad request","uri":"',
    "missing": '"status_code":404,"reason_phrase":"Not Found","uri":"',
    "done": '"status_code":204,"reason_phrase":"No Content","uri":"',
    "request": '{"type": "RESTRequest", "transaction_id": "',
    "registered": '{"type":"ApplicationRegistered","timestamp":"',
    "unregistered": '{"type":"ApplicationUnregistered","timestamp":"',
    "nobody": '"caller":{"name":"","number":""},"connected":{"name":"","number":""},"accountcode":"",',
}
SHORTEST, FEWEST = 50, 3


def read(path):
    """A recording; one that is cut or damaged near its end is read up to the damage."""
    text = path.read_text()
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        end = text.rfind("\n },\n", 0, error.pos)
        end = max(end + 3 if end >= 0 else -1, text.rfind("\n ],\n", 0, error.pos) + 3)
        return json.loads(text[:end] + "\n}")


def lines(case):
    """The lines of one case."""
    end = case.get("case_end_t_ms", float("inf"))
    anonymize(case["observed"])
    head = {"case": case["file"]}
    head |= {key: case[key] for key in CASE if case.get(key)}
    if server := prose.server(case):
        head["server"] = server
    config = {name: text for name, text in case.get("config", {}).items() if kept(name)}
    if config:
        head["config"] = config
    if done := steps(case):
        head["steps"] = done
    yield head
    said = [entry for step in case.get("steps", []) for entry in prose.sent_by(step["do"], step["t_ms"])]
    for entry in case["observed"] + said:
        if entry.get("t_ms", 0) <= end:
            yield observed(entry)
    for entry in case.get("log", []):
        if DIALPLAN.search(entry.get("raw", "")) and entry.get("t_ms", 0) <= end:
            yield {"t": entry["t_ms"], "log": entry["raw"]}


def steps(case):
    """What the recorder did, each with its time: a name and what belongs to it, such as the files that it wrote."""
    changes = list(case.get("config_changes", []))
    done = []
    for step in case.get("steps", []):
        fields = prose.step(step["do"])
        change = next((change for change in changes if change["label"] == step["do"]), None)
        if not fields and change:
            del changes[: changes.index(change) + 1]
            fields = ["write", {name: text for name, text in change.items() if kept(name)}]
        done.append([step["t_ms"], *(fields or ["remark", step["do"]])])
    return done


def kept(name):
    return name in FILES or name.startswith("/etc/hosts") or name.endswith((".inc", ".d"))


def observed(entry):
    if entry.get("dir") == prose.SENT:
        entry = prose.sent(entry)
    line = {}
    if "t_ms" in entry:
        line["t"] = entry["t_ms"]
    if "dir" in entry:
        line["dir"] = DIRECTIONS.get(entry["dir"], entry["dir"])
    for key, value in entry.items():
        if key not in LEFT_OUT and not (key == "kind" and value == "text"):
            line[key] = value
    return line


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def replaced(value, function):
    if isinstance(value, str):
        return function(value)
    if isinstance(value, list):
        return [replaced(item, function) for item in value]
    if isinstance(value, dict):
        return {key: replaced(item, function) for key, item in value.items()}
    return value


def abbreviated(cases):
    """The same lines with what occurs often under a name, and the names."""
    counts = collections.Counter(text for line in cases for text in strings(line))
    whole = {}
    for text, count in counts.items():
        if count >= FEWEST and len(text) >= SHORTEST:
            whole[text] = str(len(whole) + 1)

    def short(text):
        if text in whole:
            return f"⟦{whole[text]}⟧"
        for name, part in NAMED.items():
            text = text.replace(part, f"⟦{name}⟧")
        return text

    cases = [replaced(line, short) for line in cases]
    return {"texts": NAMED | {name: text for text, name in whole.items()}}, cases


def anonymize(entries):
    """The random keys of upgrades would make every request a different text; right answers to them are told by name."""
    keys = {}
    for entry in entries:
        if entry.get("kind") == "http-request":
            key = KEY.search(entry["raw"])
            keys[entry["conn"]] = key and key[0]
            entry["raw"] = KEY.sub("<key>", entry["raw"])
        elif entry.get("kind", "").startswith("http-response") and keys.get(entry["conn"]):
            digest = hashlib.sha1(f"{keys[entry['conn']]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
            entry["raw"] = entry["raw"].replace(base64.b64encode(digest).decode(), "<accept>")


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        recordings = []
        for path in sorted(folder.glob("*.json")):
            case = read(path)
            if "observed" in case:
                case["file"] = path.stem
                recordings.append(case)
        head, cases = abbreviated([line for case in recordings for line in lines(case)])
        with open(target / f"{folder.name}.jsonl", "w") as file:
            for line in [head, *cases]:
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
