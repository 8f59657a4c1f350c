# SPDX-License-Identifier: MIT OR Apache-2.0
"""Metrics over Asterisk's HTTP server, as Prometheus reads them."""

import asyncio
import base64
import re
import time
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from case import case, outcome
from configuration import per_call, persistent, section
from waiting import DEADLINE, poll
from watch import processor_time

OPENMETRICS = "application/openmetrics-text"


async def scrape(asterisk, user=None, method="GET"):
    """Status, headers and text of a request."""
    headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {}
    uri = f"http://127.0.0.1:{asterisk.http_port}/ariws/metrics"
    request = urllib.request.Request(uri, headers=headers, method=method)

    def perform():
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    return await asyncio.to_thread(perform)


def value(families, name, **labels):
    """The one sample with this name and these labels."""
    samples = [sample for family in families for sample in family.samples]
    found = [sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
    assert len(found) == 1, f"{name} {labels}: {found}"
    return found[0]


@case("module/metrics", ours_only=True)
async def metrics(stage):
    """Counters and states of connections, for users of ARI only."""
    application = await stage.application()
    users = {"reader": {"password": "reads", "read_only": "yes"}}
    outbounds = persistent(application), per_call(application, name="calls", apps="callapp")
    asterisk = await stage.asterisk(*outbounds, users=users)
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    for number in range(5):
        await asterisk.user_event(f"event-{number}")
    await connection.expect("ChannelUserevent", eventname="event-4")
    await connection.ask("GET", "asterisk/ping", 200)
    for user in (None, "user1:wrong", "nobody:userpass", "user1"):
        status, headers, text = await scrape(asterisk, user)
        assert status == 401 and "Basic" in headers["WWW-Authenticate"] and "ariws_" not in text, (user, status, text)
    status, headers, text = await scrape(asterisk, "reader:reads")
    assert status == 200 and headers["Content-Type"].startswith(OPENMETRICS), (status, headers)
    status, headers, text = await scrape(asterisk, "user1:userpass")
    families = list(text_string_to_metric_families(text))
    assert value(families, "ariws_connection_up", connection="connection1") == 1
    assert value(families, "ariws_connections_configured") == 2
    assert value(families, "ariws_connection_events_sent_total", connection="connection1") >= 5
    assert value(families, "ariws_connection_requests_received_total", connection="connection1") == 1
    classes = ("2xx", "4xx", "5xx")
    assert sum(value(families, "ariws_request_seconds_count", status=status) for status in classes) == 1
    assert value(families, "ariws_connect_seconds_count", stage="upgrade") >= 1
    assert value(families, "ariws_stasis_starts_total") == 0
    await application.kill()
    await asterisk.logged("connection1: .*connection lost")
    families = list(text_string_to_metric_families((await scrape(asterisk, "user1:userpass"))[2]))
    assert value(families, "ariws_connection_up", connection="connection1") == 0
    assert value(families, "ariws_connection_websockets_lost_total", connection="connection1") == 1
    assert (await scrape(asterisk, "user1:userpass", "DELETE"))[0] == 405
    await asterisk.cli("module unload res_ariws.so")
    assert (await scrape(asterisk, "user1:userpass"))[0] == 404
    return outcome()


async def answered(asterisk, user, count=1):
    """The statuses of so many requests with these credentials, each once."""
    return {(await scrape(asterisk, user))[0] for _ in range(count)}


async def with_more_users(stage, more, include="more_users.conf", **options):
    """An Asterisk whose ari.conf includes another file with users, and whose log says which files are parsed."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), start=False, **options)
    asterisk.write("more_users.conf", more)
    asterisk.write("ari.conf", (asterisk.folder / "etc" / "ari.conf").read_text() + f'#include "{include}"\n')
    asterisk.write("logger.conf", "[general]\n[logfiles]\nfull => notice,warning,error,verbose,debug\n")
    await asterisk.start()
    await asterisk.cli("core set debug 1")
    return asterisk


def user_section(name, password, **more):
    return section(name, {"type": "user", "password": password, **more})


async def parsed_until(asterisk, mark):
    """How often Asterisk has parsed a file with users by now: what it logs first is in the log first, but some time later."""
    await asterisk.cli(f"dialplan set global {mark} 1")
    await asterisk.logged(f"global variable '{mark}'")
    return parsed(asterisk)


def parsed(asterisk):
    """How often it has by what is in the log."""
    return len(re.findall(r"config\.c:.* Parsing \S+/(?:ari|ari_outbound|more_users)\.conf", asterisk.log()))


WRONG = ("user1:wrong", "more:wrong", "nobody:first", "user1:userpas", "user1:userpasss", "user1:", ":userpass")


@case("module/metrics and files that have not changed", ours_only=True)
async def files_unchanged(stage):
    """Wrong passwords parse no file; a change counts at the next request, in a file that is included too."""
    asterisk = await with_more_users(stage, user_section("more", "first"))
    assert await answered(asterisk, "user1:userpass") == {200}
    assert await answered(asterisk, "more:first") == {200}
    before = await parsed_until(asterisk, "BEFORE")
    for credentials in WRONG:
        assert await answered(asterisk, credentials, 15) == {401}, credentials
    after = await parsed_until(asterisk, "AFTER")
    assert after == before, f"parsed {after} times, {before} times before"
    asterisk.write("more_users.conf", user_section("more", "second"))
    assert await answered(asterisk, "more:first") == {401}
    assert await answered(asterisk, "more:second") == {200}
    # So it would have been seen.
    await poll(lambda: parsed(asterisk) > before, "line of a file that is parsed")
    asterisk.write("ari.conf", user_section("user1", "another"))
    assert await answered(asterisk, "user1:userpass") == {401}
    assert await answered(asterisk, "more:second") == {401}
    assert await answered(asterisk, "user1:another") == {200}
    asterisk.write("ari.conf", "this is no section\n")
    assert await answered(asterisk, "user1:another") == {401}
    (asterisk.folder / "etc" / "ari.conf").unlink()
    assert await answered(asterisk, "user1:another") == {401}
    asterisk.write("ari.conf", user_section("user1", "third"))
    assert await answered(asterisk, "user1:third") == {200}
    return outcome()


@case("module/metrics and files included by a pattern", ours_only=True)
async def files_of_a_pattern(stage):
    """Asterisk cannot tell whether those have changed: they are parsed once a second at most."""
    asterisk = await with_more_users(stage, user_section("more", "first"), include="more_*.conf")
    assert await answered(asterisk, "more:first") == {200}
    before, begin = await parsed_until(asterisk, "BEFORE"), time.monotonic()
    for credentials in WRONG:
        assert await answered(asterisk, credentials, 15) == {401}, credentials
    seconds, count = time.monotonic() - begin, await parsed_until(asterisk, "AFTER") - before
    # Two files, and once more for the look whether the change can be told now; in seconds by the clock, the first and the
    # last of which are not whole.
    assert count <= 4 * (seconds + 2), f"parsed {count} times in {seconds:.1f} s"
    asterisk.write("more_users.conf", user_section("more", "second"))

    async def in_effect():
        return await answered(asterisk, "more:second") == {200}

    await poll(in_effect, "effect of the change")
    return outcome()


# Of "secret2", and made to take long.
ENCRYPTED = (
    "$6$rounds=100000$abcdefgh$OtEzSCUqysu5CbtZEAT1AgT/E6kdwQJCqgKAwsHp9LAeP5UjOPwRnoGHtnwiu3h04WM5C9GhxjYDT1evw5E4l0"
)


async def refusals(asterisk, credentials):
    """What Asterisk computes for ten refusals, in seconds, whatever else the machine does."""
    before = processor_time(asterisk)
    for _ in range(10):
        assert await answered(asterisk, credentials) == {401}, credentials
    return processor_time(asterisk) - before


@case("module/metrics for users with encrypted passwords", ours_only=True)
async def encrypted(stage):
    """They log in; how long a refusal takes does not tell whether there is a user of the name."""
    users = {
        "secret": {"password": ENCRYPTED, "password_format": "crypt"},
        "broken": {"password": "$", "password_format": "crypt"},
    }
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), users=users)
    assert await answered(asterisk, "secret:secret2") == {200}
    for credentials in (f"secret:{ENCRYPTED}", "broken:$", "broken:*0"):
        assert await answered(asterisk, credentials) == {401}, credentials
    times = {one: await refusals(asterisk, one) for one in ("secret:wrong", "nobody:wrong", "user1:wrong")}
    assert max(times.values()) < 3 * min(times.values()), times
    return outcome()
