# SPDX-License-Identifier: MIT OR Apache-2.0
"""Requests that Asterisk itself would not survive: refused, and what is just within the limits works.

Most are longer than any message that Asterisk's own outbound websockets take.
"""

import itertools
import json
import urllib.parse

from case import Difference, case, outcome
from cases.rest_channels import query
from cases.rest_resources import connected

# Of a name or text, in bytes, where pointers have 64 bits; then of members, elements and parameters, of levels of JSON, and
# of functions and expressions in the name of a variable.
LONGEST = 65536
MOST = 10000
DEEPEST = 100
CALLS = 64

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
NEW = "endpoint=Local/wait@default&app=testapp"
MODULES = """
func_callerid func_logic func_strings res_pjproject res_rtp_asterisk res_rtp_multicast chan_rtp
""".split()


def body(value):
    return {"content_type": JSON, "message_body": json.dumps(value)}


def form(**values):
    return {"content_type": FORM, "message_body": urllib.parse.urlencode(values)}


async def called(stage):
    """An Asterisk with a channel call1 in Stasis."""
    asterisk, connection = await connected(stage, modules=MODULES)
    await asterisk.originate("call", channel="call1")
    await connection.expect_channel("StasisStart", "call1")
    return asterisk, connection


def long_requests(length):
    """Requests with one name or text of that many bytes, wherever one can be."""
    text = "x" * length
    name = f"CALLERID({'x' * (length - 10)})"
    variables = {name: "1"}
    yield "POST", f"channels?{NEW}", body({"variables": variables})
    yield "POST", f"channels?{NEW}", body({"variables": {"NAME": text}})
    yield "POST", f"channels?{NEW}", body({"variables": {"NAME": {"value": text}}})
    yield "POST", f"channels/new{length}?{NEW}", body({"variables": variables})
    yield "POST", f"channels/create?{NEW}", body({"variables": variables})
    yield "POST", "channels", body({"endpoint": "Local/wait@default", "app": "testapp", "appArgs": text})
    yield "POST", "channels/call1/variables", body({"variables": variables})
    yield "POST", "channels/call1/variables", body({"variables": {"NAME": text}})
    yield "POST", "channels/call1/variable", body({"variable": name, "value": "1"})
    yield "POST", "channels/call1/variable", body({"variable": "CALLERID(name)", "value": text})
    yield "POST", "channels/call1/variable", form(variable=name, value="1")
    yield "POST", "channels/call1/variable", form(variable="NAME", value=text)
    yield "POST", "channels/call1/variable", {"query_strings": query(variable=name, value="1")}
    yield "POST", "channels/call1/variable", {"query_strings": query(variable="NAME", value=text)}
    yield "POST", f"channels/call1/variable?variable={name}&value=1", {}
    yield "POST", "channels/call1/play", body({"media": f"sound:{text[6:]}", "lang": "en"})
    yield "POST", "channels/call1/play", body({"media": ["sound:tiny"], "lang": text})
    yield "POST", "asterisk/variable", body({"variable": name, "value": "1"})
    yield "GET", "channels/call1/variable", body({"variable": name})
    yield "GET", f"channels/call1/variable?variable={name}", {}
    yield "GET", "channels/call1/variables", body({"variables": ["NAME", name]})
    yield "GET", f"asterisk/ping?{text}=1", {}
    yield "GET", f"asterisk/ping?name={text}", {}
    # Escapes that still fit in a message.
    yield "GET", f"asterisk/ping?name={'%78' * min(length, 300_000)}", {}
    yield "GET", ("channels/" + text)[:length], {}
    yield "GET", ("a/" * length)[: length - 1] + "b", {}
    yield "POST", "events/user/x?application=testapp", body({"variables": {text: "1"}})
    yield "POST", "events/user/x?application=testapp", body({"variables": {"a": [{"b": [text]}]}})
    yield "PUT", "applications/testapp/eventFilter", body({"disallowed": [{"type": text}]})
    yield "PUT", "asterisk/config/dynamic/x/y/z", body({"fields": [{"attribute": text, "value": "1"}]})


@case("security/names and texts that are too long", ours_only=True)
async def too_long(stage):
    """In paths, parameters, forms, keys and values at any depth: 413, and Asterisk goes on."""
    asterisk, connection = await called(stage)
    for length in (LONGEST + 1, 300_000, 700_000):
        for method, uri, more in long_requests(length):
            shown = f"{method} {uri[:60]} {str(more)[:80]} with {length} bytes"
            answer = await connection.request(method, uri, **more)
            assert answer.status == 413, f"{shown}: {answer.fields}"
            assert answer.body == {"message": f"A text is longer than {LONGEST} bytes"}, f"{shown}: {answer.fields}"
    await lives(asterisk, connection)
    return outcome()


