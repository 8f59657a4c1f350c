#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A voice bot to begin with: the PBX connects to it, and for each call the caller is bridged with the bot's audio.

The audio goes over what the PBX has: its websocket channel driver, AudioSocket, or RTP. What is said to what is heard is a
function in `bots.py`. A connection that is lost and made again costs no call: bridge and audio live on meanwhile.

    python3 -m venv venv && venv/bin/pip install -r examples/voicebot/requirements.txt
    venv/bin/python examples/voicebot/voicebot.py --listen 127.0.0.1:8765 --bot bots:echo
"""

import argparse
import asyncio
import importlib
import itertools
import json
import signal
import sys
from urllib.parse import quote

from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed

from media import AudioSocketMedia, RtpMedia, WebsocketMedia


class Refused(Exception):
    """The PBX answered a request with an error, or its connection went before it answered."""


class Control:
    """A connection of the PBX: requests go out, events come in."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.numbers = itertools.count(1)
        self.pending: dict[str, asyncio.Future] = {}

    async def request(self, method: str, uri: str, **parameters: str) -> dict:
        number = str(next(self.numbers))
        answer = self.pending[number] = asyncio.get_running_loop().create_future()
        strings = [{"name": name, "value": value} for name, value in parameters.items()]
        message = {"type": "RESTRequest", "request_id": number, "method": method, "uri": uri, "query_strings": strings}
        try:
            await self.socket.send(json.dumps(message))
            response = await answer
        except ConnectionClosed as error:
            raise Refused(f"{method} {uri}: the connection is lost") from error
        finally:
            del self.pending[number]
        if response["status_code"] >= 300:
            raise Refused(f"{method} {uri}: {response['status_code']} {response['reason_phrase']}")
        return json.loads(response.get("message_body") or "{}")

    def answered(self, response: dict) -> None:
        answer = self.pending.get(response["request_id"])
        if answer and not answer.done():
            answer.set_result(response)

    def lost(self) -> None:
        for answer in self.pending.values():
            if not answer.done():
                answer.set_exception(Refused("the connection is lost"))


class Call:
    """A caller, and the channel of the bot's audio, which is named after them."""

    def __init__(self, application: str, caller: str) -> None:
        self.application = application
        self.caller = caller
        self.media = f"media-{caller}"
        self.bridge = f"bridge-{caller}"
        self.media_is_inside = asyncio.Event()
        self.is_over = asyncio.Event()


