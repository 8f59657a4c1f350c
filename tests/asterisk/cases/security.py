# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an application may do to Asterisk: over its outbound websocket the same as over Asterisk's own HTTP interface.

Every request is sent four times to one Asterisk: over HTTP and over the websocket, as a user who may do everything and as
a read-only one. What it did is looked at, files and database included, not only what was answered.
"""

import json
from dataclasses import dataclass

from asterisk import Asterisk
from case import case, facts, outcome
from configuration import persistent, section
from guest import USERS, OverHttp, OverWebsocket, Request
from waiting import poll

MODULES = """
func_callerid func_db func_env func_lock func_logic func_shell func_strings
res_pjproject res_rtp_asterisk res_rtp_multicast chan_rtp
""".split()
SECRET = "nobodys business"


@dataclass
class Result:
    """What came of a request."""

    status: int
    # The reason of an error, or the value or values that were asked for.
    text: str
    # Whether it wrote the file or the entry of the database that it names.
    effect: bool = False


@dataclass
class Scene:
    """An Asterisk with two applications, one of each user, and the ways to send it requests."""

    asterisk: Asterisk
    sides: dict
    sent: int = 0

    async def attempts(self, side, requests):
        """The results of requests that are sent one after the other."""
        folder = self.asterisk.folder / "effects"
        folder.mkdir(exist_ok=True)
        results = {}
        for request in requests:
            self.sent += 1
            file = self.asterisk.host.inside(folder / str(self.sent))
            key, new = f"key{self.sent}.", f"new{self.sent}"
            filled = request.filled(file=file, key=key, secret=self.secret, channel="call1", new=new)
            status, body = await side.ask(filled)
            fields = body if isinstance(body, dict) else {}
            found = fields.get("message", fields.get("value", list(fields.get("variables", {}).values())))
            results[self.sent] = Result(status, json.dumps(found))
        await self.settled()
        database = await self.asterisk.cli("database show security")
        for number, result in results.items():
            result.effect = (folder / str(number)).exists() or f"key{number}." in database
        return list(results.values())

    async def settled(self):
        """Waits until the channel has done what it was told: some requests are answered before that."""
        self.sent += 1
        name = f"SETTLED{self.sent}"
        reply = await self.asterisk.http("POST", "channels/call1/variable", variable=name, value="1")
        assert reply.status == 204, reply

        async def is_set():
            return (await self.asterisk.http("GET", "channels/call1/variable", variable=name)).status == 200

        await poll(is_set, "channel that has done everything")

    @property
    def secret(self):
        return self.asterisk.host.inside(self.asterisk.folder / "secret")

    async def same(self, requests):
        """Sends requests every way; returns those of each user with their results, which HTTP and websocket agree on."""
        same = {}
        for user, sides in self.sides.items():
            over_http, over_websocket = [await self.attempts(side, requests) for side in sides]
            for request, http, websocket in zip(requests, over_http, over_websocket, strict=True):
                assert websocket == http, f"{request} as {user}: {websocket} over the websocket, {http} over HTTP"
            same[user] = list(zip(requests, over_websocket, strict=True))
        for request, result in same["reader"]:
            if not request.only_reads:
                assert (result.status, result.effect) == (403, False), f"{request} as reader: {result}"
        return same


async def scene(stage, **more):
    """A scene with a channel call1 in Stasis, a file and an entry of the database that nobody is to see."""
    application, reader = await stage.application(), await stage.application()
    outbounds = (
        persistent(application),
        persistent(reader, name="connection2", apps="reader", outbound={"local_ari_user": "reader"}),
    )
    asterisk = await stage.asterisk(*outbounds, users=USERS, modules=MODULES, **more)
    connection, reading = await application.connection(), await reader.connection()
    await connection.expect("ApplicationRegistered")
    await reading.expect("ApplicationRegistered")
    await asterisk.originate("call", channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    (asterisk.folder / "secret").write_text(SECRET)
    await asterisk.cli(f'database put security known "{SECRET}"')
    sides = {
        "user1": (OverHttp(asterisk, "user1"), OverWebsocket(connection)),
        "reader": (OverHttp(asterisk, "reader"), OverWebsocket(reading)),
    }
    return Scene(asterisk, sides)


# Dialplan functions that Asterisk refuses to everybody who is not the dialplan, unless live_dangerously is set.
READ = (
    "SHELL(touch <file>)",
    "FILE(<secret>)",
    "STAT(s,<secret>)",
    "FILE_COUNT_LINE(<secret>)",
    "FILE_FORMAT(<secret>)",
    "DB(security/known)",
    "DB_DELETE(security/known)",
    "LOCK(security)",
)
# Functions that anybody may read, with those in them.
READ_WITHIN = (
    "EVAL(${SHELL(touch <file>)})",
    "EVAL(${EVAL(${FILE(<secret>)})})",
    "MASTER_CHANNEL(SHELL(touch <file>))",
    "IMPORT(<channel>,DB(security/known))",
    "SET(FILE(<file>)=x)",
    "SET(DB(security/<key>)=x)",
    "SET(MASTER_CHANNEL(FILE(<file>))=x)",
)
HARMLESS = ("CHANNEL(name)", "CALLERID(num)", "EVAL(${CHANNEL(name)})", "ENV(PATH)", "STASISSTATUS", "nosuch", "shell(id)")


def reads(name):
    """Every request that reads this."""
    yield Request("GET", "channels/<channel>/variable", {"variable": name})
    yield Request("GET", "channels/<channel>/variable", form={"variable": name})
    yield Request("GET", "channels/<channel>/variable", body={"variable": name})
    yield Request("GET", "channels/<channel>/variables", {"variables": name})
    yield Request("GET", "channels/<channel>/variables", body={"variables": [name]})
    yield Request("GET", "bridges/bridge1/variable", {"variable": name})
    yield Request("GET", "bridges/bridge1/variables", {"variables": name})
    yield Request("GET", "asterisk/variable", {"variable": name})
    yield Request("GET", "asterisk/variable", body={"variable": name})


@case("security/functions that are read")
async def functions_read(stage):
    """Commands, files and the database: nobody who sends requests may read them, nor through other functions."""
    stands = await scene(stage)
    await stands.asterisk.http("POST", "bridges", bridgeId="bridge1")
    requests = [request for name in (*READ, *READ_WITHIN) for request in reads(name)]
    for user, results in (await stands.same(requests)).items():
        for request, result in results:
            assert not result.effect and SECRET not in result.text, f"{request} as {user}: {result}"
            if request.path == "channels/<channel>/variable" and set(READ) & set(variables(request)):
                assert result.status == 500, f"{request} as {user}: {result}"
    log = stands.asterisk.log()
    for name in READ:
        assert f"Dangerous function {name.partition('(')[0]} read blocked" in log, name
    assert SECRET in await stands.asterisk.cli("database get security known")
    await stands.same([request for name in HARMLESS for request in reads(name)])
    # A function that does something when it is read: Asterisk takes that for reading, too.
    setting = Request("GET", "channels/<channel>/variable", {"variable": "SET(PAINTED=red)"})
    assert (await stands.attempts(stands.sides["reader"][1], [setting]))[0].status == 200
    assert (await stands.asterisk.http("GET", "channels/call1/variable", variable="PAINTED")).body == {"value": "red"}
    return outcome()


def variables(request):
    return ((request.query or request.form or request.body).get("variable"),)


WRITTEN = (
    "FILE(<file>)",
    "DB(security/<key>)",
    "MASTER_CHANNEL(FILE(<file>))",
    "MASTER_CHANNEL(DB(security/<key>))",
    "SHELL(touch <file>)",
)
PLAIN = ("COLOUR", "_COLOUR", "CALLERID(name)", "CHANNEL(language)", "nosuch(x)")


def writes(name):
    """Every request that writes this in a thread that serves requests."""
    yield Request("POST", "asterisk/variable", {"variable": name, "value": "x"})
    yield Request("POST", "asterisk/variable", form={"variable": name, "value": "x"})
    yield Request("POST", "asterisk/variable", body={"variable": name, "value": "x"})
    yield Request("POST", "asterisk/variable", {"api_key": "user1:userpass", "variable": name, "value": "x"})
    new = {"endpoint": "Local/wait@default", "app": "testapp"}
    body = {"variables": {name: "x"}}
    yield Request("POST", "channels", new, body=body)
    yield Request("POST", "channels", body=new | body)
    yield Request("POST", "channels", {"endpoint": "Local/wait@default", "extension": "wait"}, body=body)
    yield Request("POST", "channels/<new>", new, body=body)
    yield Request("POST", "channels/create", new, body=body)
    media = {"app": "testapp", "external_host": "127.0.0.1:9", "format": "ulaw"}
    yield Request("POST", "channels/externalMedia", media, body=body)
    yield Request("POST", "bridges/bridge1/variable", {"variable": name, "value": "x"})
    yield Request("POST", "bridges/bridge1/variables", body=body)
    yield Request("POST", "events/user/painted", {"application": "testapp"}, body=body)


@case("security/functions that are written")
async def functions_written(stage):
    """By variables in the query, in a form, in JSON, of Asterisk, of new channels, of bridges and of events."""
    stands = await scene(stage)
    await stands.asterisk.http("POST", "bridges", bridgeId="bridge1")
    for user, results in (await stands.same([request for name in WRITTEN for request in writes(name)])).items():
        for request, result in results:
            assert not result.effect, f"{request} as {user}: {result}"
    log = stands.asterisk.log()
    for name in ("FILE", "DB"):
        assert f"Dangerous function {name} write blocked" in log, name
    for request, result in (await stands.same([request for name in PLAIN for request in writes(name)]))["user1"]:
        if request.path.startswith("channels"):
            assert result.status == 200, f"{request}: {result}"
    return outcome()


def channel_writes(name):
    """Every request that has a channel write this by itself."""
    yield Request("POST", "channels/<channel>/variable", {"variable": name, "value": "x"})
    yield Request("POST", "channels/<channel>/variable", form={"variable": name, "value": "x"})
    yield Request("POST", "channels/<channel>/variable", body={"variable": name, "value": "x"})
    yield Request("POST", "channels/<channel>/variables", body={"variables": {name: "x"}})
    yield Request("POST", "channels/<channel>/variables", body={"variables": {name: {"value": "x"}}})


@case("security/functions that a channel writes")
async def functions_written_by_a_channel(stage):
    """Older versions let an application do that, over HTTP as well: the channel does it, which counts as dialplan."""
    stands = await scene(stage)
    requests = [request for name in WRITTEN for request in channel_writes(name)]
    written = [request for request, result in (await stands.same(requests))["user1"] if result.effect]
    if stage.version >= (22, 10):
        assert not written, written
    elif stage.version < (20, 20):
        assert len(written) == 3 * (len(WRITTEN) - 1), written
    return outcome()


@case(
    "security/functions that are reported",
    facts(
        "functions are not reported in events",
        "native reads them on the channel's own thread, which may do everything, and may lock up",
        ran_a_command=(True, False),
    ),
)
async def functions_reported(stage):
    """A function whose value is to be in the events of a channel could be any: refused, whoever asks and however."""
    stands = await scene(stage)
    name, reported = "SHELL(touch <file>)", {"variables": {"SHELL(touch <file>)": {"value": "x", "report_events": True}}}
    new = {"endpoint": "Local/wait@default", "app": "testapp"}
    requests = [
        Request("POST", "channels", new, body=reported),
        Request("POST", "channels", body=new | reported),
        Request("POST", "channels/<new>", new, body=reported),
        Request("POST", "channels/create", new, body=reported),
        Request("POST", "channels/<channel>/variables", body=reported),
        Request("POST", "channels/<channel>/variable", {"variable": name, "report_events": "true"}),
        Request("POST", "channels/<channel>/variable", form={"variable": name, "report_events": "yes"}),
        Request("POST", "channels/<channel>/variable", body={"variable": name, "report_events": True}),
        Request("POST", "channels/<channel>/variable", {"variable": name}, body={"report_events": True}),
        Request("POST", "channels/<channel>/variable", {"report_events": "1"}, body={"variable": name}),
    ]
    if stage.native:
        file = stands.asterisk.folder / "ran"
        await stands.sides["user1"][1].ask(requests[0].filled(file=stands.asterisk.host.inside(file)))
        await poll(file.exists, "command that was run")
        return outcome(ran_a_command=True)
    for user, (_, websocket) in stands.sides.items():
        for request, result in zip(requests, await stands.attempts(websocket, requests), strict=True):
            assert (result.status, result.effect) == (403, False), f"{request} as {user}: {result}"
    plain = Request("POST", "channels/<channel>/variable", {"variable": "COLOUR", "value": "red", "report_events": "yes"})
    silent = Request("POST", "channels/<channel>/variable", {"variable": "CALLERID(name)", "report_events": "no"})
    for request in (plain, silent):
        assert (await stands.attempts(stands.sides["user1"][1], [request]))[0].status == 204, request
    return outcome(ran_a_command=False)


@case("security/methods in small letters")
async def small_letters(stage):
    """Over a websocket they are no methods, whoever asks; Asterisk's HTTP server takes them for those in capitals."""
    stands = await scene(stage)
    requests = [
        Request(method, request.path, request.query, request.form, request.body)
        for name in ("SHELL(touch <file>)", "FILE(<file>)", "COLOUR")
        for request in (*reads(name), *writes(name))
        for method in (request.method.lower(), request.method.capitalize())
    ]
    for user, (_, websocket) in stands.sides.items():
        for request, result in zip(requests, await stands.attempts(websocket, requests), strict=True):
            assert (result.status, result.effect) == (400, False), f"{request} as {user}: {result}"
    return outcome()


