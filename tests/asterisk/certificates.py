# SPDX-License-Identifier: MIT OR Apache-2.0
"""A certificate for servers at 127.0.0.1, and the authority that signs it."""

import functools
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass
class Certificate:
    """What a server presents, and what a client has to trust."""

    server: ssl.SSLContext
    authority: str


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@functools.cache
def signed():
    """Signed by an authority."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        authority, authority_key = folder / "authority.pem", folder / "authority.key"
        openssl("req", "-x509", *KEY, "-subj", "/CN=authority", "-keyout", authority_key, "-out", authority)
        (folder / "extensions").write_text("basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n")
        openssl("req", *KEY, "-subj", "/CN=127.0.0.1", "-keyout", folder / "server.key", "-out", folder / "request")
        parents = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-extfile", folder / "extensions")
        openssl("x509", "-req", "-in", folder / "request", *parents, "-out", folder / "server.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        return Certificate(context, authority.read_text())
