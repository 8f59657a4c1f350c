# SPDX-License-Identifier: MIT OR Apache-2.0
"""The configuration files of one Asterisk."""

from dataclasses import dataclass, field

MODULES = """
pbx_config res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_http_websocket
res_websocket_client res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop
res_stasis_device_state res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels
res_ari_device_states res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings res_ari_sounds
app_echo app_verbose app_playback app_userevent bridge_simple bridge_softmix bridge_holding codec_ulaw codec_gsm
format_pcm format_gsm func_channel func_global res_clioriginate res_musiconhold
""".split()

# Each extension that ends up in Stasis says in the log how Stasis ended.
EXTENSIONS = """
[default]
exten = wait,1,Answer()
 same = n,Wait(600)
exten = call,1,NoOp()
 same = n,Stasis(testapp)
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Wait(600)
exten = arguments,1,NoOp()
 same = n,Stasis(testapp,one,two words,three)
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Wait(600)
exten = twice,1,NoOp()
 same = n,Stasis(testapp)
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Stasis(testapp,again)
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Wait(600)
exten = other,1,NoOp()
 same = n,Stasis(nosuchapp)
 same = n,Verbose(0,${CHANNEL} came back with STASISSTATUS=${STASISSTATUS} and goes on)
 same = n,Wait(600)
[elsewhere]
exten = here,1,Verbose(0,${CHANNEL} is elsewhere with STASISSTATUS=${STASISSTATUS})
 same = n,Wait(600)
"""


@dataclass
class Outbound:
    """A section of type outbound_websocket and the websocket client that it names."""

    application: object
    name: str = "connection1"
    apps: str = "testapp"
    connection_type: str = "persistent"
    outbound: dict = field(default_factory=dict)
    client: dict = field(default_factory=dict)

    def outbound_section(self):
        values = {
            "type": "outbound_websocket",
            "websocket_client_id": self.name,
            "apps": self.apps,
            "subscribe_all": "no",
            "local_ari_user": "user1",
        }
        return section(self.name, values | self.outbound)

    def client_section(self):
        values = {
            "type": "websocket_client",
            "uri": self.application.uri,
            "protocols": "ari",
            "username": "myuser",
            "password": "mypass",
            "connection_type": self.connection_type,
            # No case waits for it to end, but for those that set it: a busy machine is not to be given up.
            "connection_timeout": 10000,
            "reconnect_interval": 200,
            "reconnect_attempts": 10,
            "tls_enabled": "no",
        }
        return section(self.name, values | self.client)


def persistent(application, **more):
    return Outbound(application, **more)


def per_call(application, **more):
    return Outbound(application, connection_type="per_call_config", **more)


def section(name, values):
    """A section's text; a value of None leaves the line out."""
    return "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in values.items() if value is not None)])


USERS = {"user1": {"password": "userpass"}}


def ari_files(outbounds, native, users=None, general=None):
    """ari.conf, websocket_client.conf and, where the sections must not be in ari.conf, ari_outbound.conf."""
    main = section("general", {"enabled": "yes"} | (general or {}))
    for name, values in (USERS | (users or {})).items():
        main += section(name, {"type": "user"} | values)
    sections = "".join(outbound.outbound_section() for outbound in outbounds)
    files = {"websocket_client.conf": "".join(outbound.client_section() for outbound in outbounds)}
    if native:
        files["ari.conf"] = main + sections
    else:
        files["ari.conf"] = main
        files["ari_outbound.conf"] = sections
    return files


def modules_conf(names):
    return "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in names)


def asterisk_conf(folder, modules, data):
    """All directories in a private folder, apart from modules and the packaged data, which has the documentation."""
    own = {
        "astetcdir": "etc",
        "astvarlibdir": "lib",
        "astdbdir": "db",
        "astkeydir": "keys",
        "astagidir": "agi",
        "astspooldir": "spool",
        "astrundir": "run",
        "astlogdir": "log",
        "astcachedir": "cache",
    }
    lines = [f"{key} => {folder}/{name}\n" for key, name in own.items()]
    lines += [f"astmoddir => {modules}\n", f"astdatadir => {data}\n"]
    return own.values(), "[directories]\n" + "".join(lines) + "[options]\nverbose = 3\nmaxfiles = 20000\n"
