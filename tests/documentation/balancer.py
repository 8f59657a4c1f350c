# SPDX-License-Identifier: MIT OR Apache-2.0
"""HAProxy as the documentation starts it and speaks to it, in front of three servers that are well."""

import contextlib
import csv
import http.client
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pages import under
from reader import Wrong

CONTROL = "/run/haproxy/admin.sock"
SECONDS = 20


class Well(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, format, *arguments):
        pass


@contextlib.contextmanager
def server():
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Well)
    thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{serving.server_port}"
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(f"not within {SECONDS} s: {what}")
        time.sleep(0.02)


@contextlib.contextmanager
def balancer(reader):
    """The port of a HAProxy, and its socket for commands."""
    (block,) = under("docs/scaling.md#one-pbx-many-application-servers", "sh")
    control = reader.folder / "admin.sock"
    with contextlib.ExitStack() as stack:
        servers = {f"SERVER{number}": stack.enter_context(server()) for number in (1, 2, 3)}
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        environment = servers | {"LISTEN": f"fd@{listener.fileno()}", "CONTROL": str(control)}
        files = [listener.fileno()]
        stack.enter_context(reader.serving(block.text.strip(), reader.copy, environment=environment, pass_fds=files))
        until(lambda: state(control) == "UP", "HAProxy runs, and app2 is well")
        yield listener.getsockname()[1], control


def state(control):
    """What HAProxy says of the second server."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(control))
            connection.sendall(b"show stat\n")
            table = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    except OSError:
        return ""
    return next((row["status"] for row in csv.DictReader(table.splitlines()) if row["svname"] == "app2"), "")


def balances(reader, _):
    with balancer(reader) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        connection.request("GET", "/ari")
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise Wrong(f"no server behind HAProxy answers: {status}")


def drains(reader, drain, *ready):
    with balancer(reader) as (_, control):
        reader.run(drain.text, reader.copy, places={CONTROL: control})
        until(lambda: state(control).startswith("DRAIN"), "app2 is drained")
        for block in ready:
            reader.run(block.text, reader.copy, places={CONTROL: control})
            until(lambda: state(control) == "UP", "app2 is ready again")
