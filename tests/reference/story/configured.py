# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a configuration says, as far as stories need to know; only plain files are understood."""

import re

# `connection_timeout` and `reconnect_interval` where nothing is said.
DEFAULT_MILLISECONDS = 500.0


def sections(files, name):
    """The sections of a file and their parameters."""
    found = []
    for line in (files.get(name) or "").splitlines():
        line = line.split(";")[0].strip()
        if line.startswith("["):
            found.append((line[1:].split("]")[0], {}))
        elif "=" in line and found:
            key, value = line.split("=", 1)
            found[-1][1][key.strip().lower()] = value.removeprefix(">").strip()
    return found


def connections(files):
    """Every connection that has a websocket client: its name, applications and the client's parameters."""
    clients = sections(files, "websocket_client.conf")
    found = []
    for name, parameters in sections(files, "ari.conf"):
        if parameters.get("type") != "outbound_websocket" or "apps" not in parameters:
            continue
        wanted = parameters.get("websocket_client_id")
        named = (its for client, its in clients if client == wanted and its.get("type") == "websocket_client")
        if (client := next(named, None)) is not None:
            apps = [app.strip().strip("\"'").strip() for app in parameters["apps"].split(",")]
            found.append({"name": name, "apps": apps, "client": client, "parameters": parameters})
    return found


def applications(files):
    return [app for connection in connections(files) for app in connection["apps"]]


def leads_to(connection, port):
    """Whether its client connects to this port."""
    return re.search(rf":{port}(?!\d)", connection["client"].get("uri", "")) is not None


def host_of(uri):
    """The host of a URI, without brackets."""
    authority = re.split("[/?#]", uri.split("://", 1)[-1])[0].rsplit("@", 1)[-1]
    return re.sub(r":\d*$", "", authority).strip("[]") if "[" in authority else authority.split(":")[0]


def ports(files):
    """The ports of local URIs, as far as a test may use them."""
    texts = "\n".join(text for text in files.values() if text)
    found = {int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost):(\d{1,5})", texts)}
    return {port for port in found if 1024 <= port < 65536}


def milliseconds(client, name):
    """A time that a client is configured with."""
    given = client.get(name, "")
    return float(given) if re.fullmatch(r"\+?\d+", given) else DEFAULT_MILLISECONDS
