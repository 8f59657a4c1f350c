# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different in commands and what they print, and in values of the configuration."""

import shlex

import configured

SESSIONS = "ari show websocket sessions"
# Commands of `ari` that are not outbound websockets' but the host's.
HOSTS = ("mkpasswd", "set debug", "show app", "show apps", "show status", "show user", "show users", "debug", "reload")
# What is offered after an id, or the beginning of one.
AFTER_AN_ID = {
    ("ari", "show", "outbound-websocket"): "detail detail _EOF_",
    ("ari", "start", "outbound-websocket"): "_EOF_",
    ("ari", "shutdown", "websocket", "session"): "_EOF_",
}
# Parameters that came to Asterisk after the version that was recorded, and the library's own.
LATER = {
    *("proxy_host", "proxy_username", "proxy_password", "enable_tcp_keepalives", "tcp_keepalive_time"),
    *("tcp_keepalive_interval", "tcp_keepalive_probes", "enable_pingpongs", "pingpong_interval", "pingpong_probes"),
    *("write_timeout", "header", "password_file", "max_reconnect_interval"),
}


def is_the_librarys(line):
    """Whether a line is a command of the library's."""
    words = line.lower().split()
    hosts = any(words[1 : 1 + len(host.split())] == host.split() for host in HOSTS)
    return words[:1] == ["ari"] and not hosts


def words(line):
    """A line's words: quotes hold blanks together, a backslash takes the next character as it is."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.whitespace, lexer.commenters, lexer.quotes = True, " \t", "", '"'
    try:
        return list(lexer)
    except ValueError:
        return line.split()


def usage(story):
    """The library's usage texts say in their own words what its commands do; Asterisk's first line is theirs too."""
    return compare_as(story, "first_line", lambda act: act["output"].startswith("Usage: ari "))


def sessions(story):
    """`ari show sessions` exists here."""

    def is_spelled(act):
        return act["line"].lower() == "ari show sessions" and act["output"].startswith("No such command")

    return compare_as(story, {"as": SESSIONS}, is_spelled)


def starting(story):
    """Asterisk says "Starting" of a connection that it does not start; the library says that it was not started, and why.
    Whether it was shows only when it is run, so this is no difference by itself."""
    compare_as(story, "started", lambda act: act["output"].startswith("Starting websocket session for "))
    return False


def compare_as(story, how, wanted):
    acts = [act for act in story.commands() if wanted(act)]
    for act in acts:
        act["compare"] = how
    return bool(acts)


def connection_type(story):
    """A connection without a `connection_type` is of an unknown type for Asterisk, and connects like a persistent one; here it
    is one."""

    def change(output):
        output = output.replace(" unknown         ", " persistent      ")
        return output.replace("connection_type =        unknown\n", "connection_type =        persistent\n")

    return change_outputs(story, lambda act: change(act["output"]) if is_the_librarys(act["line"]) else act["output"])


def control_characters(story):
    """A control character reaches no terminal: it is shown as its escape. The column keeps its width."""

    def escaped(line):
        count, line = line.count("\t"), line.replace("\t", "\\t")
        at = line.find("  ", line.rfind("\\t")) if count else -1
        return line if at < 0 else line[:at] + line[at + count :]

    def change(act):
        if not is_the_librarys(act["line"]):
            return act["output"]
        return "".join(escaped(line) for line in act["output"].splitlines(keepends=True))

    return change_outputs(story, change)


def completion(story):
    """Asterisk offers an id again after an id; the library offers what may follow it. It also offers `ari show sessions` and
    `ari test`."""

    def change(act):
        typed, output = words(act["line"]), act["output"]
        if typed[:2] != ["_command", "matchesarray"] or typed[3:] != [""]:
            return output
        before = words(typed[2])
        if before == ["ari", "show"]:
            return output.replace(" status ", " sessions status ")
        if before == ["ari"]:
            return output.replace(" start ", " start test ")
        return AFTER_AN_ID.get(tuple(before[:-1]), output)

    return change_outputs(story, change)


def change_outputs(story, change):
    changed = False
    for act in story.commands():
        output = change(act)
        changed |= output != act["output"]
        act["output"] = output
    return changed


def faulty_general(story):
    """With an error in `[general]`, or without that section, Asterisk makes connections and closes them at once, thousands in a
    second; here such an error harms no connection."""
    vain = [place for place, link in enumerate(story.links) if is_in_vain(link)]
    if len(vain) < 2:
        return False
    # The recording may end in the middle of one.
    cut = [place for place in range(vain[0], len(story.links)) if not story.links[place].items]
    link = story.links[vain[0]]
    story.links = [link for place, link in enumerate(story.links) if place not in vain[1:] + cut]
    calls = [f"{act['channel']['app']}:{act['channel']['name']}" for act in story.of("enter")]
    link.items, link.closed = [], None
    link.announce((link.made or 0.0) + 0.1, *(calls[:1] or configured.applications(story.files)))
    return True


def is_in_vain(link):
    return link.made is not None and [(item.kind, item.value) for item in link.items] == [("close", 1000)]


def repeated_applications(story):
    """An application that stands in `apps` more than once is one application; Asterisk registers it and shows it twice."""
    connections = configured.connections(story.files)
    for act in story.of("write"):
        connections += configured.connections(story.files_at(act["at"] + 0.01))
    repeated = [its for its in connections if len(set(its["apps"])) < len(its["apps"])]
    for connection in repeated:
        for act in story.commands(SESSIONS):
            lines = act["output"].splitlines(keepends=True)
            act["output"] = "".join(once_each(line, connection["name"]) for line in lines)
        for link in story.links:
            if link.application in connection["apps"]:
                announce_once(link)
    return bool(repeated)


def once_each(line, connection):
    """A row of a connection with each of its applications once."""
    if line.split()[:1] != [connection]:
        return line
    start, _, apps = line.rstrip().rpartition(" ")
    return f"{start} {','.join(dict.fromkeys(apps.split(',')))}\n"


def announce_once(link):
    last = None

    def is_repeated(item):
        nonlocal last
        if item.kind != "event" or not item.type.startswith("Application"):
            return False
        near = last is not None and item.at - last.at < 100.0 and last.application == item.application
        again = near and item.type in (last.type, "ApplicationReplaced")
        last = last if again else item
        return again

    link.drop(is_repeated)


def later_parameters(story):
    """The recorded Asterisk refuses a websocket client with a parameter that it does not know; the library knows more."""
    changed = False
    for connection in configured.connections(story.files):
        client = connection["client"]
        # A proxy without a port is refused here too.
        if not LATER & set(client) or ":" not in client.get("proxy_host", ":"):
            continue
        changed = True
        for act in story.commands():
            shows = act["line"].startswith("ari show outbound-websocket ") and words(act["line"])[-1] == connection["name"]
            if shows and act["output"].startswith("Error "):
                act["output"], act["compare"] = f"[{connection['name']}] \n", "first_line"
            elif act["line"] in ("ari show outbound-websockets", SESSIONS, "ari show apps"):
                act["compare"] = "beginning"
    return changed
