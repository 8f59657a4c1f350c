# SPDX-License-Identifier: MIT OR Apache-2.0
"""Everything that is measured, and how it is told."""

from dataclasses import dataclass, replace
from typing import Callable

import dead_time
import held
import ping
import pump
import rates

NATIVE, OURS, PLAIN = "Asterisk", "ariws", "no Stasis"


@dataclass
class Column:
    """A name, the host that is measured, and by what."""

    name: str
    host: str
    function: Callable


@dataclass
class Row:
    """A number of an outcome, and how it is written; the words for a number that is lower and one that is higher."""

    key: str
    text: str
    unit: str
    words: tuple[str, str]
    # What is left of it when the same without Stasis is taken away is what is compared.
    net: bool = False
    # What ours is to be of native's: at least or at most so many times as much.
    goal: tuple[str, float] | None = None


@dataclass
class Figure:
    name: str
    title: str
    about: str
    columns: list[Column]
    rows: list[Row]
    # Until one measurement has failed.
    seconds: float = 120


def both(function):
    return [Column(NATIVE, "native", function), Column(OURS, "ours", function)]


def all_three(function, plain):
    return [*both(function), Column(PLAIN, "native", plain)]


def with_goals(rows, goals):
    """The rows, with a goal where their key has one."""
    return [replace(row, goal=goals.get(row.key)) for row in rows]


AT_LEAST, AT_MOST = "≥", "≤"
TIME = ("shorter", "longer")
RATE = ("fewer", "more")
AMOUNT = ("less", "more")

DEAD_TIME = [
    Row("before p50", "Stasis() entered → StasisStart, median", "s", TIME),
    Row("before p99", "the same, 99th percentile", "s", TIME),
    Row("after p50", "`POST continue` → next priority of the dialplan, median", "s", TIME),
    Row("after p99", "the same, 99th percentile", "s", TIME),
]
SENDER = [
    Row("p50", "sender kept for each event, median", "s", TIME),
    Row("p99", "the same, 99th percentile", "s", TIME),
    Row("max", "the same, longest", "s", TIME),
]
READING = [
    Row("events a second", "events a second at the application", "", RATE),
    Row("processor time", "processor time of Asterisk for each event", "s", AMOUNT),
    *SENDER,
]
REQUESTS = [
    Row("requests a second", "requests a second", "", RATE),
    Row("p50", "request → answer, median", "s", TIME),
    Row("p99", "the same, 99th percentile", "s", TIME),
    Row("processor time", "processor time of Asterisk for each request", "s", AMOUNT),
]