# In this order: each leaves things as they were.
SYSTEM = (
    Request("GET", "asterisk/info"),
    Request("GET", "asterisk/modules/func_math.so"),
    Request("POST", "asterisk/modules/func_math.so"),
    Request("GET", "asterisk/modules/func_math.so"),
    Request("PUT", "asterisk/modules/func_math.so"),
    Request("DELETE", "asterisk/modules/func_math.so"),
    Request("DELETE", "asterisk/modules/func_math.so"),
    Request("POST", "asterisk/modules/nosuch.so"),
    Request("GET", "asterisk/logging"),
    Request("POST", "asterisk/logging/guest", {"configuration": "notice"}),
    Request("POST", "asterisk/logging/guest", {"configuration": "notice"}),
    Request("DELETE", "asterisk/logging/guest"),
    Request("DELETE", "asterisk/logging/guest"),
    *(
        Request(method, f"asterisk/config/dynamic/{kind}/user/evil", body=body)
        for kind in ("res_ari", "ari", "nosuch")
        for method, body in (
            ("PUT", {"fields": [{"attribute": "type", "value": "user"}, {"attribute": "password", "value": "evil"}]}),
            ("GET", None),
            ("DELETE", None),
        )
    ),
)


@case("security/modules, log channels and dynamic configuration")
async def system(stage):
    """A user who may do everything may load modules and make log channels; nobody makes a user."""
    stands = await scene(stage)
    results = await stands.same(SYSTEM)
    statuses = [result.status for _, result in results["user1"]]
    assert statuses[:8] == [200, 404, 204, 200, 409, 204, 404, 409], statuses
    assert statuses[9:13] == [204, 409, 204, 404], statuses
    assert (await stands.asterisk.http("GET", "asterisk/ping", user="evil:evil")).status == 401
    return outcome()


