# SPDX-License-Identifier: MIT OR Apache-2.0
"""The module is unloaded while something of it is in use, in a friendly way and by force; and loaded again."""

import asyncio
import socket
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

from case import case, outcome
from cases.registrations import churn
from configuration import per_call, persistent
from waiting import poll

UNLOAD = "module unload res_ariws.so"
LOAD = "module load res_ariws.so"


async def call_goes_on(asterisk, connection, channel="call1"):
    """The call is served by its application, to its end."""
    await connection.ask("POST", f"channels/{channel}/answer", 204)
    await connection.expect_channel("ChannelStateChange", channel)
    await asterisk.hang_up(channel)
    await connection.expect_channel("StasisEnd", channel)


async def call_in_stasis(asterisk, application, channel="call1"):
    await asterisk.originate(channel=channel)
    connection = await application.connection()
    await connection.expect_channel("StasisStart", channel)
    return connection


async def unloaded_and_loaded(asterisk):
    assert "Unloaded" in (text := await asterisk.cli(UNLOAD)), text
    assert "Loaded" in (text := await asterisk.cli(LOAD)), text


@case("unloading/by force, during a call", ours_only=True)
async def by_force(stage):
    """Refused as without force, and the call goes on."""
    application, asterisk = await stage.per_call()
    connection = await call_in_stasis(asterisk, application)
    text = await asterisk.cli("module unload -f res_ariws.so")
    assert "Unable to unload" in text, text
    await asterisk.logged(r"WARNING.* res_ariws/gate.c: Not unloaded: 1 channel is in Stasis")
    await call_goes_on(asterisk, connection)
    await asterisk.no_channels()
    await unloaded_and_loaded(asterisk)
    await call_goes_on(asterisk, await call_in_stasis(asterisk, application, "call2"), "call2")
    return outcome()


@case("unloading/by all force, during a call", ours_only=True)
async def by_all_force(stage):
    """Asterisk takes it for unloaded whatever it says: the call goes on, and so does the module when it is loaded again."""
    application, other = await stage.application(), await stage.application()
    asterisk = await stage.asterisk(per_call(application), persistent(other, name="other", apps="other"))
    persistent_connection = await other.connection()
    connection = await call_in_stasis(asterisk, application)
    await asterisk.cli("module unload -h res_ariws.so")
    assert "Not Running" in await asterisk.cli("module show like res_ariws")
    await call_goes_on(asterisk, connection)
    await call_goes_on(asterisk, await call_in_stasis(asterisk, application, "call2"), "call2")
    assert "Loaded" in (text := await asterisk.cli(LOAD)), text
    await asterisk.logged(r"NOTICE.* res_ariws.c: The module was never unloaded")
    assert "other" in await asterisk.cli("ari show websocket sessions")
    assert "reloaded successfully" in await asterisk.reload()
    # The connection has been there all the time.
    await persistent_connection.ask("GET", "asterisk/ping", 200)
    await asterisk.no_channels()
    await unloaded_and_loaded(asterisk)
    await call_goes_on(asterisk, await call_in_stasis(asterisk, application, "call3"), "call3")
    return outcome()


@case("unloading/by all force, and then Asterisk ends", ours_only=True)
async def by_all_force_and_stop(stage):
    """In the middle of a call: no crash, and the servers get their Close."""
    application, asterisk = await stage.per_call()
    connection = await call_in_stasis(asterisk, application)
    await asterisk.cli("module unload -h res_ariws.so")
    asterisk.stopping = True
    await asterisk.run("core stop now")
    await poll(lambda: asterisk.process.returncode is not None, "end of the process", 20)
    assert asterisk.process.returncode == 0, asterisk.ending
    assert await connection.closed() == 1000
    return outcome()


async def metrics_status(asterisk):
    """What Asterisk's HTTP server answers to a request for metrics without a password."""

    def ask():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{asterisk.http_port}/ariws/metrics", timeout=5) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    return await asyncio.to_thread(ask)


