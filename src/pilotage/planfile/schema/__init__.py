"""The plan file's JSON Schema (draft 2020-12): what an editor needs to complete and check a plan while it is written.

It knows structure only: keys, types, names, forms. What depends on other values (order, dates, cross references, the
drivers' own rules, secrets that can be read) only the loader knows; what the schema refuses, the loader refuses, too.
The text is the same byte for byte wherever the same drivers are installed.
"""

from __future__ import annotations

import json

from pilotage.planfile.compile import REQUIRED
from pilotage.planfile.schema.drivers import SECRET, alternatives
from pilotage.planfile.schema.kinds import Schema, mapping, rows
from pilotage.planfile.schema.measuring import metrics
from pilotage.planfile.schema.preparing import preparing
from pilotage.planfile.schema.rollout import judged, logs, moving, name, shipped
from pilotage.planfile.schema.telling import channel, messages
from pilotage.planfile.schema.wayback import leading_back

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
            "deploy": rows("How the new version gets there, in this order.", {"$ref": "#/$defs/deploy-driver"}),
            "traffic": rows(
                "What moves the traffic: set in this order, undone in reverse.", {"$ref": "#/$defs/traffic-driver"}
            ),
            "metrics": metrics(),
            "logs": logs(),
            **judged(),
            **leading_back(),
            **preparing(),
            "notify": rows("Who is told.", {"$ref": "#/$defs/notify-driver"}, least=0),
            "messages": messages(),
        },
        REQUIRED,
    )
    beside = {"deploy": own, "traffic": own, "notify": channel()}
    drivers: Schema = {
        f"{port}-driver": {"oneOf": alternatives(port, own=beside.get(port))}
        for port in ("deploy", "logs", "metrics", "notify", "traffic")
    }
    return {"$schema": DIALECT, "$id": ID, "title": "Pilotage plan", **plan, "$defs": {**drivers, "secret": SECRET}}


def as_text() -> str:
    """The schema as it is written into a file."""
    return json.dumps(schema(), indent=2) + "\n"
