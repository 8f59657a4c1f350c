# SPDX-License-Identifier: MIT OR Apache-2.0
"""Connections over TLS."""

import certificates
from case import case, facts, outcome, sure
from cases.handshake import connects
from configuration import persistent


async def connects_over_tls(stage, expected, **client):
    """Whether a server with a certificate is connected to by whoever trusts its authority, as is expected."""
    certificate = certificates.signed()
    application = await stage.application(tls=certificate.server)
    asterisk = await stage.asterisk(start=False)
    asterisk.write("authority.pem", certificate.authority)
    client["ca_list_file"] = asterisk.host.inside(asterisk.folder / "etc" / "authority.pem")
    asterisk.configure(persistent(application, client=client))
    await asterisk.start()
    return await connects(application, expected)


@case("tls/signed certificate")
async def signed(stage):
    """The authority that signed the server's certificate is in ca_list_file."""
    return outcome(connected=sure(await connects_over_tls(stage, True, tls_enabled="yes"), True))


@case(
    "tls/wss with tls_enabled = no",
    facts("wss means TLS", "native speaks without TLS, and sends the credentials in clear", connected=(False, True)),
)
async def scheme_alone(stage):
    """The scheme of the uri says TLS and tls_enabled says no."""
    return outcome(connected=await connects_over_tls(stage, not stage.native, tls_enabled="no"))