class Voicebot:
    def __init__(self, options: argparse.Namespace) -> None:
        module, _, function = options.bot.partition(":")
        bot = getattr(importlib.import_module(module), function)
        host = options.media_host
        # In order of preference.
        self.carriers = {
            "websocket": WebsocketMedia(bot, options.media_client),
            "audiosocket": AudioSocketMedia(bot, host),
            "rtp": RtpMedia(bot, host),
        }
        self.options = options
        # The connection of each application, the newest one where it was made again.
        self.controls: dict[str, Control] = {}
        # By the ids of both their channels.
        self.calls: dict[str, Call] = {}
        self.tasks: set[asyncio.Task] = set()

    def log(self, text: str) -> None:
        print(text, flush=True)

    async def connection(self, socket: ServerConnection) -> None:
        try:
            if socket.subprotocol == "media":
                self.log("audio over a websocket begins")
                await self.carriers["websocket"].connection(socket)
            else:
                await self.control(socket)
        except ConnectionClosed as error:
            # For events the PBX connects again; without audio the call ends.
            self.log(f"a connection is lost: {error}")

    async def control(self, socket: ServerConnection) -> None:
        control = Control(socket)
        try:
            async for text in socket:
                self.event(control, json.loads(text))
        finally:
            control.lost()

    def event(self, control: Control, event: dict) -> None:
        application = event.get("application", "")
        channel = event.get("channel", {}).get("id", "")
        call = self.calls.get(channel)
        kind = event["type"]
        if kind == "RESTResponse":
            control.answered(event)
        elif kind == "ApplicationRegistered":
            self.log(f"{application} is served")
            self.controls[application] = control
        elif kind == "ApplicationUnregistered":
            self.controls.pop(application, None)
        elif kind == "StasisStart" and call and channel == call.media:
            call.media_is_inside.set()
        elif kind == "StasisStart" and call is None:
            call = Call(application, channel)
            self.calls[channel] = self.calls[call.media] = call
            task = asyncio.create_task(self.serve(call))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif kind == "StasisEnd" and call:
            call.is_over.set()

    async def ask(self, call: Call, method: str, uri: str, **parameters: str) -> dict:
        control = self.controls.get(call.application)
        if control is None:
            raise Refused(f"{method} {uri}: the connection is lost")
        return await control.request(method, uri, **parameters)

    async def serve(self, call: Call) -> None:
        caller = f"channels/{quote(call.caller, safe='')}"
        try:
            await self.ask(call, "POST", f"{caller}/answer")
            await self.ask(call, "POST", "bridges", type="mixing", bridgeId=call.bridge)
            name = await self.choose(call)
            media = await self.carriers[name].parameters(call.media)
            await self.ask(call, "POST", "channels/externalMedia", app=call.application, channelId=call.media, **media)
            await asyncio.wait_for(call.media_is_inside.wait(), 10)
            both = f"{call.caller},{call.media}"
            await self.ask(call, "POST", f"bridges/{quote(call.bridge, safe='')}/addChannel", channel=both)
            self.log(f"{call.caller} talks with the bot over {name}")
            await call.is_over.wait()
        except (Refused, asyncio.TimeoutError) as error:
            self.log(f"{call.caller}: {error or 'the audio did not begin'}")
        await self.end(call, caller)

    async def choose(self, call: Call) -> str:
        """What the PBX has of what the audio may go over."""
        for name, carrier in self.carriers.items():
            if self.options.media not in ("any", name):
                continue
            try:
                if carrier.module:
                    await self.ask(call, "GET", f"asterisk/modules/{carrier.module}")
                return name
            except Refused:
                # It is not loaded there.
                continue
        raise Refused(f"the PBX has nothing for the audio ({self.options.media})")

    async def end(self, call: Call, caller: str) -> None:
        """Takes everything down, and lets the caller go on in the dialplan. What is gone already is no harm."""
        for method, uri in (
            ("DELETE", f"channels/{quote(call.media, safe='')}"),
            ("DELETE", f"bridges/{quote(call.bridge, safe='')}"),
            ("POST", f"{caller}/continue"),
        ):
            try:
                await self.ask(call, method, uri)
            except Refused:
                pass
        del self.calls[call.caller], self.calls[call.media]
        self.log(f"{call.caller} is over")

    async def run(self) -> None:
        options = self.options
        check = None
        if options.username is not None:
            check = basic_auth(realm="voicebot", credentials=(options.username, options.password))
        host, _, port = options.listen.rpartition(":")
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with serve(
            self.connection, host.strip("[]"), int(port), subprotocols=["ari", "media"], process_request=check
        ) as server:
            self.log("listening on {}:{}".format(*server.sockets[0].getsockname()[:2]))
            await stop.wait()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A voice bot that a PBX connects to.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDRESS:PORT", help="for the PBX's websockets (%(default)s)")
    parser.add_argument("--username", metavar="NAME", help="with --password: what the PBX must present (nothing)")
    parser.add_argument("--password", metavar="WORD")
    parser.add_argument("--bot", default="bots:echo", metavar="MODULE:FUNCTION", help="what is said to what is heard (%(default)s)")
    parser.add_argument("--media", default="any", choices=["any", "websocket", "audiosocket", "rtp"],
                        help="what the audio goes over (the first that the PBX has)")
    parser.add_argument("--media-client", default="media", metavar="NAME",
                        help="the section of websocket_client.conf by which the PBX connects for audio (%(default)s)")
    parser.add_argument("--media-host", default="127.0.0.1", metavar="ADDRESS",
                        help="where the bot takes AudioSocket and RTP, an address that the PBX reaches (%(default)s)")
    options = parser.parse_args()
    if (options.username is None) != (options.password is None):
        parser.error("--username and --password belong together")
    return options


if __name__ == "__main__":
    try:
        asyncio.run(Voicebot(parse()).run())
    except OSError as error:
        sys.exit(f"voicebot.py: {error}")
