# SPDX-License-Identifier: MIT OR Apache-2.0
"""The module is loaded with something in the way: it declines, says what to do, and Asterisk goes on without it."""

import subprocess

from case import case, outcome
from configuration import persistent

FILES = ("ari.conf", "ari_outbound.conf", "websocket_client.conf")
# By itself, or with ARI.
DECLINED = r"ERROR.* loader.c: (res_ariws declined to load|Declined modules which depend on res_ari: .*\bres_ariws\b)"


async def declined(asterisk, *words):
    """The module is not running, the log has these words, and Asterisk answers."""
    assert "Not Running" in await asterisk.cli("module show like res_ariws")
    for word in words:
        await asterisk.logged(word)
    assert await asterisk.cli("core show uptime")


async def loads(asterisk, application):
    """What was in the way is gone: the module loads, and connects."""
    text = await asterisk.cli("module load res_ariws.so")
    assert "Loaded res_ariws.so" in text, text
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")


@case("module/no websocket_client.conf", ours_only=True)
async def no_client_file(stage):
    """The module runs, and the log names the file that is missing; a reload finds it, and one without it keeps what it had."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), start=False)
    path = asterisk.folder / "etc" / "websocket_client.conf"
    path.unlink()
    await asterisk.start()
    await asterisk.logged(r"WARNING.* res_ariws.c: .*websocket_client\.conf.* missing")
    await asterisk.logged(r"ERROR.* res_ariws.c: .*ari_outbound\.conf.*connection1.*websocket_client_id")
    await application.no_connection(0.5)
    asterisk.configure(persistent(application))
    assert "reloaded successfully" in await asterisk.reload()
    connection = await application.connection()
    await connection.expect("ApplicationRegistered")
    path.unlink()
    assert "reloaded successfully" not in await asterisk.reload()
    await asterisk.logged(r"ERROR.* res_ariws.c: .*websocket_client\.conf.* missing")
    await connection.stays(0.5)
    return outcome()


@case("module/no configuration at all", ours_only=True)
async def no_files(stage):
    """ARI itself may do without (22) or decline (16): either way Asterisk goes on."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), start=False)
    for name in FILES:
        (asterisk.folder / "etc" / name).unlink()
    await asterisk.start()
    await declined(asterisk, DECLINED)
    await application.no_connection(0.5)
    return outcome()


@case("module/faults in websocket_client.conf", ours_only=True)
async def faults(stage):
    """Each fault is named with its file, line and section; what is right is loaded."""
    application = await stage.application()
    good = persistent(application, name="good", apps="good")
    bad = [
        persistent(application, name="word", apps="word", client={"reconnect_intervall": 5}),
        persistent(application, name="value", apps="value", client={"verify_server_cert": "maybe"}),
        persistent(application, name="nowhere", apps="nowhere", client={"uri": None}),
    ]
    asterisk = await stage.asterisk(*bad, good)
    connection = await application.connection()
    await connection.expect("ApplicationRegistered", application="good")
    lines = (asterisk.folder / "etc" / "websocket_client.conf").read_text().splitlines()
    for section, key in (("word", "reconnect_intervall"), ("value", "verify_server_cert")):
        number = next(number for number, line in enumerate(lines, 1) if line.startswith(key))
        await asterisk.logged(rf"res_ariws.c: .*websocket_client\.conf:{number}\b.*{section}.*{key}")
    await asterisk.logged(r"res_ariws.c: .*websocket_client\.conf.*nowhere.*uri")
    await application.no_connection(0.5)
    # All right at the next reload.
    asterisk.configure(good, *(persistent(application, name=name, apps=name) for name in ("word", "value", "nowhere")))
    assert "reloaded successfully" in await asterisk.reload()
    for _ in bad:
        await (await application.connection()).expect("ApplicationRegistered")
    return outcome()


@case("module/app_stasis is loaded", ours_only=True)
async def app_stasis(stage):
    """Two modules cannot both have the application Stasis."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), start=False)
    path = asterisk.folder / "etc" / "modules.conf"
    path.write_text(path.read_text() + "load = app_stasis.so\n")
    await asterisk.start()
    await declined(asterisk, r"ERROR.* res_ariws.c: .*noload => app_stasis\.so")
    await asterisk.cli("module unload app_stasis.so")
    await loads(asterisk, application)
    return outcome()


@case("module/outbound sections in ari.conf", ours_only=True)
async def native_sections(stage):
    """Where Asterisk reads them too (22), or refuses the file because of them (16), they belong elsewhere."""
    application = await stage.application()
    outbound = persistent(application)
    asterisk = await stage.asterisk(outbound, start=False)
    (asterisk.folder / "etc" / "ari_outbound.conf").unlink()
    path = asterisk.folder / "etc" / "ari.conf"
    users = path.read_text()
    path.write_text(users + outbound.outbound_section())
    await asterisk.start()
    if stage.host.has_native:
        await declined(asterisk, r"ERROR.* res_ariws/users.c: .*connection1.*ari_outbound\.conf")
        asterisk.configure(outbound)
        await asterisk.cli("module reload res_ari.so")
        # Asterisk's own connection ends.
        own = await application.connection()
        await own.closed()
        await loads(asterisk, application)
    else:
        await declined(asterisk, DECLINED)
        await application.no_connection(0.5)
    return outcome()


@case("module/library is missing", ours_only=True)
async def no_library(stage):
    """The log says where the library has to be."""
    application = await stage.application()
    asterisk = await stage.asterisk(persistent(application), start=False)
    modules = asterisk.folder / "modules"
    modules.mkdir()
    for path in stage.host.modules.iterdir():
        if path.name != "libariws.so.0":
            (modules / path.name).symlink_to(stage.host.inside(path))
    path = asterisk.folder / "etc" / "asterisk.conf"
    path.write_text(path.read_text().replace(stage.host.inside(stage.host.modules), stage.host.inside(modules)))
    await asterisk.start()
    await declined(asterisk, r"ERROR.* res_ariws/library.c: .*libariws\.so\.0: .*ldconfig, or copy it to")
    (modules / "libariws.so.0").symlink_to(stage.host.inside(stage.host.modules / "libariws.so.0"))
    await loads(asterisk, application)
    return outcome()


@case("module/exports nothing", ours_only=True)
async def exports(stage):
    """Its files call each other by names that nothing else in Asterisk can meet."""
    command = ["nm", "-D", "--defined-only", str(stage.host.module)]
    assert not (text := subprocess.run(command, capture_output=True, text=True, check=True).stdout), text
    return outcome()
