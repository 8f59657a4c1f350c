# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a recording leaves out, made observations like the others."""

import frames
from configured import connections, host_of, ports, sections
from messages import Item, made_up

ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: <accept>\r\nSec-WebSocket-Protocol: ari\r\n\r\n"
)
ENDS = ("fin", "rst")


def complete(case):
    number(case)
    act(case)
    if "reconnects" in case["server"]:
        reconnect(case, case["server"]["reconnects"])
    fail(case)
    order(case["observed"])
    ping(case["observed"])
    join(case["observed"])
    part(case["observed"])
    case["observed"].sort(key=lambda entry: entry.get("t", 0.0))


def end(case):
    """When the recorder stopped Asterisk. What follows is none of the case's business."""
    return next((step[0] for step in case["steps"] if step[1] == "end"), float("inf"))


def time_of(case, *wanted):
    return next((step[0] for step in case["steps"] if step[1:] == list(wanted)), None)


def needs_names(case):
    """Whether it was recorded with names that only the recorder's own hosts file had."""
    hosts = any(name.startswith("/etc/hosts") for name in case["files"])
    clients = sections(case["files"], "websocket_client.conf")
    names = {host_of(client["uri"]) for _, client in clients if "uri" in client}
    return hosts and not names <= {"127.0.0.1", "::1", "localhost"}


def number(case):
    """Servers that spoke no websocket numbered no connections, and did not note what they heard."""
    configured = connections(case["files"])
    port = min(ports(case["files"]), default=None)
    # Of several servers nobody knows which one it was.
    if len(configured) != 1 or port is None:
        return
    client = configured[0]["client"]
    secure = client.get("uri", "").startswith("wss://") or client.get("tls_enabled", "").startswith("yes")
    answer = case["server"].get("answers_hello")
    conn = max((entry["conn"] for entry in case["observed"] if "conn" in entry), default=None)
    more = []
    for entry in case["observed"]:
        if entry.get("dir") != ">" or "conn" in entry:
            continue
        if entry["kind"] == "tcp-connect":
            conn = (conn or 0) + 1
            entry["port"] = port
            heard = {"t": entry["t"], "dir": ">", "conn": conn}
            said = heard | {"dir": "<", "kind": "http-response"}
            if secure:
                more.append(heard | {"kind": "tls client hello", "raw": ""})
                more += [said | {"raw": answer}] if answer else []
            else:
                more.append(heard | {"kind": "http-request", "raw": ""})
                more.append(said | {"raw": ACCEPTED})
                more.append(heard | {"raw": made_up("ApplicationRegistered", configured[0]["apps"][0])})
        if conn is not None:
            entry["conn"] = conn
    if more:
        case["observed"] = [entry for entry in case["observed"] if entry.get("kind") != "tls client hello"]
    case["observed"] += more


def act(case):
    """What the servers do from the beginning."""
    if case["server"].get("silent") and (port := min(ports(case["files"]), default=None)):
        case["steps"].append([time_of(case, "load") - 0.1, "silent", port])
    if events := case["server"].get("reads_slowly"):
        case["steps"].append([time_of(case, "remark", "asterisk fully booted"), "slow", events])


def reconnect(case, count):
    """Of many connections only the first were noted. Each is like the first one, without what the application asked there."""
    within = [entry for entry in case["observed"] if entry.get("t", 0.0) <= end(case)]
    last = max((entry["conn"] for entry in within if "conn" in entry), default=None)
    if last is None:
        return
    begun = next(entry["t"] for entry in case["observed"] if entry.get("conn") == last)
    over = min((entry["t"] for entry in case["observed"] if entry.get("t", 0.0) > begun + 1.0), default=float("nan"))

    def alike(entry):
        text = entry.get("kind", "text") == "text"
        asks = entry["dir"] == "<" and text or text and Item.text(0, entry.get("raw", "")).kind == "answer"
        return entry.get("conn") == 1 and not asks

    one = [entry for entry in case["observed"] if alike(entry)]
    apart = (over - begun) / (count + 1)
    pause = apart / (len(one) + 1)
    case["observed"] = [entry for entry in case["observed"] if entry.get("conn") != last]
    for conn in range(last, count + 2):
        begins = begun + apart * (conn - last)
        entries = [entry for entry in one if conn <= count or not is_end(entry)]
        case["observed"] += [entry | {"t": begins + pause * place, "conn": conn} for place, entry in enumerate(entries)]
    shorten_intervals(case)


def is_end(entry):
    kind = entry.get("kind", "text")
    return kind in ENDS or kind.startswith("tcp-") and kind != "tcp-connect"


def shorten_intervals(case):
    """The library waits before each of many connections."""
    for name, text in case["files"].items():
        lines = (text or "").splitlines(keepends=True)
        short = ["reconnect_interval = 10\n" if line.startswith("reconnect_interval") else line for line in lines]
        case["files"][name] = text and "".join(short)


def fail(case):
    """Of TLS handshakes that failed not even the connections were noted."""
    begun = time_of(case, "load")
    noted = any("conn" in entry for entry in case["observed"])
    if begun is None or noted or "certificate" not in case["server"]:
        return
    port = min(ports(case["files"]), default=None)
    for after, kind in ((100.0, "tcp-connect"), (101.0, "eof-before-request-complete")):
        case["observed"].append({"t": begun + after, "dir": ">", "kind": kind, "conn": 1, "port": port})


def order(observed):
    """A server ended a connection after what it had noted before at the same moment."""
    before = {}
    for entry in observed:
        heard = before.get("dir") == ">" and all(before.get(key) == entry.get(key) for key in ("conn", "t"))
        before = dict(entry)
        if heard and entry.get("dir") == "<" and entry.get("kind") in ENDS:
            entry["t"] += 0.05


def ping(observed):
    """Pongs that no noted ping was sent for."""

    def pings(entry):
        return entry.get("dir") == "<" and any(frame["op"] == frames.PING for frame in entry.get("frames", []))

    if any(pings(entry) for entry in observed):
        return
    for pong in [entry for entry in observed if entry.get("kind") == "pong"]:
        frame = {"op": frames.PING, "hex": pong.get("raw", "")}
        observed.append({"t": pong["t"] - 0.2, "dir": "<", "conn": pong["conn"], "frames": [frame]})


def part(observed):
    """Frames that came in one piece with the answer to the upgrade were recorded as its end."""
    for entry in list(observed):
        head, blank, rest = entry.get("raw", "").partition("\r\n\r\n")
        if entry.get("kind") == "http-response" and head.startswith("HTTP/1.1 101") and rest:
            if all(character < "\u0100" for character in rest):
                entry["raw"] = head + blank
                observed.append(entry | {"kind": "bytes", "raw": rest.encode("latin-1").hex()})


def join(observed):
    """The rest of a frame shows which text it was."""
    begun = None
    for entry in observed:
        if entry.get("dir") != "<":
            continue
        if entry.get("unfinished"):
            begun = entry["raw"]
        elif entry.get("rest") and begun is not None:
            whole = list(frames.read(bytes.fromhex(begun + entry["raw"])))
            begun = None
            if whole:
                entry["text"] = whole[0].payload.hex()
