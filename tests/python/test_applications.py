# SPDX-License-Identifier: MIT OR Apache-2.0
"""The sample applications, in Python, JavaScript and Rust, against a scripted PBX: all of them do and print the same.

ARIWS_APPLICATION names the built Rust application; without it only the others are tested. That in JavaScript needs Node.js
with its package ws (scripts/with-node.sh).
"""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import unittest
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from programs import Programs

TOP = Path(__file__).resolve().parents[2]
DEADLINE = 20


class Pbx:
    """One connection of a PBX: sends events, takes requests."""

    def __init__(self, socket):
        self.socket = socket

    async def event(self, kind, **fields):
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def registered(self, application, **fields):
        await self.event("ApplicationRegistered", application=application, **fields)

    async def start(self, application, channel, *arguments, **fields):
        info = {"id": channel, "name": f"Test/{channel}"}
        await self.event("StasisStart", application=application, channel=info, args=list(arguments), **fields)

    async def of_channel(self, kind, channel, **fields):
        await self.event(kind, channel={"id": channel}, **fields)

    async def played(self, channel):
        await self.event("PlaybackFinished", playback={"id": "p", "target_uri": f"channel:{channel}"})

    async def request(self):
        message = json.loads(await self.socket.recv())
        assert message["type"] == "RESTRequest", message
        return message

    async def respond(self, request, status, reason="whatever"):
        await self.event(
            "RESTResponse",
            transaction_id=request["transaction_id"],
            request_id=request["request_id"],
            status_code=status,
            reason_phrase=reason,
            uri=request["uri"],
        )

    async def expect(self, method, uri, status=204):
        """Takes a request, which must be this one, and answers it."""
        request = await self.request()
        assert (request["method"], request["uri"]) == (method, uri), request
        await self.respond(request, status)
        return request

    async def silent_call(self, application, channel):
        """A call whose caller presses nothing."""
        await self.start(application, channel)
        await self.expect("POST", f"channels/{channel}/answer")
        await self.expect("POST", f"channels/{channel}/play", 201)
        await self.played(channel)
        await self.expect("DELETE", f"channels/{channel}")
        await self.of_channel("StasisEnd", channel)