ALL = [
    Figure(
        "dead time, one call at a time",
        "Dead time of a per-call connection, one call at a time",
        """The dialplan notes the time before `Stasis()` and after it, the application when StasisStart comes, which it
        answers with `POST channels/{{id}}/continue` at once. Asterisk's own looks every half second whether the
        connection is there, and whether the call is over. With `start_delay = 0`; its default lets StasisStart follow
        20 ms behind ApplicationRegistered, for applications that attach their handler of messages late, or come at once
        when the application has sent anything: `make asterisk-test` measured medians of 20.0 and 20.8 ms in Asterisk
        16.28 and 22.10, and 1.4 and 2.7 ms without it, ten calls at a time.""",
        both(dead_time.one_at_a_time),
        with_goals(DEAD_TIME, {"before p50": (AT_MOST, 0.004), "after p50": (AT_MOST, 0.001)}),
    ),
    Figure(
        "dead time, ten calls at a time",
        "The same, ten calls at a time",
        """All ten begin at once, so that each waits for what Asterisk, the application and whoever begins them do for
        the others on these cores.""",
        both(dead_time.many_at_a_time),
        with_goals(DEAD_TIME, {"before p50": (AT_MOST, 0.02), "after p50": (AT_MOST, 0.005)}),
    ),
    Figure(
        "events of 200 bytes",
        "Events of 200 bytes to an application that reads",
        """A module calls `stasis_app_send` {events} times in a loop, on one thread, for a persistent connection.
        Asterisk's own makes the event's text with a function of Asterisk's and writes it to the socket; the module
        makes the same text itself and gives it to the library, which writes it on another thread.""",
        both(pump.reading_short),
        with_goals(READING, {"events a second": (AT_LEAST, 3), "max": (AT_MOST, 1)}),
    ),
    Figure(
        "events of 1 KiB",
        "Events of 1 KiB to an application that reads",
        "The same with longer events.",
        both(pump.reading_long),
        with_goals(READING, {"events a second": (AT_LEAST, 4), "max": (AT_MOST, 1)}),
    ),
    Figure(
        "stalled application",
        "Events of 1 KiB to an application that has stopped to read",
        """The same loop, for ten seconds or {stalled_events} events, while nobody reads the connection. Asterisk's own
        waits a moment for room, closes the connection, and from then on throws away event after event with a line in
        the log for each, or crashes: what it sends so fast goes nowhere. The library keeps events for the next
        connection, up to its bounds.""",
        both(pump.stalled),
        [
            Row("events a second", "events a second that the thread could send", "", RATE),
            *SENDER,
            Row("lines", "lines in the log", "", RATE),
        ],
    ),
    Figure(
        "ping, one at a time",
        "Requests over the websocket, one at a time",
        """`GET asterisk/ping`, {requests} times, the next one after the answer. Asterisk's own runs a request on the
        thread that reads the connection; the library has other threads for it, so that a slow one holds up nothing
        else, and asks a host that answers at once on the thread that read the request.""",
        both(ping.serial),
        with_goals(REQUESTS, {"requests a second": (AT_LEAST, 1.1), "processor time": (AT_MOST, 1)}),
    ),
    Figure(
        "ping, 64 at a time",
        "Requests over the websocket, 64 on their way",
        """The same, with 64 sent ahead of the answers. Both run the requests of one connection one after the other, as
        `request_concurrency` has it by default.""",
        both(ping.pipelined),
        with_goals(REQUESTS, {"requests a second": (AT_LEAST, 3), "processor time": (AT_MOST, 0.5)}),
    ),
    Figure(
        "held calls",
        "{held} calls at a time in Stasis, each with a connection of its own",
        """Local channels. The same calls in `Wait()`, without Stasis and connection, are beside them, and are taken
        away before threads and memory are compared. Asterisk itself starts two threads for each application that is
        registered, and every per-call connection has one of its own; its own outbound WebSockets have one more for each
        connection. The library's threads call Asterisk while calls begin, and end when they are idle for ten
        seconds.""",
        all_three(held.in_stasis, held.plain),
        [
            Row("threads begun", "threads more, two seconds after the last call has begun", "", RATE, net=True),
            Row("threads", "the same, twelve seconds later", "", RATE, net=True),
            Row("memory", "memory (PSS) more for each call", "B", AMOUNT, net=True),
            Row("begin", "processor time for the beginning of each call", "s", AMOUNT, goal=(AT_MOST, 0.5)),
            Row("holding", "processor time a second while all are held", "s", AMOUNT, goal=(AT_MOST, 1)),
            Row("end", "processor time for the end of each call", "s", AMOUNT, goal=(AT_MOST, 1)),
        ],
        seconds=240,
    ),
    Figure(
        "SIP calls",
        "SIP calls a second, answered and hung up by the application",
        """SIPp calls for {rate_seconds} s, at twice the rate each time, until a call fails or is not over 5 s after the
        last has begun, and then {rate_halvings} times at the rate half way between the last that went well and the
        first that did not. Every call has a connection of its own, and every rate an Asterisk. Asterisk
        subscribes each registered application to all bridges on a thread of its own, and tells each subscription of
        every other one that comes or goes, so that with its own each call wakes a thread of every application that is
        registered, and the work for each call grows with their number. The module has its applications leave those
        messages out.""",
        all_three(rates.in_stasis, rates.plain),
        [Row("calls a second", "highest rate at which every call succeeded", "", RATE, goal=(AT_LEAST, 3))],
        seconds=300,
    ),
]
