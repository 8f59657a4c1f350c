# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is said on one connection, and what is printed of it. No socket is known here."""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import time
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote

from journal import Journal

# What a call hears first, and what digit 1 plays.
MENU = "sound:hello-world"
CHOICE = "sound:digits/1"


class Log:
    """Prints lines with their time and their connection."""

    def __init__(self, quiet: bool) -> None:
        self.start = time.monotonic()
        self.quiet = quiet

    def line(self, connection: int, text: str) -> None:
        """What a reader who wants to follow sees."""
        if not self.quiet:
            self.always(f"#{connection} {text}")

    def always(self, text: str) -> None:
        print(f"{(time.monotonic() - self.start) * 1000:10.1f} ms  {text}", flush=True)


class Purpose(Enum):
    """What a request was for."""

    ANSWER = 1
    PLAY = 2
    CONTINUE = 3
    HANG_UP = 4


# By their purpose: the method, and what follows the channel.
REQUESTS = {
    Purpose.ANSWER: ("POST", "/answer"),
    Purpose.PLAY: ("POST", "/play"),
    Purpose.CONTINUE: ("POST", "/continue"),
    Purpose.HANG_UP: ("DELETE", ""),
}


@dataclass
class Pending:
    """A request that waits for its response."""

    purpose: Purpose
    channel: str
    line: str


@dataclass
class Call:
    """A call that is in the application."""

    start: float = field(default_factory=time.monotonic)
    # Playbacks that were asked for and have not finished; none as long as the call is not answered.
    playing: int = 0
    # Ends the call if no digit comes.
    timer: asyncio.TimerHandle | None = None
    leaving: bool = False

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass
class Tally:
    """What the connections leave behind."""

    # Calls that ran from ApplicationRegistered to StasisEnd, on a connection closed with 1000.
    calls: int = 0
    errors: int = 0
    # Attempts that the PBX gave up before its first message, because they took longer than its connection_timeout.
    given_up: int = 0
    # Of per-call connections: from the open websocket to StasisStart, in milliseconds.
    open_to_start: list[float] = field(default_factory=list)

    def report(self) -> str:
        times = sorted(self.open_to_start)
        figures = None
        if times:
            figures = {
                "count": len(times),
                "median": round(statistics.median(times), 3),
                "p99": round(times[math.ceil(0.99 * len(times)) - 1], 3),
            }
        return json.dumps({
            "calls": self.calls,
            "errors": self.errors,
            "given_up": self.given_up,
            "open_to_stasis_start_ms": figures,
        })


