#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A sample ARI application for PBXs that connect out: it listens, the PBX comes to it.

Every call is answered, hears a menu, and is hung up when no digit comes for a while after the playback. Digit 1
plays something else, 2 lets the call go on in the dialplan, # hangs up, others are printed. What happens is printed
line by line, with the time in milliseconds since the start. At SIGTERM or SIGINT no call is taken any more, and each
connection is closed when its calls have ended; a second signal ends at once. `examples/application` is the same in
Rust, `examples/node` in JavaScript.

    python3 -m venv venv && venv/bin/pip install -r examples/python/requirements.txt
    venv/bin/python examples/python/application.py --listen 127.0.0.1:8765
"""

import argparse
import asyncio
import signal
import ssl
import sys

from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from conversation import Conversation, Log, Tally
from journal import Journal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Application:
    """The server: counts connections and knows when enough calls have run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.log = Log(options.quiet)
        self.tally = Tally()
        self.journal = Journal(options.journal)
        self.connections = 0
        # Open connections with what is said on them.
        self.open: dict[ServerConnection, Conversation] = {}
        self.leaving = False
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
        self.open[socket] = conversation
        conversation.say(f"connected from {peer(socket)}")
        sender = asyncio.create_task(self.send(socket, conversation))
        try:
            if self.leaving:
                await socket.close(1001)
            async for text in socket:
                conversation.receive(text)
                if self.leaving and not conversation.calls:
                    await socket.close(1001)
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
            del self.open[socket]
        received = socket.protocol.close_rcvd
        conversation.ended(received.code if received else None, self.leaving)
        if self.leaving and not self.open or self.options.calls is not None and self.tally.calls >= self.options.calls:
            self.enough.set()

    async def send(self, socket: ServerConnection, conversation: Conversation) -> None:
        try:
            while True:
                await socket.send(await conversation.outgoing.get())
        except ConnectionClosed:
            pass

    async def shut_down(self) -> None:
        """Takes no new connection; those without a call are closed now, the others when their last one has ended."""
        self.log.always("shutting down")
        self.leaving = True
        # From here on a signal ends the process.
        for number in SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        self.server.close(close_connections=False)
        if not self.open:
            self.enough.set()
        idle = [socket for socket, conversation in self.open.items() if not conversation.calls]
        await asyncio.gather(*(socket.close(1001) for socket in idle))

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
        self.server = await serve(
            self.connection,
            host.strip("[]"),
            int(port),
            subprotocols=["ari"],
            process_request=check,
            process_response=self.upgraded,
            ssl=tls,
        )
        print(f"listening on {address(self.server.sockets[0].getsockname())}", flush=True)
        shutting_down: list[asyncio.Task] = []
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(
                number, lambda: shutting_down.append(asyncio.create_task(self.shut_down()))
            )
        in_time = True
        try:
            deadline = None if options.deadline is None else options.deadline / 1000
            await asyncio.wait_for(self.enough.wait(), deadline)
        except asyncio.TimeoutError:
            in_time = False
        self.server.close(close_connections=False)
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
