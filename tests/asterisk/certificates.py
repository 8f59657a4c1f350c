# SPDX-License-Identifier: MIT OR Apache-2.0
"""Certificates for servers at 127.0.0.1, and the authority that signs them."""

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


def names(name):
    kind = "IP" if name[0].isdigit() else "DNS"
    return f"subjectAltName={kind}:{name}"


def served(folder, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return Certificate(context, (folder / authority).read_text())


@functools.cache
def signed(name="127.0.0.1", number=1):
    """Signed by an authority, which is another one for each number."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        authority, authority_key = folder / "authority.pem", folder / "authority.key"
        subject = f"/CN=authority {number}"
        openssl("req", "-x509", *KEY, "-subj", subject, "-keyout", authority_key, "-out", authority)
        (folder / "extensions").write_text(f"basicConstraints=CA:FALSE\n{names(name)}\n")
        openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", folder / "server.key", "-out", folder / "request")
        parents = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-extfile", folder / "extensions")
        openssl("x509", "-req", "-in", folder / "request", *parents, "-out", folder / "server.pem")
        return served(folder, "authority.pem")


@functools.cache
def self_signed(name="127.0.0.1"):
    """Its own authority, as `openssl req -x509` makes it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = ("-keyout", folder / "server.key", "-out", folder / "server.pem")
        openssl("req", "-x509", *KEY, "-subj", f"/CN={name}", "-addext", names(name), *files)
        return served(folder, "server.pem")
