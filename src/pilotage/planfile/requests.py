"""``metrics.requests``: errors, latency and volume of a version by the names that its proxy or server gives them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pilotage.core.model import LatencyMetric, RatioMetric
from pilotage.core.requestpresets import REPORTERS, REQUESTS, RequestPreset, other_code_label, selectors
from pilotage.planfile.document import Node
from pilotage.planfile.reader import Reader
from pilotage.planfile.signals import LABEL_NAME, source_name, speaks_its_own
from pilotage.planfile.sources import Sources, is_plain, language

METRIC_NAME = r"[A-Za-z_:][A-Za-z0-9_:]{0,199}"
UNITS = ("s", "ms")
_KNOWN = ("preset", "source", "select", "label", "latency", "native")
_MORE = {
    "istio": ("reporter",),
    "http-server": ("code", "counter", "histogram", "unit"),
}


@dataclass(frozen=True)
class Requests:
    """What a preset stands for. `left_out` says what it cannot give."""

    errors: RatioMetric
    latency: LatencyMetric | None
    left_out: tuple[str, ...] = ()


def known(preset: str) -> tuple[str, ...]:
    """The keys of a preset's mapping."""
    return (*_KNOWN, *_MORE.get(preset, ()))


def requests(reader: Reader, node: Node | None, sources: Sources) -> Requests | None:
    """``{preset: envoy, source: proxy}``, and what differs from its usual names."""
    path = "metrics.requests"
    named = node.value.get("preset") if node is not None and isinstance(node.value, dict) else None
    name = str(named.value) if named is not None else ""
    found = reader.mapping(node, path, known(name), ("preset", "source"))
    chosen = reader.one_of(found.get("preset"), f"{path}.preset", tuple(REQUESTS))
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    if chosen is None or source is None or node is None:
        return None
    preset = _named(reader, found, path, chosen)
    wants_latency = reader.flag(found.get("latency"), f"{path}.latency", True)
    native = reader.flag(found.get("native"), f"{path}.native", False)
    select = reader.text(found.get("select"), f"{path}.select", "label matchers", limit=500) or ""
    spoken = language(sources[source])
    if spoken == "own":
        speaks_its_own(reader, found["source"], f"{path}.source", sources[source])
        return None
    if native and spoken == "page":
        hint = "A prometheus source has them, where the server is set to keep them."
        reader.wrong(f"{path}.native", found["native"], "false: a page of text has no native histograms", hint=hint)
    if select and not is_plain(f"name{{{select}}}"):
        hint = 'Such as \'namespace="shop",job="payment"\', without braces.'
        reader.wrong(f"{path}.select", found["select"], "label matchers", hint=hint)
        return None
    if not select and preset.shared and spoken in preset.shared:
        hint = f"Other services have {preset.label} too, and theirs would be counted. Such as {_EXAMPLES[chosen]}."
        reader.wrong(f"{path}.select", node, "label matchers that name the service", "nothing", hint)
    written = selectors(preset, select, native)
    left_out = () if written.histogram or not wants_latency else (f"latency: {preset.without}",)
    latency = LatencyMetric("latency", source, written.histogram, written.unit)
    return Requests(
        RatioMetric("errors", source, written.total, written.bad),
        latency if written.histogram and wants_latency else None,
        left_out,
    )


_EXAMPLES = {
    "istio": "select: 'destination_service_name=\"payment\"'",
    "nginx-ingress": 'select: \'namespace="shop",ingress="payment"\'',
    "http-server": "select: 'job=\"payment\"'",
    "haproxy": "select: 'proxy=\"payment\"'",
}


def _named(reader: Reader, found: dict[str, Node], path: str, chosen: str) -> RequestPreset:
    """The preset with the names that this plan gives."""
    preset = REQUESTS[chosen]
    if preset.counters:
        label = reader.one_of(found.get("label"), f"{path}.label", tuple(preset.counters))
        if label and label != preset.label:  # a backend has its name for itself, a server only within its backend
            preset = replace(preset, shared=())
    else:
        label = reader.text(found.get("label"), f"{path}.label", "a label's name", LABEL_NAME)
    preset = replace(preset, label=label or preset.label)
    code = reader.text(found.get("code"), f"{path}.code", "a label's name", LABEL_NAME)
    if code:
        preset = other_code_label(preset, code)
    counter = reader.text(found.get("counter"), f"{path}.counter", "a metric's name", METRIC_NAME)
    histogram = reader.text(found.get("histogram"), f"{path}.histogram", "a metric's name", METRIC_NAME)
    unit = reader.one_of(found.get("unit"), f"{path}.unit", UNITS)
    if histogram and histogram.endswith("_bucket"):
        hint = f"Write {histogram.removesuffix('_bucket')}."
        reader.wrong(f"{path}.histogram", found["histogram"], "the histogram's name without _bucket", hint=hint)
    reporter = reader.one_of(found.get("reporter"), f"{path}.reporter", REPORTERS)
    return replace(
        preset,
        counter=counter or preset.counter,
        histogram=histogram or preset.histogram,
        unit="ms" if (unit or preset.unit) == "ms" else "s",
        fixed=f'reporter="{reporter}"' if reporter else preset.fixed,
    )


def none_is_everybody(reader: Reader, node: Node, texts: Iterable[str]) -> None:
    """A group may be the series without a label (``""``): in a pattern that would be all of them."""
    if any(_in_a_pattern(text) for text in texts):
        hint = "In a pattern (=~) the empty name matches more than its own series: compare with = instead."
        reader.wrong("metrics.groups", node, "names that are not empty, as $group stands in a pattern", hint=hint)


def _in_a_pattern(selector: str) -> bool:
    return any(
        "$group" in part.split('"')[1] for part in selector.replace("!~", "=~").split("=~")[1:] if part.count('"') > 1
    )
