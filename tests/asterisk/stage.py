# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a case gets: Asterisks of one host and applications, all of them ended when the case ends."""

import asyncio
import contextlib
import itertools

from application import Application
from asterisk import Asterisk, Died, Hung
from configuration import per_call, persistent


class Stage:
    """One case on one host."""

    _numbers = itertools.count(1)

    def __init__(self, host):
        self.host = host
        self.native = host.native
        self.version = host.version
        # For measurements of a per-call connection: Asterisk's own knows no delay to switch off.
        self.undelayed = {} if host.native else {"client": {"start_delay": 0}}
        self.death = asyncio.get_running_loop().create_future()
        self.asterisks: list[Asterisk] = []
        self.applications: list[Application] = []

    async def application(self, listening=True, **options):
        application = Application(**options)
        self.applications.append(application)
        if listening:
            await application.listen()
        return application

    async def asterisk(self, *outbounds, modules=(), files=None, extensions="", start=True, **configuration):
        """An Asterisk with these connections; configuration is that of Asterisk.configure."""
        folder = self.host.folder / str(next(self._numbers))
        asterisk = Asterisk(self.host, folder, self._died)
        self.asterisks.append(asterisk)
        asterisk.prepare(outbounds, modules, files or {}, extensions)
        if configuration:
            asterisk.configure(*outbounds, **configuration)
        if start:
            await asterisk.start()
        return asterisk

    async def persistent(self, apps="testapp", client=None, outbound=None, **configuration):
        """An application, an Asterisk with a persistent connection to it, and that connection once it is announced."""
        application = await self.application()
        section = persistent(application, apps=apps, client=client or {}, outbound=outbound or {})
        asterisk = await self.asterisk(section, **configuration)
        connection = await application.connection()
        await connection.expect("ApplicationRegistered")
        return application, asterisk, connection

    async def per_call(self):
        """An application, and an Asterisk with a per-call connection to it."""
        application = await self.application()
        return application, await self.asterisk(per_call(application))

    def _died(self, error):
        if not self.death.done():
            self.death.set_exception(error)

    async def perform(self, function, seconds):
        """Runs the case until it ends, an Asterisk dies, or the time is over."""
        case = asyncio.create_task(function(self))
        try:
            await asyncio.wait({case, self.death}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self.death.done():
                self.death.result()
            if not case.done():
                raise await self._late(seconds)
            return case.result()
        except Exception:
            # A connection that ended, or a request that failed, may be the first that is seen of a crash.
            await asyncio.wait({self.death}, timeout=0.5)
            if self.death.done():
                self.death.result()
            raise
        finally:
            case.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await case
            self.death.cancel()

    async def _late(self, seconds):
        for asterisk in self.asterisks:
            try:
                await asterisk.run("core show uptime", 5)
            except Hung as error:
                return error
        return AssertionError(f"the case did not end within {seconds:g} s")

    async def kill(self):
        """Ends everything that is left, at once."""
        for asterisk in self.asterisks:
            await asterisk.kill()
        for application in self.applications:
            await application.end()

    async def stop(self):
        """Ends every Asterisk as an operator would; returns what went wrong."""
        problems = []
        for asterisk in self.asterisks:
            try:
                await asterisk.stop()
            except (Died, Hung) as error:
                problems.append(error)
        return problems

    def folders(self):
        return [asterisk.folder for asterisk in self.asterisks]