@case("unloading/a call comes while a request is waited for", ours_only=True)
async def call_comes(stage):
    """The call is let in, and keeps the module."""
    application, other = await stage.application(), await stage.application()
    outbounds = per_call(application), persistent(other, name="other", apps="other")
    asterisk = await stage.asterisk(*outbounds, modules=["func_shell"], start=False)
    configuration = asterisk.folder / "etc" / "asterisk.conf"
    configuration.write_text(configuration.read_text() + "live_dangerously = yes\n")
    await asterisk.start()
    requests = await other.connection()
    await requests.expect("ApplicationRegistered")
    go = asterisk.folder / "go"
    begun, wait = asterisk.folder / "begun", f"until test -e {asterisk.host.inside(go)}; do sleep 0.1; done"
    command = f"SHELL(touch {asterisk.host.inside(begun)}; {wait}; echo gone)"
    await asterisk.originate("wait", "default", channel="idle")
    query = [{"name": "variable", "value": command}]
    request = await requests.send_request("GET", "channels/idle/variable", query_strings=query)
    await poll(begun.exists, "beginning of the request")
    unload = asyncio.create_task(asterisk.cli(UNLOAD))

    async def closing():
        return await metrics_status(asterisk) == 503 or unload.done()

    await poll(closing, "beginning of the unloading")
    connection = await call_in_stasis(asterisk, application)
    assert "Unable to unload" in (text := await unload), text
    go.touch()
    answer = await requests.answer(request)
    assert answer.body == {"value": "gone\n"}, answer
    await requests.ask("GET", "asterisk/ping", 200)
    await call_goes_on(asterisk, connection)
    return outcome()


@asynccontextmanager
async def stopped_console(asterisk):
    """A console whose process is stopped while commands print for it that they got wrong arguments, more than is taken."""
    wrong = asterisk.host.words("ari show sessions").encode() + b" wrong arguments\0"
    full = asyncio.Event()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as console:
        console.setblocking(False)
        console.connect(str(asterisk.folder / "run" / "asterisk.ctl"))

        async def type_commands():
            while True:
                try:
                    await asyncio.wait_for(loop.sock_sendall(console, wrong), 0.5)
                except TimeoutError:
                    full.set()

        typing = asyncio.create_task(type_commands())
        try:
            await asyncio.wait_for(full.wait(), 30)
            yield
        finally:
            typing.cancel()


@case("unloading/a command is in use by a console that is stopped", ours_only=True)
async def command_in_use(stage):
    """Asterisk keeps the command: it works again with the next load, and whenever the module is loaded."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))

    async def unloaded():
        return "Unloaded" in await asterisk.cli(UNLOAD)

    async with stopped_console(asterisk):
        for _ in range(3):
            await poll(unloaded, "unloading")
            assert "Loaded" in (text := await asterisk.cli(LOAD)), text
            assert "Connection ID" in (text := await asterisk.cli("ari show sessions")), text
    await asterisk.logged("Can't remove command that is in use")
    await poll(unloaded, "unloading")
    await asterisk.cli("core show help")
    assert "Loaded" in (text := await asterisk.cli(LOAD)), text
    assert "Connection ID" in (text := await asterisk.cli("ari show sessions")), text
    return outcome()


@case("unloading/clients come and go", ours_only=True)
async def clients_come_and_go(stage):
    """Their threads end in code of the module, and may still be there when it is unloaded: that stays in the process."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    async with churn(asterisk):
        for _ in range(10):
            await unloaded_and_loaded(asterisk)
    await asterisk.cli(UNLOAD)
    assert "res_ariws.so" in Path(f"/proc/{asterisk.process.pid}/maps").read_text()
    await asterisk.cli(LOAD)
    await asterisk.originate(channel="call1")
    connection = application.connections[-1]
    await connection.expect_channel("StasisStart", "call1")
    await call_goes_on(asterisk, connection)
    return outcome()
