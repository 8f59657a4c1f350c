# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reloads that change applications, connections and users."""

from case import case, facts, outcome, sure
from configuration import persistent
from waiting import poll

ABSENCE = 1.0


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


@case("reload/nothing changed")
async def nothing_changed(stage):
    """The connection stays and says nothing."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await asterisk.reload()
    await application.no_connection(ABSENCE)
    await asterisk.user_event("after")
    await connection.expect("ChannelUserevent")
    return outcome(connection)


@case("reload/application added")
async def application_added(stage):
    """It is registered on the same connection."""
    return await reloaded(stage, "app1,app2", "app1,app2,app3", "app1", "app2", "app3")


@case("reload/application removed")
async def application_removed(stage):
    """It is unregistered on the same connection, and its context is gone."""
    return await reloaded(stage, "app1,app2", "app1", "app1", "app2")


@case("reload/application added and another removed")
async def added_and_removed(stage):
    """Both on the same connection."""
    return await reloaded(stage, "app1,app2", "app2,app3", "app1", "app2", "app3")


@case("reload/subscribe_all turned on")
async def subscribe_all_turned_on(stage):
    """The application is unregistered and registered again, and then hears of every channel."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    asterisk.configure(persistent(application, outbound={"subscribe_all": "yes"}))
    await asterisk.reload()
    await connection.expect("ApplicationUnregistered")
    await connection.expect("ApplicationRegistered")
    kinds = [message.type for message in connection.messages]
    await asterisk.originate("wait", channel="stranger")
    await connection.expect_channel("ChannelCreated", "stranger")
    sure(kinds, ["ApplicationRegistered", "ApplicationUnregistered", "ApplicationRegistered"])
    return outcome(connections=sure(len(application.connections), 1))


@case("reload/uri changed")
async def uri_changed(stage):
    """The connection closes with 1000 and is made anew to the other server."""
    old, new = await stage.application(), await stage.application()
    asterisk = await stage.asterisk(persistent(old))
    first = await old.connection()
    await first.expect("ApplicationRegistered")
    asterisk.configure(persistent(new))
    await asterisk.reload()
    second = await new.connection()
    await second.expect("ApplicationRegistered")
    code = await first.closed()
    await old.no_connection(0.5)
    return outcome(first, second, code=sure(code, 1000))


@case("reload/connection deleted and added again")
async def connection_deleted(stage):
    """Its application is unregistered and it closes with 1000; added again it is as new."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    first = await application.connection()
    await first.expect("ApplicationRegistered")
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
    "reload/connection renamed",
    facts(
        "a renamed connection keeps its applications",
        "native registers them for the new connection before it removes the old one, and loses them",
        applications=([], ["testapp"]),
        new=([], ["ApplicationRegistered"]),
        old=(
            ["ApplicationRegistered", "ApplicationReplaced", "ApplicationUnregistered"],
            ["ApplicationRegistered", "ApplicationUnregistered"],
        ),
    ),
)
async def connection_renamed(stage):
    """The old connection is closed, the new one has the application."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application, name="old"))
    first = await application.connection()
    await first.expect("ApplicationRegistered")
    asterisk.configure(persistent(application, name="new"))
    await asterisk.reload()
    second = await application.connection()
    await first.closed()
    if stage.native:
        await second.quiet("ApplicationRegistered", ABSENCE)
    else:
        await second.expect("ApplicationRegistered")
    applications = [item["name"] for item in (await asterisk.http("GET", "applications")).body]
    old, new = ([message.type for message in connection.messages] for connection in (first, second))
    return outcome(applications=applications, old=old, new=new)


@case(
    "reload/applications change places",
    facts(
        "applications can move between connections",
        "in one reload; native loses the one whose new connection comes first",
        answered=([204, 404], [204, 204]),
    ),
)
async def application_moved(stage):
    """Two applications change places between two connections in one reload."""
    application = await stage.application()
    asterisk = await stage.asterisk(
        persistent(application, name="one", apps="app1"), persistent(application, name="two", apps="app2")
    )
    await application.connection()
    await application.connection()
    asterisk.configure(
        persistent(application, name="one", apps="app2"), persistent(application, name="two", apps="app1")
    )
    await asterisk.reload()
    answered = [(await asterisk.http("POST", "events/user/x", application=name)).status for name in ("app1", "app2")]
    return outcome(answered=sorted(answered), rows=sure(len(await asterisk.session_rows()), 2))


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
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.ask("GET", "asterisk/ping", 200)
    asterisk.configure(persistent(application), users={"user1": {"password": "another"}})
    await asterisk.cli("module reload res_ari.so")
    await asterisk.reload()
    answer = await connection.request("GET", "asterisk/ping")
    return outcome(status=answer.status, connections=sure(len(application.connections), 1))


@case("reload/local user made read_only")
async def made_read_only(stage):
    """It applies to the next request of the running connection."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application))
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.ask("PUT", "deviceStates/Stasis:lamp?deviceState=INUSE", 204)
    user = {"password": "userpass", "read_only": "yes"}
    asterisk.configure(persistent(application), users={"user1": user})
    await asterisk.cli("module reload res_ari.so")
    await asterisk.reload()
    await connection.ask("PUT", "deviceStates/Stasis:lamp?deviceState=IDLE", 403)
    await connection.ask("GET", "deviceStates/Stasis:lamp", 200)
    return outcome(connection)
