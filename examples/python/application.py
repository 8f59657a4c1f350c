#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A sample ARI application for PBXs that connect out: it listens, the PBX comes to it.

Every call is answered, hears `hello-world`, and is hung up when no digit comes for a while after the playback.
Digit 1 plays again, # hangs up, others are printed. What happens is printed line by line, with the time in
milliseconds since the start. `examples/application` is the same in Rust.

    python3 -m venv venv && venv/bin/pip install -r examples/python/requirements.txt
    venv/bin/python examples/python/application.py --listen 127.0.0.1:8765
"""

import argparse
import asyncio
import json
import math
import ssl
import statistics
import sys
import time
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote

from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

MEDIA = "sound:hello-world"


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


class Journal:
    """Which events were handled: by their numbers (delivery = at_least_once), so that those that come again are not handled
    again, also by a process that takes the place of one that was killed."""

    def __init__(self, path: str | None) -> None:
        # By the application: which numbers belong together, and the highest; the channels that are inside.
        self.known: dict[str, tuple[str, int]] = {}
        self.channels: dict[str, set[str]] = {}
        self.file = None
        if path is None:
            return
        self.file = open(path, "a+b", buffering=0)
        self.file.seek(0)
        lines = self.file.readall()
        # What whoever was killed had not written to its end was not handled.
        whole = lines.rfind(b"\n") + 1
        self.file.truncate(whole)
        for line in lines[:whole].splitlines():
            event = json.loads(line)
            self.registered(event)
            self.note(event)

    def registered(self, notice: dict) -> list[str]:
        """ApplicationRegistered: numbers with another id begin anew. Gives the channels that are inside."""
        application, sequence_id = notice["application"], notice.get("ariws_sequence_id", "")
        if self.known.get(application, ("", 0))[0] != sequence_id:
            self.known[application] = (sequence_id, 0)
        return sorted(self.channels.get(application, ()))

    def highest(self, event: dict) -> int:
        return self.known.get(event.get("application", ""), ("", 0))[1]

    def handled(self, event: dict) -> None:
        if "ariws_sequence" not in event:
            return
        self.note(event)
        if self.file is not None:
            line = {
                "application": event["application"],
                "ariws_sequence_id": self.known[event["application"]][0],
                "ariws_sequence": event["ariws_sequence"],
                "type": event["type"],
                "channel": {"id": event.get("channel", {}).get("id")},
            }
            self.file.write(json.dumps(line).encode() + b"\n")

    def note(self, event: dict) -> None:
        application, channel = event["application"], event["channel"]["id"] if "channel" in event else None
        sequence_id, _ = self.known.get(application, ("", 0))
        self.known[application] = (sequence_id, event["ariws_sequence"])
        if event["type"] == "StasisStart":
            self.channels.setdefault(application, set()).add(channel)
        elif event["type"] == "StasisEnd":
            self.channels.setdefault(application, set()).discard(channel)


class Purpose(Enum):
    """What a request was for."""

    ANSWER = 1
    PLAY = 2
    HANG_UP = 3


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
    hanging_up: bool = False

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

    def ended(self, code: int | None) -> None:
        """The connection is closed, with this code if the PBX gave one: only then its calls count."""
        for call in self.calls.values():
            call.stop_timer()
        if code is None and not self.begun:
            self.tally.given_up += 1
            self.say("given up by the PBX before its first message")
        elif code is None:
            self.error("the connection ended without a Close")
        elif code != 1000 or self.calls:
            self.error(f"closed with {code} during {len(self.calls)} calls")
        else:
            self.say("closed with 1000")
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
        match kind:
            case "RESTResponse":
                self.response(message)
            case "ApplicationRegistered" | "ApplicationReplaced":
                self.say(f"<- {kind} {application}")
                self.registered.add(application)
                if kind == "ApplicationRegistered":
                    for inside in self.journal.registered(message):
                        self.go_on(inside)
            case "ApplicationResumed":
                self.resumed(message, application)
            case "ApplicationUnregistered":
                self.say(f"<- {kind} {application}")
                self.registered.discard(application)
            case "StasisStart":
                self.stasis_start(message, application, channel)
            case "ChannelDtmfReceived":
                self.digit(channel, message.get("digit", ""))
            case "PlaybackFinished":
                self.playback_finished(target)
            case "StasisEnd":
                self.stasis_end(channel)
            case _:
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
        match digit:
            case "1":
                self.play(channel)
            case "#":
                self.hang_up(channel)
            case _ if call and call.timer:
                self.wait_for_digit(channel, call)

    def playback_finished(self, target: str) -> None:
        self.say(f"<- PlaybackFinished {target}")
        if target.startswith("channel:"):
            self.played(target.removeprefix("channel:"))

    def played(self, channel: str) -> None:
        """A playback is over, well or not: after the last one, the caller has the digit timeout to go on."""
        call = self.calls.get(channel)
        if call is None or call.hanging_up:
            return
        call.playing = max(call.playing - 1, 0)
        if call.playing == 0:
            self.wait_for_digit(channel, call)

    def wait_for_digit(self, channel: str, call: Call) -> None:
        call.stop_timer()
        call.timer = asyncio.get_running_loop().call_later(self.digit_timeout, self.time_is_up, channel)

    def time_is_up(self, channel: str) -> None:
        self.say(f"no digit from {channel}")
        self.hang_up(channel)

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
                self.play(request.channel)
            return
        # The caller may hang up at any time: then the channel is gone (404) or about to go (409).
        if status not in (404, 409):
            self.error(f"{request.line}: {answer}")
        match request.purpose:
            case Purpose.ANSWER:
                self.hang_up(request.channel)
            case Purpose.PLAY:
                self.played(request.channel)

    def play(self, channel: str) -> None:
        call = self.calls.get(channel)
        if call is None or call.hanging_up:
            return
        call.stop_timer()
        call.playing += 1
        self.request(Purpose.PLAY, channel)

    def hang_up(self, channel: str) -> None:
        call = self.calls.get(channel)
        if call is None or call.hanging_up:
            return
        call.stop_timer()
        call.hanging_up = True
        self.request(Purpose.HANG_UP, channel)

    def request(self, purpose: Purpose, channel: str) -> None:
        path = f"channels/{quote(channel, safe='')}"
        parameters: list[dict] = []
        match purpose:
            case Purpose.ANSWER:
                method, uri = "POST", f"{path}/answer"
            case Purpose.PLAY:
                method, uri = "POST", f"{path}/play"
                parameters = [{"name": "media", "value": MEDIA}]
            case Purpose.HANG_UP:
                method, uri = "DELETE", path
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


class Application:
    """The server: counts connections and knows when enough calls have run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.log = Log(options.quiet)
        self.tally = Tally()
        self.journal = Journal(options.journal)
        self.connections = 0
        self.enough = asyncio.Event()

    def conversation(self) -> Conversation:
        self.connections += 1
        return Conversation(self.connections, self.options.digit_timeout / 1000, self.log, self.tally, self.journal)

    def upgraded(self, socket: ServerConnection, _request: Request, response: Response) -> None:
        """The answer to an upgrade request is about to go."""
        if response.status_code != 101:
            refusal = f"{response.status_code} {response.reason_phrase}"
            self.conversation().error(f"refused {peer(socket)}: {refusal}")

    async def connection(self, socket: ServerConnection) -> None:
        conversation = self.conversation()
        conversation.say(f"connected from {peer(socket)}")
        sender = asyncio.create_task(self.send(socket, conversation))
        try:
            async for text in socket:
                conversation.receive(text)
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
        received = socket.protocol.close_rcvd
        conversation.ended(received.code if received else None)
        if self.options.calls is not None and self.tally.calls >= self.options.calls:
            self.enough.set()

    async def send(self, socket: ServerConnection, conversation: Conversation) -> None:
        try:
            while True:
                await socket.send(await conversation.outgoing.get())
        except ConnectionClosed:
            pass

    async def run(self) -> int:
        """Serves until enough calls have run or the deadline is over; the exit status."""
        options = self.options
        check = None
        if options.username is not None:
            check = basic_auth(realm="application", credentials=(options.username, options.password))
        tls = None
        if options.certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(options.certificate, options.key)
        host, _, port = options.listen.rpartition(":")
        server = await serve(
            self.connection,
            host.strip("[]"),
            int(port),
            subprotocols=["ari"],
            process_request=check,
            process_response=self.upgraded,
            ssl=tls,
        )
        print(f"listening on {address(server.sockets[0].getsockname())}", flush=True)
        in_time = True
        try:
            deadline = None if options.deadline is None else options.deadline / 1000
            await asyncio.wait_for(self.enough.wait(), deadline)
        except TimeoutError:
            in_time = False
        server.close(close_connections=False)
        self.log.always(
            f"{'' if in_time else 'deadline: '}{self.tally.calls} calls ran from ApplicationRegistered to StasisEnd "
            f"and were closed with 1000; {self.tally.errors} errors"
        )
        if options.report:
            print(self.tally.report(), flush=True)
        return 0 if in_time and self.tally.errors == 0 else 1


