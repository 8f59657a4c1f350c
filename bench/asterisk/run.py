# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures outbound websockets of Asterisk's own and of ours in one and the same Asterisk, in turns.

usage: run.py --root ROOT --library FILE --module FILE --pump FILE --application FILE --output FILE --page FILE
              [--quick] [--figure PATTERN]... [--rounds N]

ROOT is a root directory with a packaged Asterisk 22, which needs the rights to chroot. Every measurement has an
Asterisk of its own. One that crashes or hangs is a result. With --quick, and with --figure, which measures only some
figures, the page stays as it is.
"""

import argparse
import asyncio
import fnmatch
import json
import os
import resource
import shutil
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "asterisk"))

# The modules of tests/asterisk are found from here on.
import figures  # noqa: E402
import machine  # noqa: E402
import page  # noqa: E402
import receiver  # noqa: E402
from asterisk import Died, Hung  # noqa: E402
from host import Host  # noqa: E402
from stage import Stage  # noqa: E402


@dataclass
class Size:
    """How much is measured."""

    rounds: int
    # Of which some are at a time.
    calls: int
    # In each go.
    events: int
    stalled_events: int
    requests: int
    # At a time.
    held: int
    # Of calls at each rate.
    rate_seconds: int
    # How often what is between the last rate that went well and the first that did not is halved.
    rate_halvings: int


# As many events as an application's queue holds by default, so that none is dropped.
FULL = Size(
    rounds=3,
    calls=100,
    events=50000,
    stalled_events=100000,
    requests=10000,
    held=500,
    rate_seconds=5,
    rate_halvings=2,
)
QUICK = replace(FULL, rounds=1, calls=50, requests=5000, held=200, rate_seconds=3, rate_halvings=0)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("root", "library", "module", "pump", "application", "output", "page"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--figure", action="append", metavar="PATTERN", help="figures to measure, with * and ?")
    parser.add_argument("--rounds", type=int)
    return parser.parse_args()


async def measure(figure, function, host, size):
    """What one measurement comes to: numbers, or how it ended instead."""
    stage = Stage(host)
    try:
        return await stage.perform(lambda stage: function(stage, size), figure.seconds)
    except Died as error:
        return {"ended": f"crashed ({error})"}
    except Hung as error:
        return {"ended": f"hung: {error}"}
    except Exception as error:
        # Native may do anything; ours must not, which the end of the run looks at.
        return {"ended": f"failed: {error or type(error).__name__}"}
    finally:
        await stage.kill()
        for folder in stage.folders():
            shutil.rmtree(folder)


async def measure_all(selected, hosts, size):
    """By figure and column: the outcome of each round."""
    results = {}
    for figure in selected:
        for number in range(size.rounds):
            for column in figure.columns:
                begin = time.monotonic()
                outcome = await measure(figure, column.function, hosts[column.host], size)
                results.setdefault(figure.name, {}).setdefault(column.name, []).append(outcome)
                what = f"{figure.name}, {column.name}, round {number + 1} ({time.monotonic() - begin:.0f} s)"
                print(f"{what}: {json.dumps(outcome)}", flush=True)
    return results


def our_failures(results):
    return [
        f"{figure}: {outcome['ended']}"
        for figure, columns in results.items()
        for outcome in columns.get(figures.OURS, [])
        if "ended" in outcome
    ]


def main():
    arguments = options()
    patterns = arguments.figure or ["*"]
    selected = [figure for figure in figures.ALL if any(fnmatch.fnmatch(figure.name, pattern) for pattern in patterns)]
    if not selected:
        sys.exit(f"no figure is called like {patterns}")
    size = QUICK if arguments.quick else FULL
    size = replace(size, rounds=arguments.rounds or size.rounds)
    receiver.PROGRAM = os.path.abspath(arguments.application)
    # Ends as an interrupt from the keyboard does, with every Asterisk.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hosts = {}
    begin = time.monotonic()
    idle = machine.idle()
    try:
        hosts["native"] = Host("native", f"native:{arguments.root}", None)
        hosts["ours"] = Host("ours", f"ours:{arguments.root}:{arguments.module}", arguments.library)
        for host in hosts.values():
            shutil.copy(arguments.pump, host.modules / "bench_pump.so")
        results = asyncio.run(measure_all(selected, hosts, size))
    finally:
        for host in hosts.values():
            host.end(False)
    version = ".".join(str(number) for number in hosts["native"].version)
    report = {
        "machine": machine.describe(),
        "idle before": idle,
        "asterisk": version,
        "seconds": round(time.monotonic() - begin),
        "quick": arguments.quick,
        "size": vars(size),
        "results": results,
    }
    Path(arguments.output).write_text(json.dumps(report, indent=1) + "\n")
    text = page.render(report, selected)
    print("\n" + text)
    if not (arguments.quick or arguments.figure):
        page.write(Path(arguments.page), text)
    failures = our_failures(results)
    sys.exit("\n".join(["ours failed:", *failures]) if failures else 0)


if __name__ == "__main__":
    main()
