# SPDX-License-Identifier: MIT OR Apache-2.0
"""WebSocket frames of a server: made from fields, so that they can be wrong, and read."""

import codecs
import collections
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL, MASKED, RESERVED = 0x80, 0x80, 0x70
OPCODES = (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
KEY = b"\x01\x02\x03\x04"
PROTOCOL, NO_TEXT = 1002, 1007

Frame = collections.namedtuple("Frame", "first second payload")


def made(fields, text):
    """A frame as its fields say; `text` is what parts are taken from."""
    if "hex" in fields:
        payload = bytes.fromhex(fields["hex"])
    else:
        start, end = fields.get("part", (0, len(text)))
        payload = text[start:end]
    first = fields.get("fin", 1) << 7 | fields.get("rsv", 0) << 4 | fields["op"]
    masked = fields.get("mask", False)
    if masked:
        payload = bytes(byte ^ KEY[index % 4] for index, byte in enumerate(payload))
    return framed(first, payload, masked)


def framed(first, payload, masked=False):
    length, bit = len(payload), MASKED if masked else 0
    if length < 126:
        head = bytes([first, bit | length])
    elif length < 65536:
        head = struct.pack(">BBH", first, bit | 126, length)
    else:
        head = struct.pack(">BBQ", first, bit | 127, length)
    return head + (KEY if masked else b"") + payload


def text(payload):
    return framed(FINAL | TEXT, payload)


def read(data):
    """The whole frames of some bytes, and nothing of what is incomplete."""
    while len(data) >= 2:
        first, second = data[0], data[1]
        length, at = second & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
        key = data[at : at + 4] if second & MASKED else b"\0\0\0\0"
        at += 4 if second & MASKED else 0
        if len(data) < at + length:
            return
        payload = data[at : at + length]
        if second & MASKED:
            payload = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
        yield Frame(first, second, payload)
        data = data[at + length :]


class Reader:
    """What a client that keeps to RFC 6455 (sections 5, 7.4 and 8.1) makes of the frames of a connection."""

    def __init__(self):
        self.open, self.pending = None, b""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def violation(self, data):
        """With which code it closes when these bytes come, if they break the protocol."""
        self.pending += data
        if self.pending and (self.pending[0] & RESERVED or self.pending[0] & 0x0F not in OPCODES):
            return PROTOCOL
        for frame in read(self.pending):
            self.pending = self.pending[len(framed(frame.first, frame.payload, frame.second & MASKED)) :]
            if code := self.frame(frame):
                return code
        return None

    def frame(self, frame):
        opcode, final = frame.first & 0x0F, frame.first & FINAL
        if frame.second & MASKED or frame.first & RESERVED or opcode not in OPCODES:
            return PROTOCOL
        if opcode >= CLOSE:
            if len(frame.payload) > 125 or not final:
                return PROTOCOL
            return closing(frame.payload) if opcode == CLOSE else None
        if (opcode == CONTINUATION) != (self.open is not None):
            return PROTOCOL
        kind = self.open or opcode
        self.open = None if final else kind
        if kind == BINARY:
            return None
        try:
            self.decoder.decode(frame.payload, bool(final))
        except UnicodeDecodeError:
            return NO_TEXT
        return None


def closing(payload):
    """What is wrong with the payload of a Close."""
    if not payload:
        return None
    if len(payload) == 1:
        return PROTOCOL
    code = int.from_bytes(payload[:2], "big")
    valid = code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code < 5000
    if not valid:
        return PROTOCOL
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return NO_TEXT
    return None
