"""The section `rollback`, the watchdog and the tracker."""

from __future__ import annotations

from pilotage.core.preparing import LEAST_BAD, METHODS
from pilotage.planfile.schema.drivers import alternatives
from pilotage.planfile.schema.kinds import Schema, described, duration, mapping, one_of, rows


def leading_back() -> dict[str, Schema]:
    tracker: Schema = {"oneOf": alternatives("tracker")}
    return {
        "rollback": _rollback(),
        "watchdog": mapping(
            "`pilotage watchdog` goes back when the coordinator is silent.",
            {"silence": duration("For longer than this during a phase; 2 s at least.", "1m")},
            ["silence"],
        ),
        "tracker": described(tracker, "Where follow-ups open tickets."),
    }


def _rollback() -> Schema:
    methods = rows("Ways back, in the order they are tried.", _method(), least=0)
    methods |= {"uniqueItems": True}
    afterwards = rows("What is done besides once the traffic is back.", _method(), least=0)
    afterwards |= {"uniqueItems": True}
    confirm = mapping(
        "How long the metrics are watched after a rollback.",
        {
            "watch": duration("At least.", "2m"),
            "within": duration("At most, then a person is called.", "5m"),
        },
    )
    return mapping(
        "How it goes back.",
        {
            "methods": methods,
            "afterwards": afterwards,
            "revert": described({"$ref": "#/$defs/deploy-driver"}, "What reverts the change."),
            "probe": described(
                {"oneOf": alternatives("checks", "check")},
                "A check of what gets the traffic back: Pilotage by itself sends nobody to what is gone.",
            ),
            "least_bad": one_of("What to do when going back would bring the outage back.", LEAST_BAD, "hold"),
            "feature": described({"$ref": "#/$defs/traffic-driver"}, "What flag-off switches off, for both versions."),
            "confirm": confirm,
        },
    )


def _method() -> Schema:
    return one_of("A way back.", METHODS)
