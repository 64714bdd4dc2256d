"""Feature flags: flagd's definition files, and flag services by the libraries that a project uses."""

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
_FLAG = f"{PLACEHOLDER}: the flag's key"
_ENVIRONMENT = f"{PLACEHOLDER}: the environment, such as production"
SERVICES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "launchdarkly": (
        "LaunchDarkly",
        "launchdarkly",
        {
            "token": {"env": "LAUNCHDARKLY_TOKEN"},
            "project": f"{PLACEHOLDER}: the project's key",
            "flag": _FLAG,
            "environment": _ENVIRONMENT,
        },
    ),
    "unleash": (
        "Unleash",
        "unleash",
        {
            "api": f"{PLACEHOLDER}: Unleash's address, without /api",
            "token": {"env": "UNLEASH_TOKEN"},
            "flag": _FLAG,
            "environment": _ENVIRONMENT,
        },
    ),
    "flagsmith": (
        "Flagsmith",
        "flagsmith",
        {
            "token": {"env": "FLAGSMITH_TOKEN"},
            "environment": f"{PLACEHOLDER}: the environment's client-side key",
            "flag": _FLAG,
            "on": f"{PLACEHOLDER}: the variant that is the fix",
        },
    ),
    "flipt": ("Flipt", "flipt", {"api": f"{PLACEHOLDER}: Flipt's address, without /api", "flag": _FLAG}),
    "growthbook": (
        "GrowthBook",
        "growthbook",
        {
            "feature": f"{PLACEHOLDER}: the feature's id",
            "rule": f"{PLACEHOLDER}: the id of its percentage rule, such as fr_123abc",
            "environment": _ENVIRONMENT,
            "token": {"env": "GROWTHBOOK_TOKEN"},
        },
    ),
    "configcat": (
        "ConfigCat",
        "configcat",
        {
            "environment": f"{PLACEHOLDER}: the environment's id",
            "setting": f"{PLACEHOLDER}: the flag's id, a number",
            "username": f"{PLACEHOLDER}: the user name of the public API credential",
            "password": {"env": "CONFIGCAT_PASSWORD"},
        },
    ),
    "statsig": (
        "Statsig",
        "statsig",
        {
            "gate": f"{PLACEHOLDER}: the gate's id",
            "rule": f"{PLACEHOLDER}: the name of the rule whose pass percentage is set",
            "key": {"env": "STATSIG_CONSOLE_KEY"},
        },
    ),
    "splitio": ("Split", "", {}),
    "optimizely": ("Optimizely", "", {}),
}
"""By the word in a list of dependencies: the service, the driver, and its options as far as a repository tells them."""
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
    left = dict(SERVICES)
    for name in scene.files.named(_DEPENDENCIES):
        text = scene.files.text(name).lower()
        for word in [one for one in left if one in text]:
            service, driver, options = left.pop(word)
            line = next((one for one in scene.files.lines(name) if word in one.text.lower()), None)
            note = f"{service}: a flag service that this release does not drive; a command of yours can"
            if driver:
                note = f"{service} is used here; which flag, and where, is to be said"
            sure = 0.5 if driver else 0.3
            yield scene.propose("traffic", service, driver, options, [trace(name, line)], sure, note)
