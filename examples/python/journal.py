# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which events were handled, and what was handled before this process began."""

from __future__ import annotations

import json


class Journal:
    """Which events were handled: by their numbers (delivery = at_least_once), so that those that come again are not handled
    again, also by a process that takes the place of one that was killed."""

    def __init__(self, path: str | None) -> None:
        # By the application: which numbers belong together, and the highest; the channels that are inside.
        self.known: dict[str, tuple[str, int]] = {}
        self.channels: dict[str, set[str]] = {}
        self.file = None
        if path is None:
            return
        self.file = open(path, "a+b", buffering=0)
        self.file.seek(0)
        lines = self.file.readall()
        # What whoever was killed had not written to its end was not handled.
        whole = lines.rfind(b"\n") + 1
        self.file.truncate(whole)
        for line in lines[:whole].splitlines():
            event = json.loads(line)
            self.registered(event)
            self.note(event)

    def registered(self, notice: dict) -> list[str]:
        """ApplicationRegistered: numbers with another id begin anew. Gives the channels that are inside."""
        application, sequence_id = notice["application"], notice.get("ariws_sequence_id", "")
        if self.known.get(application, ("", 0))[0] != sequence_id:
            self.known[application] = (sequence_id, 0)
        return sorted(self.channels.get(application, ()))

    def highest(self, event: dict) -> int:
        return self.known.get(event.get("application", ""), ("", 0))[1]

    def handled(self, event: dict) -> None:
        if "ariws_sequence" not in event:
            return
        self.note(event)
        if self.file is not None:
            line = {
                "application": event["application"],
                "ariws_sequence_id": self.known[event["application"]][0],
                "ariws_sequence": event["ariws_sequence"],
                "type": event["type"],
                "channel": {"id": event.get("channel", {}).get("id")},
            }
            self.file.write(json.dumps(line).encode() + b"\n")

    def note(self, event: dict) -> None:
        application, channel = event["application"], event["channel"]["id"] if "channel" in event else None
        sequence_id, _ = self.known.get(application, ("", 0))
        self.known[application] = (sequence_id, event["ariws_sequence"])
        if event["type"] == "StasisStart":
            self.channels.setdefault(application, set()).add(channel)
        elif event["type"] == "StasisEnd":
            self.channels.setdefault(application, set()).discard(channel)
