# SPDX-License-Identifier: MIT OR Apache-2.0
"""What operators do with the packages, in a root of Debian: installing, calling, upgrading under a call, removing, purging;
with the tarball's installer; and with the sources, by hand. The commands are those of the documentation, taken from there.

usage: run.py --root ROOT [--packages FOLDER --newer FOLDER] [--tarball FOLDER] [--sources FOLDER]

ROOT has an Asterisk, and is changed: a copy is meant. Of the packages, those of --newer have a higher version; the folder of
the tarball has it and what is in it, unpacked; that of the sources has what `make build` has built in `target`; all of them
are below ROOT. The exit status is 1 if anything is not as it should be.
"""

import argparse
import asyncio
import itertools
import re
import sys
import time
from pathlib import Path

for needed in ("asterisk", "documentation"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / needed))

from configuration import EXTENSIONS, ari_files, per_call, persistent  # noqa: E402
from host import Host  # noqa: E402
from pages import under  # noqa: E402
from stage import Stage  # noqa: E402
from system import System, SystemAsterisk  # noqa: E402
from waiting import poll  # noqa: E402

LOGGER = "[general]\ndateformat = %F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose\n"
CONNECTION = "/etc/asterisk/ari_outbound.conf"


class Operator:
    """One system and what is done with it, step by step."""

    def __init__(self, arguments):
        self.system = System(arguments.root)
        self.packages = self.inside(arguments.packages)
        self.newer = self.inside(arguments.newer)
        self.tarball = self.inside(arguments.tarball)
        self.sources = self.inside(arguments.sources)
        # Commands of the documentation that were read and not run yet.
        self.unrun = []
        self.numbers = itertools.count(1)
        self.hosts = []
        self.original = {}

    def inside(self, folder):
        """A folder as the root names it."""
        return folder and "/" + str(Path(folder).resolve().relative_to(self.system.root))

    def read(self, heading):
        """The blocks of commands that the documentation has below a heading."""
        shown = [block.text for block in under(heading, "sh")]
        self.unrun += shown
        return shown

    def follow(self, block, folder="/"):
        """Does what the documentation says, in a folder; returns what was said."""
        self.unrun.remove(block)
        return self.system.shell(block, folder)

    def installer(self):
        """That of the tarball, in the folder that was in it."""
        (program,) = self.system.path(self.tarball).glob("*/install.sh")
        return "/" + str(program.relative_to(self.system.root))

    def host(self, kind):
        host = Host(kind, f"{kind}:{self.system.root}", None)
        self.hosts.append(host)
        return host

    async def start(self, stage):
        """The system's Asterisk, with whatever is installed."""
        asterisk = SystemAsterisk(stage.host, stage.host.folder / f"start{next(self.numbers)}", stage._died)
        stage.asterisks.append(asterisk)
        asterisk.prepare((), (), {}, "")
        await asterisk.start()
        return asterisk

    def prepare(self):
        """What every step finds: the configuration of Debian's Asterisk with a user of ARI and a dialplan."""
        # Whatever wants to restart Asterisk may do so here.
        self.system.path("/usr/sbin/policy-rc.d").unlink()
        self.write("/etc/asterisk/logger.conf", LOGGER)
        self.write("/etc/asterisk/extensions.conf", EXTENSIONS)
        self.write("/etc/asterisk/ari.conf", ari_files((), native=True)["ari.conf"])
        changed = [self.system.path(f"/etc/asterisk/{name}") for name in ["ari.conf", "http.conf", "websocket_client.conf"]]
        self.original = {path: path.read_text() if path.exists() else None for path in changed}

    def restore(self):
        """Takes back what the steps have configured, but for the module's own file."""
        for path, text in self.original.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text)

    def write(self, name, text):
        """As an operator does it: the file stays whose it is."""
        self.system.path(name).write_text(text)

    def configure(self, *outbounds, native=False):
        files = ari_files(outbounds, native)
        if not native:
            # Sections of both types, so that nothing else has to be changed.
            files["ari_outbound.conf"] = files.get("ari_outbound.conf", "") + files.pop("websocket_client.conf")
        for name, text in files.items():
            self.write(f"/etc/asterisk/{name}", text)

    def step(self, text):
        print(f"{self.system.root.name}: {text}", flush=True)


async def call(application, asterisk, name):
    """A call that the application answers; its connection and its id."""
    await asterisk.originate("call", channel=name)
    connection = await application.connection()
    await connection.expect_channel("StasisStart", name)
    await connection.ask("POST", f"channels/{name}/answer", 204)
    return connection


