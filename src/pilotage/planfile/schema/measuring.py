"""The section `metrics`: where it is read, what counts, guards and tickets."""

from __future__ import annotations

from pilotage.core.requestpresets import REPORTERS, REQUESTS
from pilotage.planfile.measuring import WHAT
from pilotage.planfile.names import LABEL
from pilotage.planfile.presets import PRESETS
from pilotage.planfile.requests import METRIC_NAME, known
from pilotage.planfile.requests import UNITS as UNITS_OF_TIME
from pilotage.planfile.schema.kinds import (
    FILLED_IN,
    SELECTOR,
    Schema,
    amount,
    described,
    flag,
    mapping,
    one_of,
    percent,
    ratio,
    rows,
    text,
    whole,
)
from pilotage.planfile.signals import KINDS, LABEL_NAME, MOST_AMOUNT, MOST_GUARDS, PERS, UNITS

_TRIGGER = "1.5x"
_WITHOUT_GROUP = rf"^{FILLED_IN}(?![^\r\n]*\$group)(?=[^\r\n]*\S)[^\r\n]+$"


def metrics() -> Schema:
    sources: Schema = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"$ref": "#/$defs/metrics-driver"},
    }
    found = mapping(
        "What is read at every tick, for both versions.",
        {
            "sources": described(sources, "Where it is read: a driver for each name."),
            "groups": mapping(
                "What $group becomes in a selector.",
                {
                    "canary": _label("The new version's label value."),
                    "control": _label("The running version's label value."),
                },
                ["canary", "control"],
            ),
            "requests": described({"oneOf": [_requests(name) for name in REQUESTS]}, "Errors and latency by a preset."),
            "errors": _ratio("Failed requests out of all."),
            "latency": _latency(),
            "bug": _ratio("The bug's own metric: shows whether the fix works.", named=True),
            "guards": rows("The system's health: CPU, memory, ...", {"oneOf": _guards()}, most=MOST_GUARDS),
            "tickets": _tickets(),
        },
        ["sources", "groups"],
    )
    found["anyOf"] = [{"required": [one]} for one in WHAT]
    return found


def _label(description: str) -> Schema:
    return text(description, whole(f"{LABEL}|"), None, expected="a label of letters, digits and _.:/@-, or none")


def _requests(name: str) -> Schema:
    preset = REQUESTS[name]
    label = (
        one_of("Whose counters.", list(preset.counters), preset.label)
        if preset.counters
        else text("The label that has the groups.", whole(LABEL_NAME), None, preset.label, "a label's name")
    )
    metric = whole(METRIC_NAME)
    properties = {
        "preset": {"const": name, "description": f"Errors{' and latency' if preset.histogram else ''} from {name}."},
        "source": _source(),
        "select": text('More label matchers, such as namespace="shop"; without braces.', expected="label matchers"),
        "label": label,
        "latency": flag("Whether latency is read, too.", True),
        "native": flag("Whether the histograms are native ones.", False),
        "reporter": one_of("Who counts.", REPORTERS, REPORTERS[0]),
        "code": text("The label that has the status.", whole(LABEL_NAME), None, "code", "a label's name"),
        "counter": text("The counter of all requests.", metric, None, preset.counter, "a metric's name"),
        "histogram": text("The latency's, without _bucket.", metric, None, preset.histogram, "a metric's name"),
        "unit": one_of("Of the histogram's bounds.", UNITS_OF_TIME, preset.unit),
    }
    keys = known(name)
    return mapping(
        f"What {name} counts.", {one: row for one, row in properties.items() if one in keys}, ["preset", "source"]
    )


def _source() -> Schema:
    return text("A name from metrics.sources.")


def _selector(description: str) -> Schema:
    return text(description, SELECTOR, 1000, expected="a selector with $group")


def _ratio(description: str, named: bool = False) -> Schema:
    properties = {
        "source": _source(),
        "total": _selector("The counter of all, with $group."),
        "bad": _selector("The counter of the bad ones, with $group."),
    }
    if named:
        properties = {"name": text("How tables and findings call it.", most=80, default="bug"), **properties}
        properties["target"] = percent("What the fix must stay below.", "0.5%")
    return mapping(description, properties, ["source", "total", "bad"])


def _latency() -> Schema:
    properties = {
        "source": _source(),
        "histogram": _selector("The buckets of a cumulative histogram, with $group."),
        "unit": one_of("Of the buckets' bounds.", ["s", "ms"], "s"),
    }
    return mapping("How long requests take.", properties, ["source", "histogram"])


def _tickets() -> Schema:
    total = text("One cumulative counter of the whole service, without $group.", _WITHOUT_GROUP, 1000)
    return mapping("Tickets that users open.", {"source": _source(), "total": total}, ["source", "total"])


def _guards() -> list[Schema]:
    return [_own(), *(_preset(name) for name in PRESETS)]


def _trigger() -> Schema:
    return ratio("So many times control's value is an excess; off: only the limit counts.", _TRIGGER, off=True)


def _by() -> Schema:
    label = whole(LABEL_NAME)
    return text("The label that tells instances apart; else pod or instance.", label, expected="a label's name")


def _own() -> Schema:
    return mapping(
        "A guard of your own.",
        {
            "name": text("How findings and tables call it.", most=60),
            "source": _source(),
            "value": _selector("The selector with $group; PromQL on a prometheus source."),
            "kind": one_of("The value itself, or a counter's rise per second.", KINDS, "gauge"),
            "per": one_of("The mean over instances, their sum, or per request.", PERS, "instance"),
            "worse_than_control": _trigger(),
            "limit": amount("More is an excess, whatever control has.", MOST_AMOUNT),
            "floor": amount("An excess over control is at least this much.", MOST_AMOUNT),
            "unit": one_of("How it is shown; decides the usual floor.", UNITS),
            "by": _by(),
        },
        ["name", "source", "value"],
    )


def _preset(name: str) -> Schema:
    names = [one.name for one in PRESETS[name]]
    matchers = 'Label matchers with $group, such as job="shop",track="$group"; else those of metrics.errors.total.'
    return mapping(
        f"Guards by name: {', '.join(names)}.",
        {
            "preset": {"const": name, "description": f"Several guards: {', '.join(names)}."},
            "source": _source(),
            "select": text(matchers, SELECTOR, expected="label matchers with $group"),
            "only": rows("Only these guards of the preset.", one_of("A guard of the preset.", names)),
            "worse_than_control": _trigger(),
            "limits": mapping(
                "Limits of single guards.",
                {one: amount(f"More is an excess of {one}.", MOST_AMOUNT) for one in names},
            ),
            "by": _by(),
        },
        ["preset", "source"],
    )
