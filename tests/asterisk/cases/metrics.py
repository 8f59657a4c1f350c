# SPDX-License-Identifier: MIT OR Apache-2.0
"""Metrics over Asterisk's HTTP server, as Prometheus reads them."""

import asyncio
import base64
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from case import case, outcome
from configuration import per_call, persistent
from waiting import DEADLINE

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
