# SPDX-License-Identifier: MIT OR Apache-2.0
"""A story as the runner reads it: only what it does and compares, in its own words."""

import re

import configured
from messages import answer as usual
from messages import compact, member, members
from rules_commands import is_the_librarys, words
from rules_connections import NAMES
from story import INFINITY, only_shows, parameter

# By how many milliseconds timeouts are longer in a replay, where the story is not about time: servers of a replay share the
# processors with those of other cases, and may have to wait for one. The runner prints them as they were recorded.
LONGER = 60_000
TIMEOUT = re.compile(r"^connection_timeout\s*=\s*(\d+)\s*$", re.MULTILINE)
CLIENT = re.compile(r"^(type\s*=\s*websocket_client\s*\n)", re.MULTILINE)
# What of Asterisk's own commands is completed together with the library's.
COMPLETED = {"ari": ["mkpasswd", "set"], "ari show": ["app", "apps", "status", "user", "users"]}


def exported(story):
    names = ("id", "begun", "load", "statuses", "logs", "unknown")
    said = {name: getattr(story, name) for name in names}
    connections = configured.connections(story.files)
    # What came beside the answer to the upgrade is expected before there is a connection.
    ordered = sorted(story.acts, key=lambda act: not act.get("beside"))
    acts = [exported for act in ordered if (exported := exported_act(story, act))]
    return said | {
        "files": files(story, story.files),
        "server": server(story.server),
        "acts": acts,
        "links": [exported_link(link) for link in story.links],
        "ports": sorted(story.ports),
        "met": sorted(story.met),
        "connections": [connection["name"] for connection in connections],
        "application": next(iter(configured.applications(story.files)), ""),
        "objects": objects(story.files),
    }


def server(fields):
    names = NAMES.get(fields.get("certificate"), ["127.0.0.1"])
    return {"names": names} | fields


def objects(files):
    """What may be refused: sections, their clients, and the applications that go with them."""
    sections = configured.sections(files, "ari.conf")

    def apps(section):
        return [app.strip() for app in section.get("apps", "").split(",")]

    return [{"name": name, "client": its.get("websocket_client_id"), "apps": apps(its)} for name, its in sections]


def exported_link(link):
    items = [[item.at, {"kind": item.kind, "value": item.value}] for item in link.items]
    fields = ("number", "port", "made", "request", "closed", "answers", "answers_close", "application")
    return {name: getattr(link, name) for name in fields} | {"items": items, "beside": link.beside.hex()}


def exported_act(story, act):
    """An act and what it is done with; None if nothing of it concerns a library."""
    at, do = {INFINITY: 1e300, -INFINITY: -1e300}.get(act["at"], act["at"]), act["do"]
    if do == "command":
        what = exported_command(act, story.files)
    elif do == "http":
        do, what = effect_of(story, act) or (do, None)
    elif do == "event":
        ended = act["channel"]["id"] if act["kind"] == "StasisEnd" and act["channel"] else None
        enters = act["kind"] == "StasisStart" and act["channel"] is not None
        text = without_trailer(act["text"])
        what = {"application": act["application"], "text": text, "enters": enters, "leaves": ended}
    elif do == "say" and act.get("beside"):
        at, do, what = -1e300, "expect", exported_request(act["request"])
    elif do == "say":
        asked = act["request"] and exported_request(act["request"])
        what = act | {"bytes": act["bytes"].hex(), "request": asked}
    elif do == "write":
        what = files(story, act["files"])
    elif do in ("load", "unload", "end", "reload"):
        return {"at": at, "do": do}
    elif do == "inbound":
        what = act
    else:
        what = [value for name, value in act.items() if name not in ("at", "do")]
        what = what if len(what) > 1 else what[0]
    return None if what is None else {"at": at, "do": do, "with": what}


def files(story, texts):
    """Files with timeouts that no busy machine exceeds. Those of the system are none of the library's."""

    def longer(text):
        if "connection_timeout" not in text.lower():
            default = int(configured.DEFAULT_MILLISECONDS) + LONGER
            return CLIENT.sub(rf"\1connection_timeout = {default}\n", text)
        return TIMEOUT.sub(lengthened, text)

    texts = {name: text for name, text in texts.items() if not name.startswith("/")}
    if story.about_time:
        return texts
    return {name: text and longer(text) for name, text in texts.items()}


