# SPDX-License-Identifier: MIT OR Apache-2.0
"""Connections over TLS."""

import certificates
from case import case, facts, outcome, sure
from cases.handshake import connects
from configuration import persistent


async def over_tls(stage, expected, certificate, authority=None, scheme="wss", **client):
    """Whether a server with this certificate is connected to by whoever trusts the authority, as is expected."""
    application = await stage.application(tls=certificate.server)
    asterisk = await stage.asterisk(start=False)
    client = {"uri": application.uri.replace("wss", scheme), "tls_enabled": "yes"} | client
    if authority:
        asterisk.write("authority.pem", authority)
        client["ca_list_file"] = asterisk.host.inside(asterisk.folder / "etc" / "authority.pem")
    asterisk.configure(persistent(application, client=client))
    await asterisk.start()
    return await connects(application, expected)


async def tried(stage, connected, certificate, authority=None, **client):
    """The same with what has to come of it, on every host."""
    return outcome(connected=sure(await over_tls(stage, connected, certificate, authority, **client), connected))


@case("tls/signed certificate")
async def signed(stage):
    """The authority that signed the server's certificate is in ca_list_file."""
    certificate = certificates.signed()
    return await tried(stage, True, certificate, certificate.authority)


@case("tls/another authority")
async def another_authority(stage):
    """Another authority is in ca_list_file than the one that signed the server's certificate."""
    return await tried(stage, False, certificates.signed(), certificates.signed(number=2).authority)


@case("tls/wrong name")
async def wrong_name(stage):
    """The certificate is another host's."""
    certificate = certificates.signed("elsewhere.example")
    return await tried(stage, False, certificate, certificate.authority)


@case("tls/wrong name, not verified")
async def name_not_verified(stage):
    """verify_server_hostname is no: the authority suffices."""
    certificate = certificates.signed("elsewhere.example")
    return await tried(stage, True, certificate, certificate.authority, verify_server_hostname="no")


@case("tls/nothing verified")
async def nothing_verified(stage):
    """verify_server_cert and verify_server_hostname are no: any certificate will do."""
    certificate = certificates.self_signed("elsewhere.example")
    return await tried(stage, True, certificate, verify_server_cert="no", verify_server_hostname="no")


@case("tls/ws with tls_enabled = yes")
async def enabled_alone(stage):
    """tls_enabled says TLS and the scheme does not."""
    certificate = certificates.signed()
    return await tried(stage, True, certificate, certificate.authority, scheme="ws")


@case(
    "tls/wss with tls_enabled = no",
    facts("wss means TLS", "native speaks without TLS, and sends the credentials in clear", connected=(False, True)),
)
async def scheme_alone(stage):
    """The scheme of the uri says TLS and tls_enabled says no."""
    certificate = certificates.signed()
    connected = await over_tls(stage, not stage.native, certificate, certificate.authority, tls_enabled="no")
    return outcome(connected=connected)
