"""Argo Rollouts' and Flagger's files -> a plan, and what of them has no equal in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pilotage.core.brief import Brief
from pilotage.core.errors import Problem
from pilotage.core.planning import PlanDraft
from pilotage.drafting import plain
from pilotage.importing.argo import argo
from pilotage.importing.flagger import flagger
from pilotage.importing.manifests import Manifest, Source, manifests
from pilotage.importing.pieces import Pieces
from pilotage.importing.plan import brief_of, plan_of
from pilotage.importing.spots import FilesWrong, Findings, Note, told

__all__ = ["FORMATS", "FilesWrong", "Format", "Imported", "Note", "as_data", "import_files", "import_texts", "told"]

Format = Literal["argo", "flagger"]
FORMATS: tuple[Format, ...] = ("argo", "flagger")
_GROUPS = {"argo": "argoproj.io", "flagger": "flagger.app"}
_VERSIONS = {"argo": "argoproj.io/v1alpha1", "flagger": "flagger.app/v1beta1"}
_MAIN = {"argo": "Rollout", "flagger": "Canary"}
_PARTS = {
    "argo": ("AnalysisTemplate", "ClusterAnalysisTemplate"),
    "flagger": ("MetricTemplate", "AlertProvider"),
}
_READERS: dict[str, Callable[[Manifest, Sequence[Manifest], Sequence[Manifest]], Pieces | None]] = {
    "argo": argo,
    "flagger": flagger,
}


@dataclass(frozen=True)
class Imported:
    """`notes` in the order of the files; `others` are the objects that are not read."""

    pieces: Pieces
    notes: tuple[Note, ...]
    others: tuple[str, ...]
    files: tuple[str, ...]

    def brief(self, said: Brief) -> Brief:
        return brief_of(self.pieces, said)

    def plan(self, brief: Brief, known_bad: bool | None) -> PlanDraft:
        return plan_of(self.pieces, brief, known_bad, self.notes, self.files)

    @property
    def looks(self) -> tuple[Note, ...]:
        """What somebody has to look at before the plan may count as whole."""
        return tuple(one for one in self.notes if one.look)


def import_files(kind: Format, files: Sequence[Path], name: str = "", namespace: str = "") -> Imported:
    """`namespace` counts where the files say none. Raises FilesWrong with everything that is wrong in the files."""
    return import_sources(kind, [Source(str(one), path=one) for one in files], name, namespace)


def import_texts(kind: Format, texts: Mapping[str, str], name: str = "", namespace: str = "") -> Imported:
    """As `import_files`, of texts by the name of their file."""
    return import_sources(kind, [Source(file, text) for file, text in texts.items()], name, namespace)


def import_sources(kind: Format, sources: Sequence[Source], name: str, namespace: str) -> Imported:
    findings = Findings()
    found = manifests(findings, sources)
    known = [one for one in found if _read(one, kind)]
    for one in known:
        if one.version != _VERSIONS[kind]:
            (one.spot.at("apiVersion") or one.spot).wrong(f"{_VERSIONS[kind]}")
    main = _chosen(findings, kind, [one for one in known if one.kind == _MAIN[kind]], name, found)
    if main is not None and not main.namespace:
        main = replace(main, namespace=namespace)
    parts = _parts(main, [one for one in known if one.kind in _PARTS[kind]]) if main else []
    others = [one for one in found if one not in known]
    pieces = _READERS[kind](main, parts, others) if main is not None and not findings.problems else None
    if findings.problems or pieces is None or main is None:
        ordered = sorted(dict.fromkeys(findings.problems), key=lambda one: (one[0], one[1].line or 0))
        raise FilesWrong(ordered[:100] or [("", Problem("(files)", f"a {_MAIN[kind]}", "nothing"))])
    notes = sorted(findings.notes.values(), key=lambda one: (one.file, one.line))
    rest = [one for one in known if one.kind == main.kind and one.spot is not main.spot]
    named = tuple(f"{one.spot.file}:{one.spot.line}: {one.called}" for one in (*rest, *others))
    return Imported(pieces, tuple(notes), named, tuple(one.file for one in sources))


def as_data(imported: Imported, brief: Brief, drafted: PlanDraft, ready: bool) -> dict[str, Any]:
    """For a program."""
    return {
        "ready": ready,
        "brief": plain(brief),
        "missing": list(drafted.open),
        "notes": [plain(one) for one in imported.notes],
        "not_read": list(imported.others),
        "warnings": list(drafted.warnings),
        "plan": drafted.text,
    }


def _read(one: Manifest, kind: str) -> bool:
    return one.kind in (_MAIN[kind], *_PARTS[kind]) and one.version.startswith(f"{_GROUPS[kind]}/")


def _parts(main: Manifest, parts: list[Manifest]) -> list[Manifest]:
    """Those of the same name in the main object's own namespace count first."""
    return sorted(parts, key=lambda one: one.namespace not in ("", main.namespace))


def _chosen(
    findings: Findings, kind: str, found: list[Manifest], name: str, everything: list[Manifest]
) -> Manifest | None:
    what, files = _MAIN[kind], ", ".join(dict.fromkeys(one.spot.file for one in everything)) or ""
    names = [one.name or "(without a name)" for one in found]
    if name:
        named = [one for one in found if one.name == name]
        if not named:
            findings.wrong("", "--name", None, f"one of {', '.join(names) or 'the names in the files'}", name)
        elif len(named) > 1:
            findings.wrong(files, "--name", None, f"one {what} {name}", f"{len(named)} of them")
        found = named[:1]
    elif len(found) > 1:
        hint = "Choose one: --name NAME. A plan brings out one service; write one for each."
        findings.wrong(files, "(files)", None, f"one {what}", f"{len(found)}: {', '.join(names)[:200]}", hint)
        return None
    if not found:
        seen = ", ".join(dict.fromkeys(one.called for one in everything))[:200]
        hint = "For Helm and kustomize give the rendered manifests." if "Kustomization" in seen else ""
        other = next((one for one in FORMATS if one != kind and any(_read(each, one) for each in everything)), "")
        hint = f"Try: pilotage import {other} ..." if other else hint
        if not name:
            findings.wrong(files, "(files)", None, f"a {what} ({_VERSIONS[kind]})", seen or "nothing", hint)
        return None
    if not found[0].name and "name" not in (found[0].spot.at("metadata") or found[0].spot):
        found[0].spot.wrong("metadata.name", "nothing")
    return found[0]