def lengthened(match):
    given = int(match[1])
    return f"connection_timeout = {given + LONGER}" if 0 < given < LONGER else match[0]


def exported_command(act, files):
    """A command by who runs it, and what of Asterisk's output is compared: of a context that it exists, and for which
    application; of an unknown command that it is unknown."""
    typed, output = words(act["line"]), act["output"]
    output = re.sub(r"( \(type 'core show help).*", "\n", output, flags=re.DOTALL)
    compare = act["compare"]
    if compare == "first_line":
        compare = {"contains": output.splitlines(keepends=True)[:1]}
    elif compare == "beginning":
        compare = {"contains": [output]}
    elif isinstance(compare, dict) and "as" in compare:
        compare = {"as": words(compare["as"])}
    command = {"line": act["line"], "words": typed, "shows": only_shows(act["line"]), "compare": compare}
    lower = [word.lower() for word in typed]
    if lower == ["ari", "show", "apps"]:
        return command | {"run": "apps", "output": output}
    if lower[:2] == ["dialplan", "show"] and len(lower) == 3:
        found = re.search(r" Stasis\((.*?)\)", output)
        return command | {"run": "context", "output": f"context for Stasis({found[1]})" if found else "no context"}
    if lower[:2] == ["_command", "matchesarray"] and len(lower) > 2:
        before = words(typed[2])
        prefix = before.pop() if len(typed) > 3 and typed[3] and before else ""
        command |= {"words": before, "prefix": prefix, "hosts": COMPLETED.get(" ".join(before), [])}
        # Which of two names that differ in case only is shown is not promised.
        names = [name.lower() for name, _ in configured.sections(files, "ari.conf")]
        command["folded"] = len(set(names)) < len(names)
        return command | {"run": "complete", "output": output.lower() if command["folded"] else output}
    return command | {"run": "library", "output": output} if is_the_librarys(act["line"]) else None


def effect_of(story, act):
    """What a request over HTTP does to the library's applications and channels."""
    name, app = act["path"].removeprefix("events/user/"), parameter(act["query"], "application")
    if act["method"] == "DELETE" and act["path"].startswith("channels/"):
        channel = act["path"].removeprefix("channels/")
        local = ([parameter(its["query"], name) for name in ("channelId", "otherChannelId")] for its in story.of("http"))
        return "hang_up", next((halves for halves in local if channel in halves and None not in halves), [channel])
    served = "enabled = no" not in (story.files_at(act["at"]).get("ari.conf") or "")
    if served and act["method"] == "POST" and name != act["path"] and app is not None and act["status"] in (204, 404):
        return "user_event", [name, app, act["status"]]
    return None


def exported_request(request):
    """A request and the answer of Asterisk's resource; `librarys` if the websocket layer gave it without asking one."""
    said = {name: request[name] for name in ("method", "path", "ours")}
    # Where Asterisk was silent, the host's answer is the usual one.
    silent = request["answer"] is None
    answer = members(usual(request | {"text": "{}"}, "") if silent else request["answer"])
    status, reason, body = (answer.get(name) for name in ("status_code", "reason_phrase", "message_body"))
    status = int(status) if (status or "").isdigit() else 500
    librarys = not silent and (
        status == 400
        and reason in ("Bad request", "Failed to parse request message JSON")
        or status == 401
        and "Authentication required" in (body or "")
        or status == 403
        and "Write access denied" in (body or "")
    )
    return said | {"answer": {"status": status, "reason": reason or "", "body": body}, "librarys": librarys}


def without_trailer(event):
    """The event as a host gives it: compact, and what the library adds at its end is left to it."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', lambda match: match[1] or "", event)
    identity, application = member(event, "asterisk_id"), member(event, "application")
    trailer = compact({"asterisk_id": identity, "application": application})
    return text.removesuffix("," + trailer[1:]) + "}" if text.endswith("," + trailer[1:]) else text
