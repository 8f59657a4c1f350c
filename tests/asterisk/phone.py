# SPDX-License-Identifier: MIT OR Apache-2.0
"""SIP phones: chan_pjsip on Asterisk's side, SIPp on the other."""

import asyncio
import csv
import socket
from pathlib import Path

from waiting import Missing

SCENARIOS = Path(__file__).resolve().parent / "sipp"
MODULES = """
res_pjproject res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_endpoint_identifier_ip
res_rtp_asterisk chan_pjsip
""".split()

CONFIGURATION = """
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{port}
[phones]
type = endpoint
context = phones
disallow = all
allow = ulaw
direct_media = no
media_address = 127.0.0.1
; Without it every call looks up the machine's own name.
bind_rtp_to_media_address = yes
[phones-address]
type = identify
endpoint = phones
match = 127.0.0.1
"""


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        return endpoint.getsockname()[1]


class Phones:
    """Calls of SIPp to the extensions in the context `phones` of an Asterisk that has our configuration."""

    def __init__(self):
        self.port = free_port()

    @property
    def files(self):
        return {"pjsip.conf": CONFIGURATION.format(port=self.port)}

    async def call(self, asterisk, scenario, extension, count, rate, pause=0, seconds=120):
        """Makes so many calls, so many a second; asserts that each went as the scenario says."""
        statistics = asterisk.folder / f"{scenario}.csv"
        process = await asyncio.create_subprocess_exec(
            *("sipp", f"127.0.0.1:{self.port}", "-i", "127.0.0.1", "-p", str(free_port())),
            *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", extension, "-d", str(pause)),
            *("-m", str(count), "-r", str(rate), "-l", str(count), "-nostdin"),
            # Each second, so that one that does not end has told how far it came.
            *("-trace_stat", "-fd", "1", "-stf", str(statistics)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=asterisk.folder,
        )
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            raise Missing(f"SIPp did not end within {seconds:g} s; {totals(statistics)}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert totals(statistics) == (count, 0), f"successful and failed calls: {totals(statistics)}"


def totals(statistics):
    """The numbers of successful and of failed calls."""
    with statistics.open(encoding="ascii") as lines:
        last = list(csv.DictReader(lines, delimiter=";"))[-1]
    return int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
