# SPDX-License-Identifier: MIT OR Apache-2.0
"""A dashboard beside Grafana's own published models of one: what these do not know, Grafana passes over in silence."""

import enum
import json
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
# The model leaves open what each data source has of its own; these are Prometheus's.
OF_PROMETHEUS = {"/annotations/list/0/titleFormat", "/annotations/list/0/textFormat"}


def faults(dashboard):
    """A line for each, beginning with its place."""
    kinds = Runtime().panelcfg_variants
    for number, panel in enumerate(dashboard["panels"]):
        if panel["type"] != "row" and panel["type"] not in kinds:
            yield f"/panels/{number}/type: no panel is called {panel['type']}"
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "none")
        if unit not in UNITS:
            yield f"/panels/{number}/fieldConfig/defaults/unit: there is no {unit}"
    model = Dashboard.from_json(dashboard)
    for place in lost(dashboard, json.loads(JSONEncoder().encode(model)), ""):
        if place not in OF_PROMETHEUS:
            yield f"{place}: the model has nothing like it"
    yield from of_other_types(model, type(model), "")


def lost(before, after, place):
    """Where the second is otherwise than the first, but for what it has besides: a model keeps only what it knows."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from lost(value, after.get(name), f"{place}/{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{place}/{number}")
    elif before != after:
        yield place


def of_other_types(value, hint, place):
    """Values that are not what the model says of them."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        answers = [list(of_other_types(value, argument, place)) for argument in arguments]
        if all(answers):
            # Of the kind that is nearest.
            yield from min(answers, key=len)
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{place}: {value!r} is none of {arguments}"
    elif origin is list:
        if isinstance(value, list):
            for number, one in enumerate(value):
                yield from of_other_types(one, arguments[0], f"{place}/{number}")
        else:
            yield f"{place}: {value!r} is no list"
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is no object"
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in {one.value for one in hint}:
            yield f"{place}: {value!r} is none of {[one.value for one in hint]}"
    elif hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, hint)):
            yield f"{place}: {value!r} is no number"
    elif isinstance(hint, type) and not isinstance(value, hint):
        yield f"{place}: {value!r} is no {hint.__name__}"
    elif type(value).__module__.startswith("grafana_foundation_sdk"):
        for name, member in typing.get_type_hints(type(value)).items():
            yield from of_other_types(getattr(value, name), member, f"{place}/{name}")