DIALPLAN = """
[security]
exten = shell,1,NoOp()
 same = n,Set(SAID=${SHELL(printf allowed)})
 same = n,Verbose(0,${CHANNEL(uniqueid)} was ${SAID}.)
 same = n,Wait(600)
"""


@case("security/dialplan that an application starts")
async def dialplan(stage):
    """The dialplan may run commands, whoever sent a channel there: by continue, as a new channel, as a Local channel."""
    stands = await scene(stage, extensions=DIALPLAN)
    asterisk = stands.asterisk

    async def was_allowed(channel):
        return (await asterisk.logged(rf"{channel} was (\w*)\."))[0][1] == "allowed"

    place = {"context": "security", "extension": "shell", "priority": "1"}
    after_a_variable = []
    for number, side in enumerate(stands.sides["user1"]):
        ids = {name: f"{name}.{number}" for name in ("continued", "new", "one", "other", "told")}
        for channel in (ids["continued"], ids["told"]):
            await asterisk.originate("call", channel=channel)
            await stands.sides["user1"][1].connection.expect_channel("StasisStart", channel)
        wait = {"endpoint": "Local/wait@default", "channelId": ids["new"]}
        local = {"endpoint": "Local/shell@security", "app": "testapp", "channelId": ids["one"]}
        for request, status in (
            (Request("POST", f"channels/{ids['continued']}/continue", place), 204),
            (Request("POST", "channels", wait | place), 200),
            (Request("POST", "channels", local | {"otherChannelId": ids["other"]}), 200),
            (Request("POST", f"channels/{ids['told']}/variable", {"variable": "COLOUR", "value": "red"}), 204),
            (Request("POST", f"channels/{ids['told']}/continue", place), 204),
        ):
            answer = await side.ask(request)
            assert answer[0] == status, f"{request}: {answer}"
        for name in ("continued", "new", "other"):
            assert await was_allowed(ids[name]), f"{ids[name]} was not allowed to run a command"
        # In some versions a channel that was told to set a variable keeps the lack of rights that it does so with.
        after_a_variable.append(await was_allowed(ids["told"]))
    assert len(set(after_a_variable)) == 1, after_a_variable
    if stage.version == (22, 10) or stage.version < (20, 20):
        assert after_a_variable[0] == (stage.version < (20, 20)), after_a_variable
    return outcome()


@case("security/addresses of a user")
async def addresses(stage):
    """permit and deny say from where a user may connect; a connection that Asterisk makes comes from nowhere else."""
    application = await stage.application()
    denied = {"password": "userpass", "deny": "0.0.0.0/0.0.0.0"}
    outbound = persistent(application, outbound={"local_ari_user": "denied"})
    known = stage.version >= (22, 9)
    asterisk = await stage.asterisk(outbound, users={"denied": denied} if known else {}, start=False)
    if not known:
        # There ari.conf must not have it.
        text = outbound.outbound_section() + section("denied", {"type": "user"} | denied)
        asterisk.write("ari_outbound.conf", text)
    await asterisk.start()
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    await connection.ask("GET", "asterisk/ping", 200)
    await connection.ask("POST", "asterisk/variable?variable=COLOUR&value=red", 204)
    over_http = (await asterisk.http("GET", "asterisk/ping", user="denied:userpass")).status
    assert over_http == (403 if known else 401), over_http
    return outcome()