async def hang_up(asterisk, connection, name):
    await asterisk.hang_up(name)
    await connection.expect_channel("StasisEnd", name)
    await connection.closed()


async def own_stasis(asterisk):
    """Asterisk has its own application again, and calls reach it."""
    assert await asterisk.running("app_stasis"), await asterisk.cli("module show like stasis")
    assert not await asterisk.running("res_ariws")
    await asterisk.originate("other", channel="own")
    assert (await asterisk.came_back()) == ["FAILED"]
    await asterisk.hang_up("own")
    await asterisk.no_channels()


async def connected(operator, asterisk, application, name):
    """The application is configured while Asterisk runs, and a call reaches it."""
    assert await asterisk.running("res_ariws"), await asterisk.cli("module show like stasis")
    assert not await asterisk.running("app_stasis")
    operator.configure(per_call(application))
    await asterisk.cli("core reload")
    await asterisk.cli("module reload res_ariws.so")
    await ours(asterisk, application, name)


async def ours(asterisk, application, name):
    """A call has a connection of its own."""
    connection = await call(application, asterisk, name)
    await hang_up(asterisk, connection, name)


async def packages(operator, stage):
    system = operator.system
    application = await stage.application()

    operator.step("installs the packages while Asterisk runs")
    install, restart, reconfigure = operator.read("docs/packages.md#install")
    (upgrade,) = operator.read("docs/packages.md#upgrade")
    remove, purge = operator.read("docs/packages.md#remove")
    before = system.files()
    asterisk = await operator.start(stage)
    said = operator.follow(install, operator.packages)
    assert "Asterisk runs and is left alone" in said, said
    assert "core restart when convenient" in said, said
    await own_stasis(asterisk)

    operator.step("places a call after a restart")
    status = system.path(CONNECTION).stat()
    owner = system.path("/etc/asterisk/modules.conf").stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o640, owner.st_uid, owner.st_gid)
    operator.follow(restart)
    await poll(lambda: asterisk.running("res_ariws"), "Asterisk with the module, restarted", 60)
    await connected(operator, asterisk, application, "first")

    if operator.tarball:
        said = system.run(operator.installer(), succeeds=False)
        assert "belongs to a Debian package" in said, said

    operator.step("upgrades under a call")
    connection = await call(application, asterisk, "long")
    said = operator.follow(upgrade, operator.newer)
    assert "Asterisk runs and is left alone" in said, said
    assert any("(deleted)" in path for path in asterisk.maps("res_ariws.so"))
    assert any("(deleted)" in path for path in asterisk.maps("libariws.so"))
    await connection.ask("GET", "channels/long", 200)
    await ours(asterisk, application, "second")
    await hang_up(asterisk, connection, "long")
    assert "testapp" in system.path(CONNECTION).read_text()
    await asterisk.stop()
    asterisk = await operator.start(stage)
    assert not any("(deleted)" in path for path in asterisk.maps("ariws"))
    await ours(asterisk, application, "third")
    await asterisk.stop()

    operator.step("refuses Stasis, and accepts it again, by dpkg-reconfigure")
    operator.unrun.append(reconfigure)
    for answer, module in [("false", "app_stasis"), ("true", "res_ariws")]:
        selection = f"asterisk-ariws asterisk-ariws/replace-stasis boolean {answer}"
        system.run("sh", "-c", f"echo '{selection}' | debconf-set-selections")
        operator.follow(reconfigure)
        asterisk = await operator.start(stage)
        assert await asterisk.running(module), f"{module} does not run after the answer {answer}"
        await asterisk.stop()

    operator.step("removes the packages under a call")
    asterisk = await operator.start(stage)
    connection = await call(application, asterisk, "last")
    said = operator.follow(remove)
    assert "It has its own Stasis again" in said, said
    await connection.ask("GET", "channels/last", 200)
    await hang_up(asterisk, connection, "last")
    await asterisk.stop()
    asterisk = await operator.start(stage)
    await own_stasis(asterisk)
    await asterisk.stop()
    await native(operator)

    operator.step("purges the packages")
    assert system.path(CONNECTION).exists()
    operator.follow(purge)
    operator.restore()
    system.same_as(before, "after the purge")


async def native(operator):
    """Outbound websockets of Asterisk's own, where it has them."""
    host = operator.host("native")
    if not host.has_native:
        return
    operator.step("has Asterisk's own outbound WebSockets again")
    stage = Stage(host)
    try:
        application = await stage.application()
        operator.configure(persistent(application), native=True)
        asterisk = await operator.start(stage)
        connection = await application.connection()
        await connection.expect("ApplicationRegistered")
        await asterisk.stop()
    finally:
        await stage.kill()


