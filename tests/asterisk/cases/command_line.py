# SPDX-License-Identifier: MIT OR Apache-2.0
"""What every command prints, byte for byte, in each state that a connection can be in."""

import time

from case import Difference, case, outcome
from configuration import per_call, persistent
from normal import Placeholders, normal_text
from waiting import poll

COMMANDS = (
    "ari show outbound-websockets",
    "ari show outbound-websockets extra",
    "ari show outbound-websocket",
    "ari show outbound-websocket connection1",
    "ari show outbound-websocket connection1 extra",
    "ari show outbound-websocket nosuch",
    "ari show outbound-websocket CONNECTION1",
    "ari show websocket sessions",
    "ari show websocket sessions extra",
    "ari shutdown websocket session",
    "ari shutdown websocket session nosuch",
    "ari shutdown websocket session connection1 extra",
    "ari shutdown websocket sessions extra",
    "ari start outbound-websocket",
    "ari start outbound-websocket nosuch",
    "ari start outbound-websocket connection1 extra",
)

# What ours says after the first line of a usage.
USAGES = {
    "Usage: ari show outbound-websockets": ["Lists every outbound websocket that is configured."],
    "Usage: ari show outbound-websocket <connection id>": [
        "Shows how an outbound websocket is configured.",
        "With the word 'detail' after the id also how it is doing.",
    ],
    "Usage: ari show websocket sessions": ["Lists the sessions of all websockets, outbound and inbound."],
    "Usage: ari shutdown websocket session <id>": [
        "Ends one session. An outbound one stays down until it is started,",
        "or its configuration changes.",
    ],
    "Usage: ari shutdown websocket sessions": ["Ends every session, inbound ones too."],
    "Usage: ari start outbound-websocket <connection id>": ["Starts an outbound websocket that was shut down."],
}


def own_usages(outcome):
    for command, lines in outcome["facts"].items():
        if lines[0] in USAGES:
            outcome["facts"][command] = [lines[0], *(f"       {line}" for line in USAGES[lines[0]]), ""]


USAGE = Difference("usages say more", "native's second line only repeats the command's words", own_usages)


async def transcript(asterisk, *commands):
    """The output of each command, with the ports and the random parts of names replaced."""
    placeholders = Placeholders()
    return {command: placeholders.text(await asterisk.cli(command)).split("\n") for command in commands}


def shows(said, **states):
    """Asserts what some commands say: `sessions` and `connections` have a line with each of these texts, and no other."""
    commands = {"sessions": "ari show websocket sessions", "connections": "ari show outbound-websockets"}
    for name, texts in states.items():
        rows = [line for line in said[commands[name]][2:] if line]
        assert len(rows) == len(texts), rows
        for row, text in zip(rows, texts, strict=True):
            assert " ".join(row.split()) == text, rows
    return outcome(**said)


@case("command line/up", USAGE)
async def up(stage):
    """One connection that is up, with every setting of its own."""
    application = await stage.application()
    client = {"connection_timeout": 1234, "reconnect_interval": 567, "reconnect_attempts": 8, "protocols": "ari,other"}
    tls = {"ca_list_file": "/ca.pem", "ca_list_path": "/ca", "verify_server_cert": "no", "verify_server_hostname": "no"}
    outbound = {"subscribe_all": "yes"}
    asterisk = await stage.asterisk(persistent(application, apps="two, one", client=client | tls, outbound=outbound))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered", application="one")
    return shows(
        await transcript(asterisk, *COMMANDS),
        sessions=["connection1 persistent 127.0.0.1:<port 1> Up one,two"],
        connections=["connection1 persistent two, one valid ws://127.0.0.1:<port 1>/ari"],
    )


@case("command line/completion")
async def completion(stage):
    """Ids after each command that takes one, whatever their case."""
    application = await stage.application()
    names = ("connA", "connB", "Conn_c", "other")
    asterisk = await stage.asterisk(*(persistent(application, name=name, apps=name) for name in names))
    for _ in names:
        await (await application.connection()).expect("ApplicationRegistered")
    commands = [
        f'_command matchesarray "{words} {word}" "{word}"'
        for words in ("ari show outbound-websocket", "ari start outbound-websocket", "ari shutdown websocket session")
        for word in ("", "c", "C", "connA", "zzz")
    ]
    commands += ['_command matchesarray "ari shutdown websocket s" "s"', '_command matchesarray "ari shutdown " ""']
    commands += ['_command matchesarray "ari start " ""', '_command matchesarray "ari show outbound-websockets " ""']
    return outcome(**await transcript(asterisk, *commands))


async def candidates(asterisk, words):
    """What is offered after these words; Asterisk puts what all of it begins with before, and a mark behind."""
    return (await asterisk.cli(f'_command matchesarray "{words} " ""')).split()[1:-1]


async def shortest(asterisk, command, rounds=5):
    """How long the command takes at least."""
    times = []
    for _ in range(rounds):
        begin = time.monotonic()
        await asterisk.cli(command)
        times.append(time.monotonic() - begin)
    return min(times)


@case("command line/completion among a thousand connections")
async def completion_among_many(stage):
    """Every id, once, in about the time that showing them takes; asked for one after another they took ten times as long."""
    application = await stage.application()
    names = [f"connection{number:04}" for number in range(1000)]
    outbounds = (per_call(application, name=name, apps=name) for name in names)
    asterisk = await stage.asterisk(*outbounds, extensions="[calls]\nexten = s,1,Stasis(connection0500)\n")

    async def all_known():
        return len(await asterisk.session_rows()) == len(names)

    # Native computes for some seconds until it has them.
    await poll(all_known, "row of every connection", 120)
    await asterisk.originate("s", "calls", channel="call1")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    offered = {}
    for words in ("ari show outbound-websocket", "ari start outbound-websocket", "ari shutdown websocket session"):
        offered[words] = await candidates(asterisk, words)
        assert [word for word in offered[words] if ":" not in word] == names, offered[words]
    if not stage.native:
        complete = await shortest(asterisk, '_command matchesarray "ari shutdown websocket session " ""')
        show = await shortest(asterisk, "ari show websocket sessions")
        assert complete < 4 * show, f"completed in {complete:.3f} s, shown in {show:.3f} s"
    await asterisk.hang_up("call1")
    return outcome(offered=normal_text(" ".join(offered["ari shutdown websocket session"])))


@case("command line/the document's spelling")
async def document_spelling(stage):
    """`ari show sessions` is in Asterisk's document, not in native; ours prints what the native spelling prints."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    await (await application.connection()).expect("ApplicationRegistered")
    if not stage.native:
        spelled = await asterisk.cli("ari show sessions")
        assert spelled == await asterisk.cli("ari show websocket sessions"), spelled
    return outcome()