class Scenarios(Programs):
    """What all applications do."""

    program: list[str]

    async def launch(self, *options):
        # The subprocess' own deadline is the last resort.
        arguments = [*self.program, "--listen", "127.0.0.1:0", *options]
        if "--deadline" not in options:
            arguments += ["--deadline", str(DEADLINE * 1000)]
        self.process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        self.addAsyncCleanup(self.end)
        line = (await self.process.stdout.readline()).decode()
        self.assertRegex(line, r"^listening on 127\.0\.0\.1:\d+\n$")
        self.port = int(line.rsplit(":", 1)[1])

    async def end(self):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def dial(self, **options):
        """Connects as a PBX does."""
        uri = options.pop("uri", f"ws://127.0.0.1:{self.port}/")
        options.setdefault("subprotocols", ["ari"])
        socket = await connect(uri, proxy=None, **options)
        self.addAsyncCleanup(socket.close)
        return Pbx(socket)

    async def finish(self, status):
        """The application ends by itself with this status; returns what it printed."""
        output, _ = await asyncio.wait_for(self.process.communicate(), DEADLINE)
        self.assertEqual(self.process.returncode, status, output.decode())
        return output.decode()

    async def test_digits(self):
        await self.launch("--calls", "1")
        pbx = await self.dial()
        self.assertEqual(pbx.socket.subprotocol, "ari")
        await pbx.registered("app")
        await pbx.start("app", "7.1", "one", "two")
        await pbx.expect("POST", "channels/7.1/answer")
        play = await pbx.expect("POST", "channels/7.1/play", 201)
        self.assertEqual(play["query_strings"], [{"name": "media", "value": "sound:hello-world"}])
        await pbx.played("7.1")
        await pbx.of_channel("ChannelDtmfReceived", "7.1", digit="1")
        play = await pbx.expect("POST", "channels/7.1/play", 201)
        self.assertEqual(play["query_strings"], [{"name": "media", "value": "sound:digits/1"}])
        await pbx.of_channel("ChannelDtmfReceived", "7.1", digit="5")
        await pbx.of_channel("ChannelDtmfReceived", "7.1", digit="#")
        await pbx.expect("DELETE", "channels/7.1")
        await pbx.played("7.1")
        await pbx.of_channel("StasisEnd", "7.1")
        await pbx.of_channel("ChannelDestroyed", "7.1")
        await pbx.socket.close(1000)
        output = await self.finish(0)
        # Times apart, all applications print the same.
        lines = [line.split(" ms  ")[-1] for line in output.splitlines()]
        self.assertRegex(lines[0], r"^#1 connected from 127\.0\.0\.1:\d+$")
        self.assertRegex(lines[-4], r"^#1 <- StasisEnd 7\.1: the call took \d+ ms$")
        self.assertEqual(lines[1:-4], [
            "#1 <- ApplicationRegistered app",
            '#1 <- StasisStart 7.1 Test/7.1 ["one","two"]',
            "#1 -> POST channels/7.1/answer",
            "#1 <- 204 whatever (POST channels/7.1/answer)",
            "#1 -> POST channels/7.1/play",
            "#1 <- 201 whatever (POST channels/7.1/play)",
            "#1 <- PlaybackFinished channel:7.1",
            "#1 <- ChannelDtmfReceived 7.1 digit 1",
            "#1 -> POST channels/7.1/play",
            "#1 <- 201 whatever (POST channels/7.1/play)",
            "#1 <- ChannelDtmfReceived 7.1 digit 5",
            "#1 <- ChannelDtmfReceived 7.1 digit #",
            "#1 -> DELETE channels/7.1",
            "#1 <- 204 whatever (DELETE channels/7.1)",
            "#1 <- PlaybackFinished channel:7.1",
        ])
        self.assertEqual(lines[-3:], [
            "#1 <- ChannelDestroyed 7.1",
            "#1 closed with 1000",
            "1 calls ran from ApplicationRegistered to StasisEnd and were closed with 1000; 0 errors",
        ])

    async def test_two_goes_on_in_the_dialplan(self):
        await self.launch("--calls", "1", "--digit-timeout", "0")
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.start("app", "1")
        await pbx.expect("POST", "channels/1/answer")
        await pbx.expect("POST", "channels/1/play", 201)
        await pbx.of_channel("ChannelDtmfReceived", "1", digit="2")
        await pbx.expect("POST", "channels/1/continue")
        # The playback ends with it; nothing is asked of the channel any more.
        await pbx.played("1")
        await pbx.of_channel("StasisEnd", "1")
        await pbx.socket.close(1000)
        self.assertIn("#1 -> POST channels/1/continue", await self.finish(0))

    async def test_calls_end_before_a_shutdown(self):
        await self.launch("--digit-timeout", "0")
        busy, idle = await self.dial(), await self.dial()
        await busy.registered("app")
        await busy.start("app", "1")
        await busy.expect("POST", "channels/1/answer")
        self.process.terminate()
        await asyncio.wait_for(idle.socket.wait_closed(), DEADLINE)
        self.assertEqual(idle.socket.close_code, 1001)
        with self.assertRaises(OSError):
            await self.dial()
        await busy.expect("POST", "channels/1/play", 201)
        await busy.played("1")
        await busy.expect("DELETE", "channels/1")
        await busy.of_channel("StasisEnd", "1")
        await asyncio.wait_for(busy.socket.wait_closed(), DEADLINE)
        self.assertEqual(busy.socket.close_code, 1001)
        output = await self.finish(0)
        self.assertIn("shutting down", output)
        self.assertIn("1 calls ran from ApplicationRegistered to StasisEnd", output)
        self.assertIn("; 0 errors", output)

    async def test_a_second_signal_ends_at_once(self):
        await self.launch()
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.start("app", "1")
        await pbx.expect("POST", "channels/1/answer")
        self.process.terminate()
        while b"shutting down" not in await asyncio.wait_for(self.process.stdout.readline(), DEADLINE):
            pass
        self.process.terminate()
        await asyncio.wait_for(self.process.wait(), DEADLINE)
        self.assertNotEqual(self.process.returncode, 0)

    async def dial_over_tls(self, *options):
        """Launches with a certificate and connects as a PBX does that trusts it."""
        folder = self.new_folder()
        certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
        subprocess.run([str(TOP / "scripts" / "certificate.sh"), certificate, key], check=True)
        await self.launch("--certificate", certificate, "--key", key, *options)
        context = ssl.create_default_context(cafile=certificate)
        return await self.dial(uri=f"wss://127.0.0.1:{self.port}/", ssl=context)

    async def test_tls(self):
        pbx = await self.dial_over_tls("--calls", "1", "--digit-timeout", "0")
        await pbx.registered("app")
        await pbx.silent_call("app", "1")
        await pbx.socket.close(1000)
        await self.finish(0)

    async def test_silence_hangs_up(self):
        await self.launch("--calls", "2", "--digit-timeout", "30", "--quiet")
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.silent_call("app", "1")
        await pbx.silent_call("app", "2")
        await pbx.socket.close(1000)
        self.assertEqual(len((await self.finish(0)).splitlines()), 1)

    async def test_ids_are_encoded(self):
        await self.launch("--calls", "1", "--digit-timeout", "0")
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.start("app", "a b/ü%?#~")
        await pbx.expect("POST", "channels/a%20b%2F%C3%BC%25%3F%23~/answer")
        await pbx.expect("POST", "channels/a%20b%2F%C3%BC%25%3F%23~/play", 201)
        await pbx.played("a b/ü%?#~")
        await pbx.expect("DELETE", "channels/a%20b%2F%C3%BC%25%3F%23~")
        await pbx.of_channel("StasisEnd", "a b/ü%?#~")
        await pbx.socket.close(1000)
        await self.finish(0)

    async def test_responses_in_another_order(self):
        await self.launch("--calls", "2")
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.start("app", "1")
        await pbx.start("app", "2")
        first, second = await pbx.request(), await pbx.request()
        await pbx.respond(second, 204)
        await pbx.expect("POST", "channels/2/play", 201)
        await pbx.respond(first, 204)
        await pbx.expect("POST", "channels/1/play", 201)
        await pbx.of_channel("StasisEnd", "1")
        await pbx.of_channel("StasisEnd", "2")
        await pbx.socket.close(1000)
        await self.finish(0)

    async def test_caller_hangs_up_first(self):
        await self.launch("--calls", "1")
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.start("app", "1")
        await pbx.expect("POST", "channels/1/answer", 404)
        await pbx.expect("DELETE", "channels/1", 404)
        await pbx.of_channel("StasisEnd", "1")
        await pbx.socket.close(1000)
        await self.finish(0)

    async def test_calls_on_several_connections(self):
        await self.launch("--calls", "3", "--digit-timeout", "0")
        persistent = await self.dial()
        await persistent.registered("app")
        await persistent.silent_call("app", "1")
        one, other = await self.dial(), await self.dial()
        for number, pbx in enumerate((one, other), 2):
            await pbx.registered(f"per:Test/{number}")
            await pbx.silent_call(f"per:Test/{number}", f"{number}")
            await pbx.socket.close(1000)
        await persistent.socket.close(1000)
        await self.finish(0)

    async def test_credentials_and_subprotocol(self):
        await self.launch("--username", "some_user", "--password", "geheim")
        cases = [
            (401, {}, ["ari"]),
            (401, {"Authorization": "Basic c29tZV91c2VyOmZhbHNjaA=="}, ["ari"]),
            (400, {"Authorization": "Basic c29tZV91c2VyOmdlaGVpbQ=="}, None),
            (400, {"Authorization": "Basic c29tZV91c2VyOmdlaGVpbQ=="}, ["other"]),
        ]
        for status, headers, subprotocols in cases:
            with self.subTest(status=status, headers=headers, subprotocols=subprotocols):
                with self.assertRaises(InvalidStatus) as refusal:
                    await self.dial(additional_headers=headers, subprotocols=subprotocols)
                self.assertEqual(refusal.exception.response.status_code, status)
        await self.dial(uri=f"ws://some_user:geheim@127.0.0.1:{self.port}/", subprotocols=["other", "ari"])
        self.process.terminate()
        output = await self.finish(1)
        self.assertEqual(output.count("ERROR refused"), 4, output)
        self.assertIn("; 4 errors", output)

    async def test_attempt_given_up(self):
        await self.launch("--calls", "1", "--digit-timeout", "0")
        attempt = await self.dial()
        attempt.socket.transport.abort()
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.silent_call("app", "1")
        await pbx.socket.close(1000)
        self.assertIn("given up by the PBX before its first message", await self.finish(0))

    async def fails(self, script, error):
        """What `script` does is an error, so that the call does not count."""
        await self.launch("--calls", "1", "--digit-timeout", "0", "--deadline", "1000")
        await script(await self.dial())
        output = await self.finish(1)
        self.assertIn(error, output)

    async def test_other_close_code(self):
        async def script(pbx):
            await pbx.registered("app")
            await pbx.silent_call("app", "1")
            await pbx.socket.close(1011)

        await self.fails(script, "ERROR closed with 1011 during 0 calls")

    async def test_close_during_call(self):
        async def script(pbx):
            await pbx.registered("app")
            await pbx.start("app", "1")
            await pbx.expect("POST", "channels/1/answer")
            await pbx.socket.close(1000)

        await self.fails(script, "ERROR closed with 1000 during 1 calls")

    async def test_connection_dropped(self):
        async def script(pbx):
            await pbx.registered("app")
            await pbx.silent_call("app", "1")
            pbx.socket.transport.abort()

        await self.fails(script, "ERROR")

    async def test_not_registered(self):
        async def script(pbx):
            await pbx.registered("other")
            await pbx.start("app", "1")

        await self.fails(script, "ERROR StasisStart of app before its ApplicationRegistered")

    async def test_refused_request(self):
        async def script(pbx):
            await pbx.registered("app")
            await pbx.start("app", "1")
            await pbx.expect("POST", "channels/1/answer", 403)
            await pbx.expect("DELETE", "channels/1")
            await pbx.of_channel("StasisEnd", "1")
            await pbx.socket.close(1000)

        await self.fails(script, "ERROR POST channels/1/answer: 403 whatever")

    async def test_response_to_nothing(self):
        async def script(pbx):
            await pbx.event("RESTResponse", request_id="no such", status_code=200)
            await pbx.socket.close(1000)

        await self.fails(script, "ERROR a response to no request")

    async def test_missing_numbers(self):
        async def script(pbx):
            await pbx.registered("app", ariws_sequence_id="a")
            await pbx.start("app", "1", ariws_sequence=3)

        await self.fails(script, "ERROR 2 events are missing before 3")

    async def test_what_was_handled_on_a_lost_connection(self):
        await self.launch("--calls", "1", "--digit-timeout", "0")
        first = await self.dial()
        await first.registered("app", ariws_sequence_id="a")
        await first.start("app", "1", ariws_sequence=1)
        await first.expect("POST", "channels/1/answer")
        first.socket.transport.abort()
        second = await self.dial()
        await second.registered("app", ariws_sequence_id="a")
        await second.event("ApplicationResumed", application="app", down_ms=5, events_queued=0, events_dropped=0, channels=["1"])
        await second.start("app", "1", ariws_sequence=1)
        # It is not answered once more.
        await second.expect("DELETE", "channels/1")
        await second.of_channel("StasisEnd", "1", application="app", ariws_sequence=2)
        await second.socket.close(1000)
        output = await self.finish(1)
        self.assertIn("goes on with the call 1", output)
        self.assertIn("<- ApplicationResumed app after 5 ms: 0 events follow, 0 were dropped", output)
        self.assertIn("<- once more, and handled: 1", output)
        self.assertIn("; 1 errors", output)

    async def test_numbers_with_another_id_begin_anew(self):
        await self.launch("--calls", "2", "--digit-timeout", "0")
        for sequence_id in ("a", "b"):
            pbx = await self.dial()
            await pbx.registered("app", ariws_sequence_id=sequence_id)
            await pbx.start("app", "1", ariws_sequence=1)
            await pbx.expect("POST", "channels/1/answer")
            await pbx.expect("POST", "channels/1/play", 201)
            await pbx.played("1")
            await pbx.expect("DELETE", "channels/1")
            await pbx.of_channel("StasisEnd", "1", application="app", ariws_sequence=2)
            await pbx.socket.close(1000)
        await self.finish(0)

    async def test_channels_whose_start_was_dropped(self):
        await self.launch("--calls", "1", "--digit-timeout", "0")
        pbx = await self.dial()
        await pbx.registered("app")
        await pbx.event("ApplicationResumed", application="app", down_ms=5, events_queued=0, events_dropped=9, channels=["1"])
        await pbx.expect("DELETE", "channels/1")
        await pbx.of_channel("StasisEnd", "1")
        await pbx.socket.close(1000)
        await self.finish(0)

    async def test_not_json(self):
        async def script(pbx):
            await pbx.socket.send("{")
            await pbx.socket.send("[]")
            await pbx.socket.close(1000)

        await self.fails(script, "2 errors")


class PythonApplication(Scenarios, unittest.IsolatedAsyncioTestCase):
    program = [sys.executable, str(TOP / "examples" / "python" / "application.py")]

    async def test_report(self):
        await self.launch("--calls", "1", "--report", "--digit-timeout", "0")
        pbx = await self.dial()
        await pbx.registered("per:Test/1")
        await pbx.silent_call("per:Test/1", "1")
        await pbx.socket.close(1000)
        report = json.loads((await self.finish(0)).splitlines()[-1])
        self.assertEqual((report["calls"], report["errors"], report["given_up"]), (1, 0, 0))
        times = report["open_to_stasis_start_ms"]
        self.assertEqual(times["count"], 1)
        self.assertEqual(times["median"], times["p99"])
        self.assertGreater(times["p99"], 0)


class NodeApplication(Scenarios, unittest.IsolatedAsyncioTestCase):
    program = ["node", str(TOP / "examples" / "node" / "application.js")]


@unittest.skipUnless("ARIWS_APPLICATION" in os.environ, "ARIWS_APPLICATION is not set")
class RustApplication(Scenarios, unittest.IsolatedAsyncioTestCase):
    program = [os.environ.get("ARIWS_APPLICATION", "")]


if __name__ == "__main__":
    unittest.main()