async def tarball(operator, stage):
    system = operator.system
    installer = operator.installer()
    application = await stage.application()

    operator.step("installs the tarball")
    before = system.files()
    said = system.run(installer, "--dry-run")
    assert "would add 'noload => app_stasis.so'" in said, said
    system.same_as(before, "after --dry-run")
    said = system.run(installer, "--include", "/nowhere", succeeds=False)
    assert "no asterisk.h in /nowhere: install the headers" in said, said
    (install,) = operator.read("docs/packages.md#any-linux")
    said = operator.follow(install, operator.tarball)
    assert "core restart when convenient" in said, said
    asterisk = await operator.start(stage)
    example = system.path(CONNECTION).read_text()
    await connected(operator, asterisk, application, "tarball")

    operator.step("installs it again under a call, and uninstalls it")
    connection = await call(application, asterisk, "long")
    system.run(installer)
    await connection.ask("GET", "channels/long", 200)
    await hang_up(asterisk, connection, "long")
    await asterisk.stop()
    said = system.run(installer, "--uninstall")
    assert "was changed, and stays" in said, said
    operator.write(CONNECTION, example)
    system.run(installer, "--uninstall")
    operator.restore()
    system.same_as(before, "after --uninstall")
    asterisk = await operator.start(stage)
    await own_stasis(asterisk)
    await asterisk.stop()


async def by_hand(operator, stage):
    system = operator.system
    application = await stage.application()

    operator.step("builds and installs the module by hand")
    headers, *installs, module = operator.read("docs/asterisk.md#install")
    build, package = operator.read("docs/install.md#install")
    operator.follow(headers)
    for block in [*installs, build]:
        # The first line was run on the machine with Rust.
        make, _, others = block.partition("\n")
        assert make == "make build", block
        operator.unrun[operator.unrun.index(block)] = others
        operator.follow(others, operator.sources)
    operator.follow(package, operator.sources)
    assert system.path(f"{operator.sources}/package/usr/lib/x86_64-linux-gnu/libariws.so.0").exists()
    operator.follow(module, operator.sources)

    operator.step("configures it, and has it without a restart")
    asterisk = await operator.start(stage)
    load, look = operator.read("docs/asterisk.md#configure")
    modules, users, connections, dialplan = (block.text for block in under("docs/asterisk.md#configure", "ini"))
    uri = "ws://bots.example.net:8080/ari"
    assert uri in connections, connections
    operator.write("/etc/asterisk/ari.conf", users)
    operator.write(CONNECTION, connections.replace(uri, application.uri))
    for name, section, text in [("modules.conf", "[modules]\n", modules), ("extensions.conf", "[default]\n", dialplan)]:
        before = system.path(f"/etc/asterisk/{name}").read_text()
        operator.write(f"/etc/asterisk/{name}", before.replace(section, section + text, 1))
    operator.follow(load)
    said = operator.follow(look)
    # Commands of its own have the first word of their own.
    said = system.shell(stage.host.words(look))
    assert re.search("^bots +per_call_config +voicebot +valid", said, re.MULTILINE), said
    await asterisk.originate("100")
    connection = await application.connection()
    started = await connection.expect("StasisStart", args=["some", "arguments"])
    await connection.ask("DELETE", f"channels/{started.fields['channel']['id']}", 204)
    await connection.expect("StasisEnd")
    await connection.closed()
    await asterisk.stop()
    asterisk = await operator.start(stage)
    assert await asterisk.running("res_ariws")
    assert not await asterisk.running("app_stasis")
    await asterisk.stop()


async def perform(operator, function):
    stage = Stage(operator.host("installed"))
    try:
        await stage.perform(lambda stage: function(operator, stage), 600)
        assert not operator.unrun, f"these blocks of the documentation were not run: {operator.unrun}"
    except Exception:
        for asterisk in stage.asterisks[-1:]:
            print("\n".join(asterisk.log().splitlines()[-40:]))
        raise
    finally:
        await stage.kill()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    for name in ["packages", "newer", "tarball", "sources"]:
        parser.add_argument(f"--{name}", metavar="FOLDER")
    operator = Operator(parser.parse_args())
    operator.prepare()
    begin = time.monotonic()
    try:
        if operator.packages:
            await perform(operator, packages)
        if operator.tarball:
            await perform(operator, tarball)
        if operator.sources:
            await perform(operator, by_hand)
    finally:
        for host in operator.hosts:
            host.end(keep=False)
    operator.step(f"passed in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    asyncio.run(main())
