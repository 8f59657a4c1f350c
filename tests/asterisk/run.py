# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the cases on real Asterisks and compares outbound websockets of ours with Asterisk's own.

usage: run.py [--library FILE] --host NAME=native:ROOT --host NAME=ours:ROOT:MODULE --host NAME=prefix:DIR:MODULE
              [--case PATTERN]... [--jobs N] [--keep]

ROOT is a root directory with a packaged Asterisk, which needs the rights to chroot; DIR a prefix under which one is
installed. The exit status is 1 if ours failed anything, differs from native in a way that no case declares, or no
longer differs where a case says so.
"""

import argparse
import asyncio
import fnmatch
import resource
import shutil
import signal
import sys
import time
import traceback

import cases  # noqa: F401  the import declares them
import measure
import report
from asterisk import Died, Hung
from case import CASES
from diagnosis import diagnosis
from host import Host
from report import Result
from stage import Stage

# How often a case is run on a native host until it ends as is declared.
ATTEMPTS = 3


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", help="libariws.so.0, for the hosts that are not native")
    parser.add_argument("--host", action="append", required=True, metavar="NAME=KIND:PLACE")
    parser.add_argument("--case", action="append", metavar="PATTERN", help="cases to run, with * and ?")
    parser.add_argument("--jobs", type=int, default=6, help="cases that run at a time")
    parser.add_argument("--keep", action="store_true", help="keep the folders with configuration and logs")
    return parser.parse_args()


async def result_of(case, stage):
    """What the case itself comes to."""
    try:
        return Result(report.PASSED, await stage.perform(case.function, case.seconds), "")
    except Died as error:
        return Result(report.CRASHED, None, str(error))
    except Hung as error:
        return Result(report.HUNG, None, str(error))
    except Exception as error:
        lines = "".join(traceback.format_exception(error)[-8:])
        return Result(report.FAILED, None, f"{str(error) or type(error).__name__}\n{lines}")


async def run_case(case, host, keep):
    stage = Stage(host)
    begin = time.monotonic()
    try:
        result = await result_of(case, stage)
        # Before anything is ended. What native is said to do needs no explanation.
        if result.ended != report.PASSED and (not host.native or report.undeclared(case, result)):
            result.explanation = await explanation(stage)
        problems = await stage.stop()
        if problems and not (host.native or result.explanation):
            result.explanation = await explanation(stage)
    finally:
        await stage.kill()
    kinds = [report.HUNG if isinstance(problem, Hung) else report.CRASHED for problem in problems]
    result.at_stop = "; ".join(f"{kind} ({problem})" for kind, problem in zip(kinds, problems, strict=True))
    result.seconds = time.monotonic() - begin
    if not keep:
        for folder in stage.folders():
            shutil.rmtree(folder)
    return result


async def explanation(stage):
    return [line for asterisk in stage.asterisks for line in await diagnosis(asterisk)]


async def run_on_native(case, host, keep):
    """What Asterisk does by itself is a matter of chance here and there: it may be tried again until it is as the case says."""
    for attempt in range(1, ATTEMPTS + 1):
        result = await run_case(case, host, keep)
        result.attempts = attempt
        if not (why := report.undeclared(case, result)):
            break
        first_line = why.split("\n", 1)[0]
        print(f"{case.name} on {host}: attempt {attempt}: {first_line}", flush=True)
    return result


async def run_all(selected, hosts, jobs, keep):
    """Every case on every host, those that have to be alone at the end."""
    results = {}
    slots = asyncio.Semaphore(jobs)

    async def one(case, host):
        lacking = [name for name in case.needs if host.kind == "prefix" and not host.has_module(name)]
        if lacking:
            print(f"{case.name} on {host}: left out, for it has no {', '.join(lacking)}", flush=True)
        if lacking or case.ours_only and host.native:
            results[case.name, host.name] = Result(report.LEFT_OUT, None, "")
            return
        async with slots:
            run = run_on_native if host.native else run_case
            result = results[case.name, host.name] = await run(case, host, keep)
        notes = " ".join(note for note in (report.first_line(result), result.at_stop) if note)
        print(f"{case.name} on {host}: {result.ended} {notes}".rstrip(), flush=True)

    async with asyncio.TaskGroup() as group:
        for case in selected:
            for host in hosts:
                if not case.alone:
                    group.create_task(one(case, host))
    for case in selected:
        for host in hosts:
            if case.alone:
                await one(case, host)
    return results


def judge(selected, hosts, results):
    cells = {}
    reference = next((host for host in hosts if host.native), None)
    for case in selected:
        for host in hosts:
            result = results[case.name, host.name]
            native = results[case.name, reference.name] if reference and not case.ours_only else None
            cell = report.native_cell(case, result) if host.native else report.our_cell(case, result, native)
            cells[case.name, host.name] = cell
    return cells


def main():
    arguments = options()
    patterns = arguments.case or ["*"]
    selected = [case for case in CASES if any(fnmatch.fnmatch(case.name, pattern) for pattern in patterns)]
    if not selected:
        sys.exit(f"no case is called like {patterns}")
    # Ends as an interrupt from the keyboard does, with every Asterisk.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    begin = time.monotonic()
    hosts = []
    try:
        for specification in arguments.host:
            name, _, place = specification.partition("=")
            hosts.append(Host(name, place, arguments.library))
        results = asyncio.run(run_all(selected, hosts, arguments.jobs, arguments.keep))
    finally:
        for host in hosts:
            host.end(arguments.keep)
    cells = judge(selected, hosts, results)
    print("\n" + report.table(selected, hosts, cells, results))
    if differences := report.intended(cells):
        print("\nIntended differences:\n" + differences)
    if measure.MEASURED:
        print("\n" + measure.table())
    # Last, where whoever looks at the end of a long output finds it.
    for (case, host), cell in cells.items():
        if cell.failure:
            print("\n" + "\n".join([f"== {case} on {host}: {cell.failure}".rstrip(), *results[case, host].explanation]))
    print(f"\n{report.totals(hosts, cells)}\n{len(selected)} cases in {time.monotonic() - begin:.0f} s")
    sys.exit(any(cell.failure for cell in cells.values()))


if __name__ == "__main__":
    main()
