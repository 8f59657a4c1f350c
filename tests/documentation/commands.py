# SPDX-License-Identifier: MIT OR Apache-2.0
"""Commands that the documentation shows are run, and messages that it shows have to come. `RUNS` has who does so for the
blocks below each heading; a block that nobody runs is a fault, and so is a line here that no block belongs to."""

import re
import shutil

import balancer
import messages
from pages import ROOT, under
from reader import Wrong, console

LANGUAGES = ("sh", "console", "json", "http")


def demo_and_tests(reader, demo, tests):
    reader.shows(demo, ROOT)
    # Run by CI in another section, and too long to be run here again.
    ((command, output),) = console(tests)
    in_ci(command)
    parts = len(re.findall(r"^part ", (ROOT / "scripts/test.sh").read_text(), re.M))
    last = output.splitlines()[-1]
    if last != f"make test: {parts} passed, 0 failed":
        raise Wrong(f"'make test' has {parts} parts, but is shown to say: {last}")


def build_of_packages(_, block):
    """CI runs what makes them within `make check-packages`."""
    for command in block.text.splitlines():
        in_ci(command.partition("#")[0].strip())


def in_ci(command):
    """CI has a section for this target of make, or one that runs all the scripts of the target's recipe."""
    target = command.removeprefix("make ")
    makefile = (ROOT / "Makefile").read_text()
    sections = re.findall(r"make ([\w-]+)", (ROOT / ".ci/run").read_text())

    def scripts(name):
        recipe = re.search(rf"^{name}:.*\n((?:\t.*\n)*)", makefile, re.M)
        return set(re.findall(r"scripts/[\w-]+\.sh", recipe[1])) - {"scripts/require.sh"} if recipe else set()

    run = "".join((ROOT / script).read_text() for section in sections for script in scripts(section))
    if target not in sections and not (scripts(target) and all(script in run for script in scripts(target))):
        raise Wrong(f"CI does not run '{command}'")


def minipbx(reader, block):
    (make, _), (start, lines) = console(block)
    folder = reader.copy / "c_examples/minipbx"
    shutil.copytree(reader.built / "minipbx", folder / "build")
    reader.run(make, folder)
    with reader.sample() as port:
        # The application of the dialplan, on a connection for each call.
        places = {
            "/usr/lib/libariws.so.0": reader.library,
            "/etc/mypbx": reader.configuration(port, demo_per_call="testapp"),
        }
        typed = re.sub(r"^minipbx> ", "", lines, flags=re.M) + "wait calls\n"
        said = reader.run(start, folder, typed, places)
    for wanted in ("STASISSTATUS=SUCCESS", "per_call", "Mini/"):
        if wanted not in said:
            raise Wrong(f"{wanted} is not in what minipbx says:\n{said}")


def whole_host(reader, block):
    build, *others = block.text.splitlines(keepends=True)
    reader.run(build, ROOT)
    said = reader.run("".join(others), reader.copy)
    if "nobody serves the application voicebot" not in said:
        raise Wrong(f"the host says something else:\n{said}")


def linked(reader, block):
    program = "#include <ariws.h>\nint main(void) { return ariws_version() == 0; }\n"
    (reader.folder / "pbx.c").write_text(program)
    reader.run(f"{block.text}\n./pbx", reader.folder, LD_LIBRARY_PATH=str(reader.library.parent))


def sample_in_python(reader, block):
    *prepare, serve = block.text.splitlines(keepends=True)
    reader.run("".join(prepare), reader.copy)
    with reader.application(serve.strip(), reader.copy, {"127.0.0.1:8765": "127.0.0.1:0"}) as port:
        calls = reader.pbx(reader.configuration(port), "--command", "'calls 2 2 s@stasis-demo_per_call 1#'")
        reader.run(" ".join(calls), reader.folder)


def tried_connections(reader, block):
    """With the configuration that the same page shows."""
    folder = reader.folder / "asterisk"
    folder.mkdir()
    ari, client = under(block.heading, "ini")
    (folder / "bots.secret").write_text("secret\n")
    (folder / "ari.conf").write_text(ari.text)
    with reader.sample() as port:
        text = client.text.replace("wss://bots.example.net/ari", f"ws://localhost:{port}/ari")
        (folder / "websocket_client.conf").write_text(text.replace("/etc/asterisk", str(folder)))
        reader.shows(block, reader.folder, {"/etc/asterisk": folder})


def simulation(reader, block):
    reader.shows(block, ROOT)


def in_roots(_, *blocks):
    """In Debian with a real Asterisk, by `make check-packages`."""
    test = "tests/packages/run.py"
    if f'"{blocks[0].heading}"' not in (ROOT / test).read_text():
        raise Wrong(f"{test} does not run the blocks of {blocks[0].heading}")
    in_ci("make check-packages")


RUNS = {
    "README.md#try-it": demo_and_tests,
    "c_examples/minipbx/README.md#minipbx": minipbx,
    "docs/applications.md#writing-the-application": sample_in_python,
    "docs/applications.md#the-connection": messages.upgrade_request,
    "docs/applications.md#a-call": messages.messages_of_a_call,
    "docs/asterisk.md#install": in_roots,
    "docs/asterisk.md#configure": in_roots,
    "docs/availability.md#haproxy-and-a-server-that-is-drained": balancer.drains,
    "docs/availability.md#what-was-missed": messages.message_after_a_loss,
    "docs/embedders.md#a-whole-host": whole_host,
    "docs/install.md#install": in_roots,
    "docs/install.md#link": linked,
    "docs/operators.md#configure": tried_connections,
    "docs/packages.md#install": in_roots,
    "docs/packages.md#upgrade": in_roots,
    "docs/packages.md#remove": in_roots,
    "docs/packages.md#any-linux": in_roots,
    "docs/packages.md#build": build_of_packages,
    "docs/scaling.md#one-pbx-many-application-servers": balancer.balances,
    "docs/scaling.md#what-callers-notice": balancer.drains,
    "docs/scaling.md#ten-thousand-pbxs-that-lost-one-server": simulation,
}


class Commands:
    def __init__(self, reader):
        self.reader = reader
        self.shown = {heading: [] for heading in RUNS}

    def take(self, block):
        """What is wrong with a block at once; it is run when all are known."""
        if block.language not in LANGUAGES:
            return []
        if block.heading not in self.shown:
            return [f"nothing runs this: {block.heading} is not in RUNS of tests/documentation/commands.py"]
        self.shown[block.heading].append(block)
        return []

    def faults(self):
        for heading, blocks in self.shown.items():
            try:
                if not blocks:
                    raise Wrong("no block is there to be run")
                run(self.reader, heading, blocks)
            except Wrong as fault:
                yield blocks[0].place if blocks else heading, str(fault)


def run(reader, heading, blocks):
    try:
        RUNS[heading](reader, *blocks)
    except Wrong:
        raise
    except Exception as error:
        # Another number of blocks than the function takes, a deadline that is over, output that has no end.
        raise Wrong(f"{RUNS[heading].__name__} fails: {error!r}") from error
