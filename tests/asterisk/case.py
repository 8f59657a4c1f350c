# SPDX-License-Identifier: MIT OR Apache-2.0
"""Cases: what they are called, what they return, and where ours is meant to differ from native."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import normal

CASES: list["Case"] = []


@dataclass
class Difference:
    """An intended difference: change turns native's outcome into what ours has to be.

    Without change, native is expected to end as ends says ("crashed", "hung", "FAILED"), and only the case's own
    assertions tell whether ours is right. A difference that native does not always show is sometimes one.
    """

    name: str
    reason: str
    change: Callable | None = None
    ends: tuple[str, ...] = ()
    sometimes: bool = False

    def applied(self, outcome):
        outcome = copy.deepcopy(outcome)
        return self.change(outcome) or outcome if self.change else outcome


def facts(name, reason, sometimes=False, **values):
    """Facts that are others on ours, each given as (native's, ours); both are asserted."""

    def change(outcome):
        for key, (native, ours) in values.items():
            if outcome["facts"].get(key) == native:
                outcome["facts"][key] = ours

    return Difference(name, reason, change, sometimes=sometimes)


@dataclass
class Case:
    name: str
    function: Callable
    differences: tuple[Difference, ...]
    seconds: float
    alone: bool
    ours_only: bool
    needs: tuple[str, ...]


def case(name, *differences, seconds=240, alone=False, ours_only=False, needs=()):
    """Declares a case, `feature/name`: an async function that gets a Stage and returns an outcome.

    seconds: after so many it counts as one that hangs, however busy the machine is. alone: it runs while nothing else runs, for
    what measures time. ours_only: native has nothing of the kind. needs: modules that an Asterisk which somebody built may
    lack; Debian's have them.
    """

    def declare(function):
        assert all(other.name != name for other in CASES), f"{name} is declared twice"
        CASES.append(Case(name, function, differences, seconds, alone, ours_only, needs))
        return function

    return declare


def sure(value, expected):
    """The value, which has to be this one on every host."""
    assert value == expected, f"{value!r} is not {expected!r}"
    return value


def outcome(*connections, ignored=(), **facts):
    """What native and ours are compared by: the messages of connections, without the types ignored, and facts."""
    return {"connections": normal.messages(connections, ignored), "facts": facts}
