# SPDX-License-Identifier: MIT OR Apache-2.0
"""What Asterisks of different versions do differently whoever speaks their websockets, once for all cases.

Each entry turns an outcome of the reference into what an older Asterisk shows, or leaves it alone.
"""

import copy

TABLE = []


def adapted(outcome, version):
    """The reference's outcome as an Asterisk of this version would have shown it."""
    outcome = copy.deepcopy(outcome)
    for before, _, change in TABLE:
        if version < before:
            change(outcome)
    return outcome
