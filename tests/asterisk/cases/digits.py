# SPDX-License-Identifier: MIT OR Apache-2.0
"""Digits that a caller dials while the connection of the call is being made."""

from asterisk import RINGING
from case import case, outcome
from configuration import per_call
from waiting import poll

EXTENSIONS = """
[digits]
exten = call,1,Answer()
 same = n,Stasis(testapp)
exten = caller,1,SendDTMF(4711,100)
 same = n,Verbose(0,all digits were sent)
 same = n,Wait(600)
"""


@case("per call/digits dialled while the connection is being made", ours_only=True)
async def digits(stage):
    """The application gets them behind StasisStart, each once and in their order."""
    application = await stage.application()
    application.hold()
    patient = {"connection_timeout": 20000}
    asterisk = await stage.asterisk(
        per_call(application, client=patient), modules=["app_senddtmf"], extensions=EXTENSIONS
    )
    reply = await asterisk.http(
        "POST",
        "channels",
        endpoint="Local/call@digits",
        extension="caller",
        context="digits",
        priority=1,
        formats="ulaw",
        timeout=RINGING,
        channelId="far.call1",
        otherChannelId="call1",
    )
    assert reply.status == 200, reply
    await asterisk.logged("all digits were sent")
    application.release()
    connection = await application.connection()
    await connection.expect_channel("StasisStart", "call1")

    def received():
        return [message.fields["digit"] for message in connection.of_type("ChannelDtmfReceived")]

    await poll(lambda: len(received()) >= 4, "four digits")
    assert received() == ["4", "7", "1", "1"], received()
    await asterisk.hang_up("call1")
    await connection.expect_channel("StasisEnd", "call1")
    assert len(received()) == 4, received()
    return outcome()
