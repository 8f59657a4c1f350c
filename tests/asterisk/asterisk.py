# SPDX-License-Identifier: MIT OR Apache-2.0
"""One running Asterisk with directories, ports and configuration files of its own."""

import asyncio
import base64
import json
import re
import signal
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from application import bound_socket
from configuration import EXTENSIONS, MODULES, ari_files, asterisk_conf, modules_conf
from threads import where_threads_stand
from waiting import DEADLINE, poll

STOP = 20.0
# Seconds after which a call that nobody has answered ends; without it Asterisk ends it after 30.
RINGING = 600
LOGGER = "[general]\ndateformat = %F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose\n"


class Died(Exception):
    """The Asterisk ended though nobody told it to."""


class Hung(Exception):
    """The Asterisk lives but does not answer or does not end."""


@dataclass
class Reply:
    """An answer of ARI over HTTP."""

    status: int
    body: object


class Asterisk:
    """Started with start, ended with stop; died is told of an end that was not asked for."""

    # Of the command line, besides those that every one has.
    options: tuple[str, ...] = ()

    def __init__(self, host, folder, died):
        self.host = host
        self.folder = folder
        self.died = died
        self.process = None
        self.stopping = False
        # Where its threads stood, if it did not end.
        self.stuck = []
        self.reserved = bound_socket(0)
        self.http_port = self.reserved.getsockname()[1]
        self._watch = None

    def write(self, name, text):
        (self.folder / "etc" / name).write_text(text)

    def prepare(self, outbounds, modules, files, extensions):
        self.folder.mkdir()
        inside = self.host.inside
        directories, text = asterisk_conf(inside(self.folder), inside(self.host.modules), self.host.data_inside)
        for directory in directories:
            (self.folder / directory).mkdir()
        (self.folder / "spool" / "recording").mkdir()
        self.write("asterisk.conf", text)
        self.write("logger.conf", LOGGER)
        self.write("http.conf", f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {self.http_port}\n")
        self.write("stasis.conf", "")
        self.write("extensions.conf", EXTENSIONS + extensions)
        own = ["app_stasis"] if self.host.native else ["res_ariws"]
        names = [name for name in [*MODULES, *modules, *own] if self.host.has_module(name)]
        self.write("modules.conf", modules_conf(names))
        self.configure(*outbounds)
        for name, content in files.items():
            self.write(name, content)

    def configure(self, *outbounds, users=None, general=None):
        """Writes ari.conf and its like; reload makes a running Asterisk read them."""
        for name, text in ari_files(outbounds, self.host.native, users, general).items():
            self.write(name, text)

    async def start(self):
        command = self.host.command("-C", self.configuration_file, "-f", "-n", *self.options)
        with (self.folder / "output").open("wb") as output:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd="/"
            )
        self._watch = asyncio.create_task(self._wait())

        # Asked only when it listens, for each question is a process.
        await poll((self.folder / "run" / "asterisk.ctl").exists, "control socket of Asterisk", 2 * DEADLINE)

        async def booted():
            return "fully booted" in (await self.run("core waitfullybooted"))[1]

        await poll(booted, "boot of Asterisk", 2 * DEADLINE)

    @property
    def configuration_file(self):
        return self.host.inside(self.folder / "etc" / "asterisk.conf")

    async def _wait(self):
        await self.process.wait()
        if not self.stopping:
            self.died(Died(self.ending))

    @property
    def ending(self):
        """How the process ended: the signal's name, or its exit status."""
        status = self.process.returncode
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    async def run(self, command, seconds=DEADLINE):
        """Exit status and output of a command of Asterisk's command line, as typed."""
        client = await asyncio.create_subprocess_exec(
            *self.host.client_command("-C", self.configuration_file, "-rx", command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/",
        )
        try:
            output, _ = await asyncio.wait_for(client.communicate(), seconds)
        except TimeoutError:
            raise Hung(f"no answer to '{command}' within {seconds:g} s") from None
        finally:
            if client.returncode is None:
                client.kill()
        return client.returncode, output.decode()

    async def cli(self, command, seconds=DEADLINE):
        """Output of a command; those of outbound websockets are given, and spoken of, in the native words."""
        output = (await self.run(self.host.words(command), seconds))[1]
        return re.sub(r"\bariws (?=(show|shutdown|start)\b)", "ari ", output)

    async def reload(self):
        """Makes it read the files of outbound websockets again."""
        module = "res_ari.so" if self.host.native else "res_ariws.so"
        return await self.cli(f"module reload {module}")

    async def http(self, method, path, body=None, user="user1:userpass", form=None, **query):
        """A request of ARI over HTTP."""
        uri = f"http://127.0.0.1:{self.http_port}/ari/{urllib.parse.quote(path)}?{urllib.parse.urlencode(query)}"
        headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
        data = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urllib.parse.urlencode(form).encode()
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(uri, data, headers, method=method)

        def perform():
            try:
                with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()

        status, content = await asyncio.to_thread(perform)
        return Reply(status, json.loads(content) if content.startswith((b"{", b"[")) else None)

    async def originate(self, extension="call", context="default", channel=None):
        """A Local channel whose one end executes the extension and whose other end waits.

        The end that executes the extension gets the id that is given, the other one "far." and the same.
        """
        if channel is None:
            return await self.cli(f"channel originate Local/{extension}@{context} application Wait 600")
        reply = await self.http(
            "POST",
            "channels",
            endpoint=f"Local/{extension}@{context}",
            extension="wait",
            context="default",
            priority=1,
            formats="ulaw",
            timeout=RINGING,
            channelId=f"far.{channel}",
            otherChannelId=channel,
        )
        assert reply.status == 200, reply
        return reply.body

    async def hang_up(self, channel):
        """Hangs up from the other end, the caller's."""
        reply = await self.http("DELETE", f"channels/far.{channel}")
        assert reply.status == 204, reply

    async def user_event(self, name, application="testapp"):
        """An event for the application that needs no channel."""
        reply = await self.http("POST", f"events/user/{name}", application=application)
        assert reply.status == 204, reply

    def own_sounds(self, *names):
        """Before the start: of all that is installed beside programs and modules it has everything but the sounds."""
        packaged, data = self.host.outside(self.host.data_inside), self.folder / "data"
        (data / "sounds" / "en").mkdir(parents=True)
        for path in packaged.iterdir():
            if path.name != "sounds":
                (data / path.name).symlink_to(self.host.inside(path))
        for name in names:
            (data / "sounds" / "en" / f"{name}.ulaw").write_bytes(b"\xff" * 800)
        path = self.folder / "etc" / "asterisk.conf"
        text = path.read_text()
        path.write_text(text.replace(f"astdatadir => {self.host.data_inside}\n", f"astdatadir => {self.host.inside(data)}\n"))

    def sound(self, name, seconds=0.1):
        """Makes a file of silence; returns what to play, without its extension."""
        folder = self.folder / "sounds"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.ulaw").write_bytes(b"\xff" * round(8000 * seconds))
        return self.host.inside(folder / name)

    async def no_channels(self, seconds=DEADLINE):
        """Waits until every channel is gone."""

        async def gone():
            return (await self.http("GET", "channels")).body == []

        await poll(gone, "end of all channels", seconds)

    async def session_rows(self):
        """The rows of `ari show websocket sessions`, split."""
        output = await self.cli("ari show websocket sessions")
        return [line.split() for line in output.splitlines()[2:] if line.strip()]

    async def no_session(self, text, seconds=DEADLINE):
        """Waits until no session's id has this in it."""

        async def gone():
            return not any(text in row[0] for row in await self.session_rows())

        await poll(gone, f"end of the sessions {text}", seconds)

    def log(self):
        try:
            return (self.folder / "log" / "full").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    async def logged(self, pattern, count=1, seconds=DEADLINE):
        """Waits until the log has this so many times; returns the matches."""
        expression = re.compile(pattern)

        def find():
            matches = list(expression.finditer(self.log()))
            return matches if len(matches) >= count else None

        return await poll(find, f"log line {pattern}", seconds)

    async def came_back(self, count=1, seconds=DEADLINE):
        """Waits until Stasis has come back into the dialplan so many times; returns the STASISSTATUS of each."""
        matches = await self.logged(r"app_verbose.c: \S+ came back with STASISSTATUS=(\w*) ", count, seconds)
        return [match[1] for match in matches]

    async def stop(self):
        """Ends it, modules unloaded, if it still runs; raises if it has to be killed or crashes on the way."""
        self.reserved.close()
        if self.process is None or self.process.returncode is not None:
            return
        self.stopping = True
        self.process.terminate()
        try:
            await asyncio.wait_for(self._watch, STOP)
        except TimeoutError:
            self.stuck = where_threads_stand(self.process.pid)
            await self.kill()
            raise Hung(f"did not end within {STOP:g} s of SIGTERM") from None
        if self.process.returncode != 0:
            raise Died(f"{self.ending} while it was ending")

    async def kill(self):
        self.stopping = True
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
