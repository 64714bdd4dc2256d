"""The plan file's JSON Schema (draft 2020-12): what an editor needs to complete and check a plan while it is written.

It knows structure only: keys, types, names, forms. What depends on other values (order, dates, cross references, the
drivers' own rules, secrets that can be read) only the loader knows; what the schema refuses, the loader refuses, too.
The text is the same byte for byte wherever the same drivers are installed.
"""

from __future__ import annotations

import json

from pilotage.planfile.schema.drivers import SECRET, alternatives
from pilotage.planfile.schema.kinds import Schema, mapping, rows
from pilotage.planfile.schema.measuring import metrics
from pilotage.planfile.schema.preparing import preparing
from pilotage.planfile.schema.rollout import judged, logs, moving, name, shipped
from pilotage.planfile.schema.strategies import COMMON, by_strategy, sections, server_drivers
from pilotage.planfile.schema.telling import channel, messages
from pilotage.planfile.schema.wayback import leading_back
from pilotage.planfile.schema.words import COLOURS, with_words

__all__ = ["DIALECT", "ID", "as_text", "schema"]

ID = "urn:pilotage:plan:1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> Schema:
    """The schema as plain data."""
    own = {"name": name("A name of its own; else the driver's.")}
    plan = mapping(
        "How a hot-fix is brought into production: what moves, what is watched, what leads back.",
        {
            **shipped(),
            **moving(),
            **sections(),
            "deploy": rows("How the new version gets there, in this order.", {}),
            "traffic": rows(
                "What moves the traffic: set in this order, undone in reverse.", {"$ref": "#/$defs/traffic-driver"}
            ),
            **with_words({"metrics": metrics(), "logs": logs(), **leading_back()}, COLOURS),
            **judged(),
            **preparing(),
            "notify": rows("Who is told.", {"$ref": "#/$defs/notify-driver"}, least=0),
            "messages": messages(),
        },
        COMMON,
    )
    beside = {"deploy": own, "traffic": own, "notify": channel()}
    drivers: Schema = {
        f"{port}-driver": {"oneOf": alternatives(port, own=beside.get(port))}
        for port in ("deploy", "logs", "metrics", "notify", "traffic")
    }
    drivers = {key: one if key == "notify-driver" else with_words(one, COLOURS) for key, one in drivers.items()}
    drivers["server-driver"] = {"oneOf": server_drivers(own)}
    about: Schema = {"$schema": DIALECT, "$id": ID, "title": "Pilotage plan"}
    return {**about, **plan, "allOf": by_strategy(), "$defs": {**drivers, "secret": SECRET}}


def as_text() -> str:
    """The schema as it is written into a file."""
    return json.dumps(schema(), indent=2) + "\n"
