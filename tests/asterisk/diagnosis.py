# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is to be read of an Asterisk whose case has failed: its log, its channels and sessions, where its threads stand."""

import asyncio
import re
import time

from asterisk import Hung
from threads import where_threads_stand

# Lines of the log, columns of a line, and lines of anything else.
LOGGED, WIDTH, MOST = 40, 220, 12
# Seconds that a command may take: an Asterisk that hangs answers none.
PATIENCE = 5
READY = re.compile(r"asterisk\.c: +Asterisk Ready\.")
# The suite's own questions.
NOISE = "asterisk.c: Remote UNIX connection"


def first(lines):
    """The first of the lines, none of them long."""
    return [narrow(line) for line in lines[:MOST]] + ([f"and {len(lines) - MOST} more"] if len(lines) > MOST else [])


def narrow(line):
    return line if len(line) <= WIDTH else line[:WIDTH] + "..."


def last_logged(asterisk):
    """The last lines of the log since the Asterisk was ready, by the time of day."""
    log = asterisk.log()
    ready = READY.search(log)
    lines = [line for line in log[ready.end() if ready else 0 :].splitlines() if line and NOISE not in line]
    return [narrow(re.sub(r"^\[\d{4}-\d\d-\d\d ", "[", line)) for line in lines[-LOGGED:]]


async def said(asterisk, command):
    """The lines that a command prints, or None if it is not answered."""
    try:
        return (await asterisk.cli(command, PATIENCE)).splitlines()
    except Hung:
        return None


def thread_names(lines):
    """The names that Asterisk has for its threads, from `core show threads`."""
    matches = (re.match(r"0x\w+ (\d+) (\S+)", line) for line in lines or ())
    return {int(match[1]): match[2] for match in matches if match}


def part(title, lines):
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else [f"{title}: none"]


async def diagnosis(asterisk):
    """Lines about an Asterisk as it is now."""
    head = f"-- Asterisk {asterisk.folder.name} on {asterisk.host} at {time.strftime('%H:%M:%S', time.gmtime())} UTC"
    if asterisk.process is None or asterisk.process.returncode is not None:
        ended = "was not started" if asterisk.process is None else f"has ended with {asterisk.ending}"
        lines, stand = [f"{head}: it {ended}"], asterisk.stuck
    else:
        commands = ("core show threads", "core show channels concise", "ari show apps", "ari show websocket sessions")
        threads, *others = await asyncio.gather(*(said(asterisk, command) for command in commands))
        lines = [head]
        for title, found, heading in zip(("channels", "applications", "sessions"), others, (0, 2, 2), strict=True):
            lines += [f"{title}: no answer within {PATIENCE} s"] if found is None else part(title, first(found[heading:]))
        stand = where_threads_stand(asterisk.process.pid, thread_names(threads))
    if stand:
        lines += part("threads", first(stand))
    return lines + part("last in its log", last_logged(asterisk))
