# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reloads that change applications, connections and users."""

from case import case, facts, outcome, sure
from configuration import persistent
from waiting import poll


async def reloaded(stage, before, after, *applications):
    """One connection, its apps before and after a reload; the applications are all that it ever has."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application, apps=before))
    connection = await application.connection()
    for name in before.split(","):
        await connection.expect("ApplicationRegistered", application=name)
    asterisk.configure(persistent(application, apps=after))
    await asterisk.reload()
    for name in after.split(","):
        await registered(asterisk, name)
        await asterisk.user_event("probe", name)
        await connection.expect("ChannelUserevent", application=name)
    removed = [name for name in before.split(",") if name not in after.split(",")]
    gone = [(await asterisk.http("POST", "events/user/x", application=name)).status for name in removed]
    contexts = await contexts_of(asterisk, *applications)
    await application.no_connection(0.5)
    sure(gone, [404] * len(removed))
    sure(contexts, [name for name in applications if name in after.split(",")])
    return outcome(connection, sessions=sure(len(await asterisk.session_rows()), 1))


async def registered(asterisk, name):
    async def known():
        return (await asterisk.http("GET", f"applications/{name}")).status == 200

    await poll(known, f"application {name}")


async def contexts_of(asterisk, *applications):
    """Which of the applications have a context that leads into them."""
    found = []
    for name in applications:
        if "no existence" not in await asterisk.cli(f"dialplan show stasis-{name}"):
            found.append(name)
    return found


@case("reload/application added and another removed")
async def added_and_removed(stage):
    """Both on the same connection."""
    return await reloaded(stage, "app1,app2", "app2,app3", "app1", "app2", "app3")


@case("reload/subscribe_all turned on")
async def subscribe_all_turned_on(stage):
    """The application is unregistered and registered again, and then hears of every channel."""
    application, asterisk, connection = await stage.persistent()
    asterisk.configure(persistent(application, outbound={"subscribe_all": "yes"}))
    await asterisk.reload()
    await connection.expect("ApplicationUnregistered")
    await connection.expect("ApplicationRegistered")
    kinds = [message.type for message in connection.messages]
    await asterisk.originate("wait", channel="stranger")
    await connection.expect_channel("ChannelCreated", "stranger")
    sure(kinds, ["ApplicationRegistered", "ApplicationUnregistered", "ApplicationRegistered"])
    return outcome(connections=sure(len(application.connections), 1))


@case("reload/connection deleted and added again")
async def connection_deleted(stage):
    """Its application is unregistered and it closes with 1000; added again it is as new."""
    application, asterisk, first = await stage.persistent()
    asterisk.configure()
    await asterisk.reload()
    await first.expect("ApplicationUnregistered")
    code = await first.closed()
    await application.no_connection(0.5)
    sessions = await asterisk.session_rows()
    asterisk.configure(persistent(application))
    await asterisk.reload()
    second = await application.connection()
    await second.expect("ApplicationRegistered")
    return outcome(first, second, code=sure(code, 1000), sessions=sure(sessions, []))


@case(
    "reload/password of the local user changed",
    facts(
        "a changed password is used at the next request",
        "native answers 401 until the connection is made anew",
        status=(401, 200),
    ),
)
async def password_changed(stage):
    """Requests of the running connection."""
    application, asterisk, connection = await stage.persistent()
    await connection.ask("GET", "asterisk/ping", 200)
    asterisk.configure(persistent(application), users={"user1": {"password": "another"}})
    await asterisk.cli("module reload res_ari.so")
    await asterisk.reload()
    answer = await connection.request("GET", "asterisk/ping")
    return outcome(status=answer.status, connections=sure(len(application.connections), 1))


@case("reload/local user made read_only")
async def made_read_only(stage):
    """It applies to the next request of the running connection."""
    application, asterisk, connection = await stage.persistent()
    await connection.ask("PUT", "deviceStates/Stasis:lamp?deviceState=INUSE", 204)
    user = {"password": "userpass", "read_only": "yes"}
    asterisk.configure(persistent(application), users={"user1": user})
    await asterisk.cli("module reload res_ari.so")
    await asterisk.reload()
    await connection.ask("PUT", "deviceStates/Stasis:lamp?deviceState=IDLE", 403)
    await connection.ask("GET", "deviceStates/Stasis:lamp", 200)
    return outcome(connection)
