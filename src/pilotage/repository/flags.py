"""Feature flags: flagd's definition files, and signs of flag services that this release does not drive."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pilotage.core.proposals import Proposal
from pilotage.repository.files import first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene

_FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.json")
_YAML = re.compile(r"(?:[\w.-]+/)*[\w.-]*(?:flag|feature|toggle)[\w.-]*\.ya?ml", re.IGNORECASE)
_NOT = re.compile(r"(?:^|/)(?:package(?:-lock)?|tsconfig[\w.]*|composer|angular|\.eslintrc|openapi|swagger)\.json$")
_MOST_FLAGS = 50
_ON = ("on", "true", "enabled", "new", "canary", "fix", "treatment")
_OFF = ("off", "false", "disabled", "old", "stable", "control")
_SERVICES = {
    "launchdarkly": "LaunchDarkly",
    "unleash": "Unleash",
    "flagsmith": "Flagsmith",
    "splitio": "Split",
    "configcat": "ConfigCat",
    "growthbook": "GrowthBook",
    "optimizely": "Optimizely",
}
_DEPENDENCIES = re.compile(
    r"(?:[\w.-]+/){0,2}(?:package\.json|requirements[\w.-]*\.txt|pyproject\.toml|go\.mod|Gemfile|pom\.xml|build\.gradle(?:\.kts)?"
    r"|Cargo\.toml|composer\.json|\.env\.(?:example|sample|template))"
)


def flags(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_FILE):
        if not _NOT.search(name):
            yield from _flagd(scene, name)
    for name in scene.files.named(_YAML):
        lines = scene.files.lines(name)
        if (top := first(lines, re.compile(r"^flags:"))) and first(lines, re.compile(r"^\s+variants:")):
            note = "flagd's definitions as YAML: the flagd-file driver changes JSON files only"
            yield scene.propose("traffic", f"flagd {name}", "", {}, [trace(name, top[0])], 0.4, note)
    yield from _services(scene)


def _flagd(scene: Scene, name: str) -> Iterator[Proposal]:
    text = scene.files.text(name)
    if '"flags"' not in text or '"variants"' not in text:
        return
    try:
        defined = json.loads(text)["flags"]
        flags = {key: one for key, one in defined.items() if isinstance(one, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        scene.files.note(f"{name} looks like flagd's definitions, and is not JSON")
        return
    for key, flag in list(flags.items())[:_MOST_FLAGS]:
        variants = flag.get("variants")
        if isinstance(variants, dict) and len(variants) >= 2 and key and key.isprintable() and len(key) <= 120:
            yield _flag(scene, name, key, flag, variants, len(flags))


def _flag(
    scene: Scene, name: str, key: str, flag: Mapping[str, Any], variants: Mapping[str, Any], among: int
) -> Proposal:
    lines = scene.files.lines(name)
    place = first(lines, re.compile(rf"{re.escape(json.dumps(key, ensure_ascii=False))}\s*:"))
    traces = [trace(name, place[0] if place else None, "" if place else f"flag {key}")]
    on, off, sure = _variants(flag, variants)
    if not _ours(flag, on, off):
        note = f"flag {key} has targeting of its own, which the flagd-file driver would not keep"
        return scene.propose("traffic", f"flag {key}", "", {}, traces, 0.3, note)
    options = {"file": scene.path(name), "flag": key, "on": on, "off": off}
    note = f"flag {key} is DISABLED: enable it first" if flag.get("state") == "DISABLED" else ""
    base = 0.6 if among > 1 else 0.75
    confidence = (base + 0.3 * scene.fits(key)) * sure - (0.2 if note else 0)
    return scene.propose("traffic", f"flag {key}", "flagd-file", options, traces, confidence, note)


def _variants(flag: Mapping[str, Any], variants: Mapping[str, Any]) -> tuple[str, str, float]:
    """The fix's variant, the present one's, and how sure that is."""
    names = [one for one in variants if isinstance(one, str)]
    lower = {one.lower(): one for one in names}
    on = next((lower[one] for one in _ON if one in lower), "")
    off = next((lower[one] for one in _OFF if one in lower), "")
    if on and off:
        return on, off, 1.0
    truths = {value: one for one, value in variants.items() if isinstance(value, bool)}
    if len(truths) == 2:
        return truths[True], truths[False], 0.95
    default = flag.get("defaultVariant")
    others = [one for one in names if one != default]
    if isinstance(default, str) and default in names and len(others) == 1:
        return others[0], default, 0.8
    present = default if isinstance(default, str) and default in names else f"{PLACEHOLDER}: the present variant"
    return f"{PLACEHOLDER}: the fix's variant, one of {', '.join(others)[:200]}", present, 0.5


def _ours(flag: Mapping[str, Any], on: str, off: str) -> bool:
    """Whether targeting is empty, or one share between the two: all that the driver may overwrite."""
    targeting = flag.get("targeting")
    if not targeting:
        return True
    rows = targeting.get("fractional") if isinstance(targeting, dict) and len(targeting) == 1 else None
    if not isinstance(rows, list):
        return False
    named = [row[0] for row in rows if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str)]
    return len(named) == len(rows) and (set(named) <= {on, off} or PLACEHOLDER in on)


def _services(scene: Scene) -> Iterator[Proposal]:
    left = dict(_SERVICES)
    for name in scene.files.named(_DEPENDENCIES):
        text = scene.files.text(name).lower()
        for word in [one for one in left if one in text]:
            service = left.pop(word)
            line = next((one for one in scene.files.lines(name) if word in one.text.lower()), None)
            note = f"{service}: a flag service that this release does not drive; a command of yours can"
            yield scene.propose("traffic", service, "", {}, [trace(name, line)], 0.3, note)
