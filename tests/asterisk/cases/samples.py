# SPDX-License-Identifier: MIT OR Apache-2.0
"""The sample applications as they are, with callers who press digits, and the voice bot with one who hears themselves."""

import contextlib
import math
import sys
from pathlib import Path

from asterisk import RINGING
from case import case, outcome
from configuration import per_call
from program import Program
from waiting import poll

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
sys.path.insert(0, str(EXAMPLES / "voicebot"))
from media import from_ulaw  # noqa: E402  the samples are no package

PYTHON = [sys.executable, EXAMPLES / "python" / "application.py"]
NODE = ["node", EXAMPLES / "node" / "application.js"]
VOICEBOT = [sys.executable, EXAMPLES / "voicebot" / "voicebot.py"]

CALLERS = """
[callers]
exten = presses_1_and_2,1,Answer()
 same = n,Wait(1)
 same = n,SendDTMF(12,500)
 same = n,Wait(600)
exten = presses_pound,1,Answer()
 same = n,Wait(1)
 same = n,SendDTMF(#)
 same = n,Wait(600)
"""


async def call(asterisk, name, caller, extension="call", context="default"):
    """A call whose far end is led by an extension of the callers."""
    reply = await asterisk.http(
        "POST",
        "channels",
        endpoint=f"Local/{extension}@{context}",
        extension=caller,
        context="callers",
        priority=1,
        formats="ulaw",
        timeout=RINGING,
        channelId=f"far.{name}",
        otherChannelId=name,
    )
    assert reply.status == 200, reply


async def menu(stage, program):
    """Digit 2 lets the call go on in the dialplan, # hangs it up; a connection for each, closed with 1000."""
    async with Program(*program, "--digit-timeout", "60000") as application:
        asterisk = await stage.asterisk(
            per_call(application), modules=["app_senddtmf"], extensions=CALLERS
        )
        await call(asterisk, "one", "presses_1_and_2")
        await call(asterisk, "other", "presses_pound")
        assert await asterisk.came_back() == ["SUCCESS"]
        for channel in ("one", "other"):
            await application.said(f"<- StasisStart {channel} ")
            await application.said(f"-> POST channels/{channel}/answer")
            await application.said(f"<- StasisEnd {channel}: ")
        await application.said("<- ChannelDtmfReceived one digit 1")
        await application.said("-> POST channels/one/continue")
        await application.said("-> DELETE channels/other")
        await asterisk.no_session("connection1:")
        assert sum("closed with 1000" in line for line in application.lines) == 2, application
        assert await application.ends() == 0, application
    return outcome()


@case("samples/the application in Python", ours_only=True, needs=("app_senddtmf",))
async def in_python(stage):
    """The same calls as the one in JavaScript."""
    return await menu(stage, PYTHON)


@case("samples/the application in JavaScript", ours_only=True, needs=("app_senddtmf",))
async def in_javascript(stage):
    """The same calls as the one in Python."""
    return await menu(stage, NODE)


# What the audio may go over, in the bot's order: its name, and the modules of Asterisk.
CARRIERS = {
    "websocket": ["chan_websocket"],
    "audiosocket": ["res_audiosocket", "chan_audiosocket"],
    "rtp": ["res_pjproject", "res_rtp_asterisk", "res_rtp_multicast", "chan_rtp"],
}
# What the caller plays, and what a bot says that says a tone.
PLAYED = 600
TONE = 440
RATE = 8000


def strength(samples, frequency):
    """How much of this frequency there is, in the measure of the samples (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * frequency / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    return math.sqrt(max(before * before + last * last - factor * before * last, 0)) * 2 / len(samples)


@case("samples/the voice bot", ours_only=True, needs=("app_mixmonitor", "app_playtones", "chan_rtp"))
async def voice_bot(stage):
    """Over each carrier that this Asterisk has, a caller who plays a tone hears it. Without a choice the bot takes the first;
    that one says a tone of its own."""
    offered = [name for name, modules in CARRIERS.items() if all(stage.host.has_module(module) for module in modules)]
    chosen = dict.fromkeys(offered) | {"any": None}
    async with contextlib.AsyncExitStack() as bots:
        for name in chosen:
            bot = "bots:tone" if name == "any" else "bots:echo"
            program = Program(*VOICEBOT, "--media", name, "--media-client", f"media_{name}", "--bot", bot)
            chosen[name] = await bots.enter_async_context(program)
        sections = [per_call(bot, name=name, apps=f"bot_{name}") for name, bot in chosen.items()]
        clients = "".join(section.client_section() for section in sections)
        for name, bot in chosen.items():
            clients += f"[media_{name}]\ntype = websocket_client\nuri = {bot.uri}\nprotocols = media\n"
            clients += "connection_type = per_call_config\ntls_enabled = no\n"
        said = {name: stage.host.folder / f"said-by-{name}-{id(stage)}.ulaw" for name in chosen}
        extensions = "[bots]\n" + "".join(f"exten = {name},1,Stasis(bot_{name})\n" for name in chosen) + "[callers]\n"
        for name in chosen:
            recording = stage.host.inside(said[name])
            extensions += f"exten = {name},1,Answer()\n same = n,MixMonitor({recording}.both.ulaw,r({recording}))\n"
            extensions += f" same = n,Playtones({PLAYED})\n same = n,Wait(600)\n"
        modules = [module for name in offered for module in CARRIERS[name]]
        asterisk = await stage.asterisk(
            *sections,
            modules=[*modules, "app_mixmonitor", "app_playtones", "codec_resample"],
            files={"websocket_client.conf": clients},
            extensions=extensions,
        )
        for name in chosen:
            await call(asterisk, f"call-{name}", name, extension=name, context="bots")
        over = {}
        for name, bot in chosen.items():
            line = await bot.said(f"call-{name} talks with the bot over ")
            over[name] = line.rpartition(" ")[2]
        assert over == {name: name for name in offered} | {"any": offered[0]}, over
        for name, file in said.items():
            await poll(lambda: file.exists() and file.stat().st_size > 2 * RATE, f"two seconds of what is said over {name}")
            samples = memoryview(from_ulaw(file.read_bytes()[-RATE // 2:])).cast("h")
            strengths = {frequency: round(strength(samples, frequency)) for frequency in (PLAYED, TONE)}
            said_it, not_said = (TONE, PLAYED) if name == "any" else (PLAYED, TONE)
            assert strengths[said_it] > 1000 and strengths[not_said] < strengths[said_it] / 20, f"{name}: {strengths}"
        for name, bot in chosen.items():
            await asterisk.hang_up(f"call-{name}")
            await bot.said(f"call-{name} is over")
        await asterisk.no_channels()
    return outcome(facts={"carriers": offered})
