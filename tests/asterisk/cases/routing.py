# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who calls, who asks, and a configuration in a database."""

import sqlite3

from case import case, outcome, sure
from configuration import per_call, persistent
from differences import NOISE

FUNCTIONS = ("func_callerid", "func_uri")

# A number as an attacker would choose it.
NUMBER = "1?&#%25/../%0D%0AX-Admin: yes"
ENCODED = "1%3F%26%23%25%2F..%2F%0D%0AX-Admin%3A%20yes"

EXTENSIONS = f"""
[calls]
exten = attack,1,Set(CALLERID(num)=${{URIDECODE({NUMBER})}})
 same = n,Goto(default,call,1)
exten = named,1,Set(TENANT=acme ${{SHELL(false)}})
 same = n,Set(CALLERID(name)=${{URIDECODE(%24%7BTENANT%7D)}})
 same = n,Goto(default,call,1)
"""


async def called(stage, extension, **client):
    """The application and the Asterisk of a call to an extension that sets something and enters Stasis."""
    application = await stage.application()
    asterisk = await stage.asterisk(
        per_call(application, client={key: value.format(uri=application.uri) for key, value in client.items()}),
        modules=FUNCTIONS,
        extensions=EXTENSIONS,
    )
    await asterisk.originate(extension, context="calls", channel="call1")
    return application, asterisk


@case("routing/caller's number in the uri", ours_only=True)
async def number_in_uri(stage):
    """Whatever the caller's number is, it stays one value of the query."""
    application, _ = await called(
        stage, "attack", uri="{uri}?from=${{CALLERID(num)}}&channel={{channel_id}}", header="X-App: {{app}}"
    )
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    assert "X-Admin" not in connection.headers
    return outcome(
        connection,
        ignored=NOISE,
        query=sure(connection.path.partition("?")[2], f"from={ENCODED}&channel=call1"),
        app=sure(connection.headers["X-App"], "testapp"),
    )


@case("routing/caller's number in a header", ours_only=True)
async def number_in_header(stage):
    """A number with a line break refuses the start, and no connection is made."""
    application, asterisk = await called(stage, "attack", header="X-From: ${{CALLERID(num)}}")
    status = await asterisk.came_back()
    await asterisk.logged(r"\$\{CALLERID\(num\)\} has control characters")
    assert not any("X-Admin" in line for line in asterisk.log().splitlines() if "res_ariws" in line)
    return outcome(status=sure(status, ["FAILED"]), connections=sure(len(application.connections), 0))


@case("routing/variables and nested expressions in a header", ours_only=True)
async def variables_in_header(stage):
    """Expressions are those of the dialplan; what a variable has is not evaluated once more."""
    application, _ = await called(stage, "named", header="X-Call: ${{TENANT:0:4}} ${{CALLERID(name)}} {{connection}}")
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")
    return outcome(
        connection,
        ignored=NOISE,
        header=sure(connection.headers["X-Call"], "acme ${TENANT} connection1"),
    )


@case("routing/own application by its configured name", ours_only=True)
async def own_application(stage):
    """A channel that is originated with app=testapp comes back over the connection of the call."""
    application = await stage.application()
    asterisk = await stage.asterisk(per_call(application, client={"own_app_alias": "yes"}))
    await asterisk.originate(channel="call1")
    connection = await application.connection()
    start = await connection.expect_channel("StasisStart", "call1")
    await connection.ask("POST", "channels?endpoint=Local/wait@default&app=testapp&channelId=second", 200)
    second = await connection.expect_channel("StasisStart", "second")
    assert second.fields["application"] == start.fields["application"]
    found = await connection.ask("GET", "applications/testapp", 200)
    assert found["name"] == start.fields["application"]
    await connection.ask("DELETE", "channels/second", 204)
    await asterisk.hang_up("call1")
    return outcome(connections=sure(len(application.connections), 1), code=sure(await connection.closed(), 1000))


def forgotten(path):
    """The database, without the table."""
    database = sqlite3.connect(path)
    with database:
        database.execute("DROP TABLE IF EXISTS settings")
    return database


def store(path, outbound, section_besides=None, **changes):
    """Puts the sections of a connection into the table that extconfig.conf names, with other values in the client's.

    Realtime joins what has one name: the client is called otherwise than the connection.
    """
    rows, section = [], ""
    for line in (outbound.outbound_section() + outbound.client_section()).splitlines():
        if line.startswith("["):
            section = "client1" if section else "connection1"
        else:
            key, _, value = line.partition(" = ")
            rows.append((len(rows), section, key, changes.get(key, value)))
    if section_besides:
        rows.append((len(rows), section_besides, "type", "websocket_client"))
    database = forgotten(path)
    with database:
        database.execute(
            "CREATE TABLE settings (id INTEGER PRIMARY KEY, cat_metric INTEGER DEFAULT 0, var_metric INTEGER, filename TEXT"
            " DEFAULT 'ari_outbound.conf', category TEXT, var_name TEXT, var_val TEXT, commented INTEGER DEFAULT 0)"
        )
        columns = "(var_metric, category, var_name, var_val)"
        database.executemany(f"INSERT INTO settings {columns} VALUES (?, ?, ?, ?)", rows)
    database.close()


@case("routing/configuration in SQLite", ours_only=True)
async def configuration_in_sqlite(stage):
    """Realtime has ari_outbound.conf: it is read from there, also at a reload, and a database that is gone changes nothing."""
    application = await stage.application()
    outbound = persistent(application, outbound={"websocket_client_id": "client1"})
    asterisk = await stage.asterisk(modules=("res_config_sqlite3",), start=False)
    database = asterisk.folder / "lib" / "settings.sqlite3"
    asterisk.write("res_config_sqlite3.conf", f"[store]\ndbfile => {stage.host.inside(database)}\nbatch = 0\n")
    asterisk.write("extconfig.conf", "[settings]\nari_outbound.conf => sqlite3,store,settings\n")
    asterisk.write("ari_outbound.conf", "[this is not read\n")
    store(database, outbound)
    await asterisk.start()
    connection = await application.connection()
    await connection.expect("ApplicationRegistered", application="testapp")
    store(database, outbound, protocols="ari;x")
    await asterisk.reload()
    await asterisk.logged(r"ari_outbound\.conf:\d+: \[client1\] protocols: the value is no name of a subprotocol")
    store(database, outbound, section_besides="client2]\n[client3", protocols="x")
    await asterisk.reload()
    await asterisk.logged(r"ari_outbound\.conf: the name of section 3 in the database has a ']', ';' or control character")
    store(database, outbound, protocols="ari, other")
    await asterisk.reload()
    second = await application.connection()
    await second.expect("ApplicationRegistered", application="testapp")
    protocols = second.headers["Sec-WebSocket-Protocol"]
    forgotten(database).close()
    await asterisk.reload()
    await asterisk.logged(r"ari_outbound\.conf has no row in the database .* or cannot be read from it")
    await asterisk.user_event("probe")
    await second.expect("ChannelUserevent")
    return outcome(second, protocols=sure(protocols, "ari, other"))