def peer(socket: ServerConnection) -> str:
    return address(socket.remote_address)


def address(name: tuple) -> str:
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A sample ARI application that a PBX connects to.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDRESS:PORT",
                        help="where to listen; port 0 takes a free one (%(default)s)")
    parser.add_argument("--username", metavar="NAME", help="with --password: what the PBX must present (nothing)")
    parser.add_argument("--password", metavar="WORD")
    parser.add_argument("--certificate", metavar="FILE", help="with --key: serve TLS with this chain (PEM)")
    parser.add_argument("--key", metavar="FILE")
    parser.add_argument("--digit-timeout", type=float, default=3000, metavar="MS",
                        help="how long a call waits for a digit after the playback (%(default)s)")
    parser.add_argument("--calls", type=int, metavar="N",
                        help="end with status 0 after N calls ran from ApplicationRegistered to StasisEnd "
                             "without an error and their connections were closed with 1000")
    parser.add_argument("--deadline", type=float, metavar="MS", help="end with status 1 after this time")
    parser.add_argument("--journal", metavar="FILE",
                        help="write a line for each event that has a number and was handled, and handle none again that is in "
                             "it: for clients with delivery = at_least_once")
    parser.add_argument("--quiet", action="store_true", help="print the port, errors and the summary only")
    parser.add_argument("--report", action="store_true",
                        help="at the end, print a line of JSON: calls, errors, attempts given up, and the median and 99th "
                             "percentile of the time from the open websocket to StasisStart (per-call connections)")
    options = parser.parse_args()
    for one, other in (("username", "password"), ("certificate", "key")):
        if (getattr(options, one) is None) != (getattr(options, other) is None):
            parser.error(f"--{one} and --{other} belong together")
    return options


async def main() -> int:
    return await Application(parse()).run()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(130)