async def lives(asterisk, connection):
    """Asterisk and the channel call1, which does things one after the other, have survived what went before."""
    await connection.ask("GET", "asterisk/ping", 200)
    await connection.ask("POST", "channels/call1/variable?variable=ALIVE&value=yes", 204)
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")


@case("security/names and texts of the greatest length", ours_only=True)
async def as_long_as_can_be(stage):
    """The same with what is just not too long: Asterisk does what it does with them, also on a channel's thread."""
    asterisk, connection = await called(stage)
    for method, uri, more in long_requests(LONGEST):
        answer = await connection.request(method, uri, **more)
        assert answer.status != 413, f"{method} {uri[:60]} {str(more)[:80]}: {answer.fields}"
    both = {"variable": f"CALLERID({'x' * (LONGEST - 10)})", "value": "x" * LONGEST}
    assert (await connection.request("POST", "channels/call1/variable", **body(both))).status in (204, 400)
    await lives(asterisk, connection)
    return outcome()


# What a parameter of this name has to be for the request to get far. In a path, in a query and in a body.
USUAL = {
    "applicationName": "testapp",
    "app": "testapp",
    "bridgeId": "bridge1",
    "channel": "<channel>",
    "channelId": "<channel>",
    "configuration": "notice",
    "context": "default",
    "deviceName": "Stasis:lamp",
    "deviceState": "INUSE",
    "dtmf": "1",
    "endpoint": "Local/wait@default",
    "eventSource": "channel:<channel>",
    "extension": "wait",
    "external_host": "127.0.0.1:9",
    "format": "ulaw",
    "media": "sound:tiny",
    "name": "recording1",
    "recordingName": "recording1",
    "source": "channel:<channel>",
    "spy": "both",
    "tech": "Local",
    "value": "1",
    "variable": "NAME",
}
# A path of thousands of folders is made, which takes minutes.
FILES = ("name", "recordingName", "destinationRecordingName")


def operations(asterisk):
    """Every operation of this Asterisk's ARI: its method, its path and its parameters."""
    folder = asterisk.host.outside(asterisk.host.data_inside) / "rest-api"
    files = [file for file in sorted(folder.glob("*.json")) if file.name != "resources.json"]
    assert files, f"no description of ARI in {folder}"
    for file in files:
        for api in json.loads(file.read_text())["apis"]:
            for operation in api["operations"]:
                if "upgrade" not in operation:
                    yield operation["httpMethod"], api["path"].lstrip("/"), operation.get("parameters", [])


def request_with(channel, path, parameters, long, text):
    """What to ask for when the parameter long is this text: a path and a body."""
    values = {}
    for parameter in parameters:
        name = parameter["name"]
        value = text if parameter is long else USUAL.get(name, "").replace("<channel>", channel)
        if parameter["paramType"] == "path":
            # Escapes would make it longer.
            room = LONGEST - len(path)
            path = path.replace(f"{{{name}}}", (value or "nosuch").replace("/", "~")[:room])
        elif parameter is long and parameter["paramType"] == "body":
            values |= {"variables": {text: "1", "NAME": text}, "fields": [{"attribute": text, "value": text}]}
        elif value and (parameter is long or parameter.get("required") or name in ("app", "extension")):
            values[name] = value
    return path, values


