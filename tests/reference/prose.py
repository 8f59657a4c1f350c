# SPDX-License-Identifier: MIT OR Apache-2.0
"""What recorders say in words, as fields: what the server does, what the steps are, how something was sent."""

import re

SENT = "server->asterisk"
# What a server answers plain HTTP with, and the request that stands for one of which only the length is known.
BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\n\r\n"
PADDED = '{"type": "RESTRequest", "request_id": "r", "method": "GET", "uri": "asterisk/ping", "pad": "x…'
TOGETHER = '{{"type": "RESTRequest", "request_id": "m{}", "method": "GET", "uri": "asterisk/ping"}}'
# Events that are told of in words only.
LOAD = re.compile(
    r"events are posted by|keep posting|under steady load|posts events|\d\d+ events queue up|events at a steady rate"
    r"|as above with FIN|at once drops TCP"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
OPCODES = {"continuation": CONTINUATION, "text": TEXT, "binary": BINARY, "close": CLOSE, "ping": PING, "pong": PONG}


def server(case):
    """What the servers of a case do besides what was observed."""
    about = case.get("what") or ""
    fields = {}
    if match := re.match(r"(\d+) reconnects ", about):
        fields["reconnects"] = int(match[1])
    if "answers plain HTTP to the TLS hello" in about:
        fields["answers_hello"] = BAD_REQUEST
    if about.startswith("TCP connect never completes"):
        fields["silent"] = True
    if match := re.match(r"server reads slowly .* while (\d+) events", about):
        fields["reads_slowly"] = int(match[1])
    if match := re.match(r"(\d+) calls one after another, then (\d+) at once", about):
        fields["calls"] = [int(match[1]), int(match[2])]
    if LOAD.search(about):
        fields["load"] = "crash" if case.get("crash") else "events"
    if certificate := re.match(r"(\w+)\.pem", case.get("server_certificate") or ""):
        fields["certificate"] = certificate[1]
        if "demands a client certificate" in about:
            fields["demands_certificate"] = True
    return fields


def step(words):
    """What the recorder did, as a name and perhaps a number; None for what is told otherwise."""
    if words == "start asterisk":
        return ["load"]
    if words.startswith("case ends"):
        return ["end"]
    if match := re.match(r"server: (listen|stop listening) on ([^,]*)", words):
        port = match[2].rsplit(":", 1)[-1].strip()
        return [match[1].replace(" ", "_"), int(port)] if port.isdigit() else None
    if words == "SIGTERM":
        return ["unload"]
    if match := re.match(r"server stops reading; (\d+)?", words):
        return ["stop_reading", int(match[1] or 1500)]
    if words == "server reads again":
        return ["read_again"]
    return None


def sent_by(words, t):
    """What the server sent in a step, as observations."""
    if match := re.match(r"send close frame with payload ([0-9a-f]*)", words):
        yield {"t_ms": t, "dir": SENT, "kind": "close", "raw": match[1], "conn": 1}
    elif match := re.match(r"(\d+) requests in one TLS record", words):
        for index in range(int(match[1])):
            kind = "text (same TLS record)" if index else "text"
            yield {"t_ms": t, "dir": SENT, "kind": kind, "raw": TOGETHER.format(index), "conn": 1}


def sent(entry):
    """What a server sent, as fields.

    A text in one frame is only its `raw`. Else there are `frames`, each with its opcode `op`, perhaps `fin`, `mask` and `rsv`,
    and the payload `hex` or the `part` of the text; or the `bytes` of the whole. `pieces` are the size of what was written at
    a time and the milliseconds between; `raw_len` is the length of a text that was cut.
    """
    kind, raw = entry.get("kind", "text"), entry.get("raw", "")
    fields = {key: value for key, value in entry.items() if key not in ("kind", "opcode")}
    if kind.startswith("http-response") or kind in ("close-reply", "nothing (never answers)"):
        return fields | {"kind": re.split("[ (]", kind)[0]}
    if kind.startswith("tcp-"):
        return fields | {"kind": kind[4:7]}
    for beginning, part in (("first ", {"unfinished": True}), ("rest of the frame", {"rest": True}), ("raw frame", {})):
        if kind.startswith(beginning):
            return fields | {"kind": "bytes"} | part
    if not re.search("|".join((*OPCODES, "frame", "opcode")), kind):
        return fields | {"unknown": kind}
    numbers = [int(digits) for digits in re.findall(r"\d+", kind)]
    if length := re.fullmatch(r"(\d+)-byte RESTRequest", raw):
        fields |= {"raw": PADDED, "raw_len": int(length[1])}
    elif raw.endswith(("...", "…")) and "raw_len" not in entry and numbers:
        fields["raw_len"] = numbers[0]
    if "same " in kind:
        fields["together"] = True
    if re.search(r"written|byte by byte|byte-wise|one-byte|\d-byte", kind):
        size, pause = re.search(r"(\d+)-byte", kind), re.search(r"([\d.]+) ms", kind)
        fields["pieces"] = [int(size[1]) if size else 1, float(pause[1]) if pause else 0.0]
    length = len(entry["raw_hex"]) // 2 if "raw_hex" in entry else fields.get("raw_len", len(raw.encode()))
    fields["frames"] = frames(entry, kind, length)
    if fields["frames"] == [{"op": TEXT}]:
        del fields["frames"]
    elif "hex" in fields["frames"][0]:
        del fields["raw"]
    return fields


def frames(entry, kind, length):
    """The frames of something that a server sent, a text of that length."""
    raw, opcode = entry.get("raw", ""), entry.get("opcode")
    if opcode is None and (named := re.search(r"opcode (\w+)", kind)):
        opcode = int(named[1], 0)
    if opcode is None:
        opcode = next((opcode for word, opcode in OPCODES.items() if re.search(rf"\b{word}", kind)), TEXT)
    if match := re.search(r"in (\d+) fragments(?: of (\d+))?", kind):
        size = max(int(match[2] or -(-length // int(match[1]))), 1)
        cuts = [*range(0, length, size), length]
        parts = [{"op": 0 if start else opcode, "fin": 0, "part": [start, end]} for start, end in zip(cuts, cuts[1:])]
        del parts[-1]["fin"]
        return parts[:1] + [{"op": PING, "hex": b"pp".hex()}] * ("ping between" in kind) + parts[1:]
    if "then a complete new text" in kind:
        return [{"op": TEXT, "fin": 0, "part": [0, length // 2]}, {"op": TEXT}]
    frame = {"op": opcode}
    if "fin 0" in kind or "not final" in kind:
        frame["fin"] = 0
    if re.search(r"\bmasked", kind):
        frame["mask"] = True
    if reserved := re.search(r"rsv([123])", kind, re.IGNORECASE):
        frame["rsv"] = 8 >> int(reserved[1])
    if repeated := re.fullmatch(r"(.+)\*(\d+)", raw):
        frame["hex"] = (repeated[1] * int(repeated[2])).encode().hex()
    elif opcode >= CLOSE or kind != "text" and re.fullmatch("([0-9a-f]{2})+", raw):
        frame["hex"] = raw
    return [frame]