class Conversation:
    """What is said on one connection: texts come in by `receive`, go out by `outgoing`."""

    def __init__(self, number: int, digit_timeout: float, log: Log, tally: Tally, journal: Journal) -> None:
        self.number = number
        self.digit_timeout = digit_timeout
        self.log = log
        self.tally = tally
        # What all conversations have handled.
        self.journal = journal
        self.opened = time.monotonic()
        # Whether the PBX has said anything.
        self.begun = False
        self.registered: set[str] = set()
        self.calls: dict[str, Call] = {}
        self.pending: dict[str, Pending] = {}
        self.requests = 0
        self.outgoing: asyncio.Queue[str] = asyncio.Queue()
        self.finished = 0

    def say(self, text: str) -> None:
        self.log.line(self.number, text)

    def error(self, text: str) -> None:
        self.tally.errors += 1
        self.log.always(f"#{self.number} ERROR {text}")

    def ended(self, code: int | None, leaving: bool) -> None:
        """The connection is closed, with this code if the PBX gave one: only then its calls count. An application that is
        leaving has closed it itself."""
        for call in self.calls.values():
            call.stop_timer()
        if code is None and not self.begun:
            self.tally.given_up += 1
            self.say("given up by the PBX before its first message")
        elif code is None:
            self.error("the connection ended without a Close")
        elif self.calls or not (code == 1000 or leaving and code == 1001):
            self.error(f"closed with {code} during {len(self.calls)} calls")
        else:
            self.say(f"closed with {code}")
            self.tally.calls += self.finished

    def receive(self, text: str | bytes) -> None:
        self.begun = True
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.error(f"not a JSON object: {text!r}")
            return
        if (number := message.get("ariws_sequence")) is not None:
            highest = self.journal.highest(message)
            if number <= highest:
                self.say(f"<- once more, and handled: {number}")
                return
            if number > highest + 1:
                self.error(f"{number - highest - 1} events are missing before {number}")
        self.handle(message)
        self.journal.handled(message)

    def handle(self, message: dict) -> None:
        kind = message.get("type", "")
        application = message.get("application", "")
        channel = message.get("channel", {}).get("id", "")
        target = message.get("playback", {}).get("target_uri", "")
        if kind == "RESTResponse":
            self.response(message)
        elif kind in ("ApplicationRegistered", "ApplicationReplaced"):
            self.say(f"<- {kind} {application}")
            self.registered.add(application)
            if kind == "ApplicationRegistered":
                for inside in self.journal.registered(message):
                    self.go_on(inside)
        elif kind == "ApplicationResumed":
            self.resumed(message, application)
        elif kind == "ApplicationUnregistered":
            self.say(f"<- {kind} {application}")
            self.registered.discard(application)
        elif kind == "StasisStart":
            self.stasis_start(message, application, channel)
        elif kind == "ChannelDtmfReceived":
            self.digit(channel, message.get("digit", ""))
        elif kind == "PlaybackFinished":
            self.playback_finished(target)
        elif kind == "StasisEnd":
            self.stasis_end(channel)
        else:
            self.say(f"<- {kind} {channel}{target}")

    def stasis_start(self, event: dict, application: str, channel: str) -> None:
        arguments = json.dumps(event.get("args"), separators=(",", ":"), ensure_ascii=False)
        name = event["channel"].get("name", "")
        self.say(f"<- StasisStart {channel} {name} {arguments}")
        if application not in self.registered:
            self.error(f"StasisStart of {application} before its ApplicationRegistered")
            return
        # The application of a per-call connection is named <app>:<channel>.
        if ":" in application:
            self.tally.open_to_start.append((time.monotonic() - self.opened) * 1000)
        if before := self.calls.get(channel):
            before.stop_timer()
        self.calls[channel] = Call()
        self.request(Purpose.ANSWER, channel)

    def resumed(self, message: dict, application: str) -> None:
        """The connection was made again. Where events were dropped, a StasisStart may be among them."""
        self.say(
            f"<- ApplicationResumed {application} after {message['down_ms']} ms: {message['events_queued']} events follow, "
            f"{message['events_dropped']} were dropped"
        )
        if message["events_dropped"]:
            for channel in message.get("channels", []):
                self.go_on(channel)

    def go_on(self, channel: str) -> None:
        """A call that came on another connection, perhaps to another process: it has the digit timeout to go on."""
        if channel not in self.calls:
            self.say(f"goes on with the call {channel}")
            call = self.calls[channel] = Call()
            self.wait_for_digit(channel, call)

    def digit(self, channel: str, digit: str) -> None:
        self.say(f"<- ChannelDtmfReceived {channel} digit {digit}")
        call = self.calls.get(channel)
        if digit == "1":
            self.play(channel, CHOICE)
        elif digit == "2":
            self.leave(channel, Purpose.CONTINUE)
        elif digit == "#":
            self.leave(channel, Purpose.HANG_UP)
        elif call and call.timer:
            self.wait_for_digit(channel, call)

    def playback_finished(self, target: str) -> None:
        self.say(f"<- PlaybackFinished {target}")
        if target.startswith("channel:"):
            self.played(target.removeprefix("channel:"))

    def played(self, channel: str) -> None:
        """A playback is over, well or not: after the last one, the caller has the digit timeout to go on."""
        call = self.calls.get(channel)
        if call is None or call.leaving:
            return
        call.playing = max(call.playing - 1, 0)
        if call.playing == 0:
            self.wait_for_digit(channel, call)

    def wait_for_digit(self, channel: str, call: Call) -> None:
        call.stop_timer()
        call.timer = asyncio.get_running_loop().call_later(self.digit_timeout, self.time_is_up, channel)

    def time_is_up(self, channel: str) -> None:
        self.say(f"no digit from {channel}")
        self.leave(channel, Purpose.HANG_UP)

    def stasis_end(self, channel: str) -> None:
        call = self.calls.pop(channel, None)
        if call is None:
            self.error(f"StasisEnd {channel}: no such call")
            return
        call.stop_timer()
        self.finished += 1
        self.say(f"<- StasisEnd {channel}: the call took {(time.monotonic() - call.start) * 1000:.0f} ms")

    def response(self, response: dict) -> None:
        request = self.pending.pop(response.get("request_id", ""), None)
        if request is None:
            self.error(f"a response to no request: {response}")
            return
        status = response.get("status_code", 0)
        answer = f"{status} {response.get('reason_phrase', '')}"
        self.say(f"<- {answer} ({request.line})")
        if 200 <= status < 300:
            if request.purpose is Purpose.ANSWER:
                self.play(request.channel, MENU)
            return
        # The caller may hang up at any time: then the channel is gone (404) or about to go (409).
        if status not in (404, 409):
            self.error(f"{request.line}: {answer}")
        if request.purpose is Purpose.ANSWER:
            self.leave(request.channel, Purpose.HANG_UP)
        elif request.purpose is Purpose.PLAY:
            self.played(request.channel)

    def play(self, channel: str, media: str) -> None:
        call = self.calls.get(channel)
        if call is None or call.leaving:
            return
        call.stop_timer()
        call.playing += 1
        self.request(Purpose.PLAY, channel, {"name": "media", "value": media})

    def leave(self, channel: str, purpose: Purpose) -> None:
        """Ends the call's stay: it goes on in the dialplan, or is hung up."""
        call = self.calls.get(channel)
        if call is None or call.leaving:
            return
        call.stop_timer()
        call.leaving = True
        self.request(purpose, channel)

    def request(self, purpose: Purpose, channel: str, *parameters: dict) -> None:
        method, operation = REQUESTS[purpose]
        uri = f"channels/{quote(channel, safe='')}{operation}"
        self.requests += 1
        request_id = f"request-{self.requests}"
        line = f"{method} {uri}"
        self.say(f"-> {line}")
        self.pending[request_id] = Pending(purpose, channel, line)
        message = {
            "type": "RESTRequest",
            "transaction_id": channel,
            "request_id": request_id,
            "method": method,
            "uri": uri,
            "query_strings": parameters,
        }
        self.outgoing.put_nowait(json.dumps(message))