@case("security/every parameter at its longest", ours_only=True, seconds=600)
async def every_parameter(stage):
    """Whatever ARI has, with each of its parameters as long as can be, alone and as a list, is answered or done."""
    asterisk, connection = await connected(stage, modules=MODULES)
    await connection.ask("POST", "bridges?bridgeId=bridge1", 200)
    texts = ("x" * LONGEST, "x/x," * (LONGEST // 4), f"CALLERID({'x' * (LONGEST - 10)})")
    numbers = itertools.count(1)
    for method, path, parameters in operations(asterisk):
        for long, text in itertools.product(parameters, texts):
            if "/" in text and long["name"] in FILES:
                continue
            channel = f"call{next(numbers)}"
            if "channel" in json.dumps(parameters):
                await asterisk.originate("call", channel=channel)
                await connection.expect_channel("StasisStart", channel)
            uri, values = request_with(channel, path, parameters, long, text)
            answer = await connection.request(method, uri, **body(values))
            assert answer.status != 413, f"{method} {path} with a long {long['name']}: {answer.fields}"
            # What the channel was told to do it does before this, or not at all.
            await connection.request("POST", f"channels/{channel}/variable?variable=ALIVE&value=yes")
            await asterisk.http("DELETE", f"channels/far.{channel}")
            connection.messages.clear()
    await connection.ask("GET", "asterisk/ping", 200)
    return outcome()


@case(
    "security/functions within functions",
    Difference(
        "functions within functions are bounded",
        "native copies a name for each function in it, until the stack of the channel's thread is full",
        ends=("crashed",),
    ),
)
async def functions_within(stage):
    """A name with few of them works; one with many, or with long ones, is refused, wherever in a request it is."""
    asterisk, connection = await called(stage)

    def nested(count, argument="NAME"):
        return "MASTER_CHANNEL(" * count + argument + ")" * count

    def with_name(name):
        yield "POST", "channels/call1/variable", body({"variable": name, "value": "1"})
        yield "POST", "channels/call1/variable", form(variable=name, value="1")
        yield "POST", "channels/call1/variables", body({"variables": {name: "1"}})
        yield "POST", f"channels?{NEW}", body({"variables": {name: "1"}})
        yield "POST", "asterisk/variable", body({"variable": name, "value": "1"})
        yield "GET", "channels/call1/variable", body({"variable": name})
        yield "GET", "channels/call1/variables", body({"variables": name})
        yield "GET", "channels/call1/variables", body({"variables": ["NAME", name]})
        yield "GET", "channels/call1/variable", {"query_strings": query(variable=name)}

    if stage.native:
        await connection.request("POST", "channels/call1/variable", **body({"variable": nested(400), "value": "1"}))
        await lives(asterisk, connection)
    for name, refused in (
        (nested(30), False),
        (nested(31, "x" * (LONGEST // 31 - 31 * 16)), False),
        (nested(CALLS + 1), True),
        (nested(400), True),
        (nested(4000), True),
        (nested(2, "x" * (LONGEST // 2)), True),
        ("EVAL(" + "${" * (CALLS - 1) + "NAME" + "}" * (CALLS - 1) + ")", False),
        ("EVAL(" + "${" * 20000 + "NAME" + "}" * 20000 + ")", True),
        ("EVAL($[" + "(" * 5000 + "1" + ")" * 5000 + "])", True),
    ):
        for method, uri, more in with_name(name):
            answer = await connection.request(method, uri, **more)
            assert (answer.status == 413) == refused, f"{method} {uri} with {name[:40]}..{len(name)}: {answer.fields}"
    # A value is no name.
    prose = {"variable": "NAME", "value": "(so) " * 10000}
    await connection.ask("POST", "channels/call1/variable", 204, **body(prose))
    await connection.ask("POST", "events/user/x?application=testapp", 204, **body({"variables": prose}))
    await lives(asterisk, connection)
    return outcome()


@case("security/JSON of many levels", ours_only=True)
async def many_levels(stage):
    """They are taken up to a number that nobody needs; what is beyond is answered with 400."""
    asterisk, connection = await called(stage)
    for levels, status in ((DEEPEST, 204), (DEEPEST + 1, 400), (2048, 400), (2049, 400), (100_000, 400)):
        for inner in (('{"a":', "}"), ("[", "]")):
            text = '{"variables":{"a":' + inner[0] * (levels - 2) + inner[1] * (levels - 2) + "}}"
            text = text.replace('{"a":}', "{}")
            more = {"content_type": JSON, "message_body": text}
            await connection.ask("POST", "events/user/deep?application=testapp", status, **more)
            if status == 204:
                await connection.expect("ChannelUserevent", eventname="deep")
    await connection.send('{"type":"RESTRequest","method":"GET","uri":"asterisk/ping","message_body":' + "[" * 100_000)
    assert (await connection.expect("RESTResponse", status_code=400)).fields["request_id"] == ""
    # A body that is an object and no text counts as none, however deep it is.
    for depth in (1, 5000):
        raw = f'{{"type":"RESTRequest","method":"GET","uri":"asterisk/ping","message_body":{"[" * depth}{"]" * depth}}}'
        await connection.send(raw)
        await connection.expect("RESTResponse")
    await lives(asterisk, connection)
    return outcome()


@case("security/many parameters and variables", ours_only=True)
async def many_parts(stage):
    """Thousands of variables are set, a thousand parameters taken; more are refused."""
    asterisk, connection = await called(stage)
    for count, status in ((MOST - 10, 200), (MOST + 1, 413), (50_000, 413)):
        variables = {f"V{number}": "" for number in range(count)}
        await connection.ask("POST", f"channels?{NEW}", status, **body({"variables": variables}))
        await connection.ask("GET", "asterisk/ping", status, **body({"variables": ["x"] * count}))
    for count, status in ((1000, 200), (1001, 400), (50_000, 400)):
        parameters = {f"V{number}": "" for number in range(count)}
        await connection.ask("GET", f"asterisk/ping?{'a&' * count}", status)
        await connection.ask("GET", "asterisk/ping", status, **form(**parameters))
    segments = "channels/call1" + "/x" * 30_000
    await connection.ask("GET", segments, 404)
    await lives(asterisk, connection)
    return outcome()
