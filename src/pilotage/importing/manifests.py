"""Files of YAML -> the objects in them, each with its place. Several documents, lists, any order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pilotage.core.errors import Problem
from pilotage.importing.spots import FilesWrong, Findings, Spot
from pilotage.planfile.document import Bounds, Node, NotReadable, one_line, read_all

MOST_FILES, MOST_DOCUMENTS, MOST_CHARACTERS, MOST_DEPTH = 50, 200, 200_000, 40
MOST_IN_ALL = 400_000
READ = (
    "Rollout",
    "AnalysisTemplate",
    "ClusterAnalysisTemplate",
    "Canary",
    "MetricTemplate",
    "AlertProvider",
    "Deployment",
)
_HELM = re.compile(
    r"\{\{-|\{\{\s*(?:[.$`\"]|(?:if|else|end|range|with|define|include|template|block|toYaml|tpl|required)\b)"
)
_RENDER = "Render it first: `helm template ... > rendered.yaml` or `kustomize build ... > rendered.yaml`."


@dataclass(frozen=True)
class Source:
    """`text` as it was sent; None: it is read from `path`."""

    file: str
    text: str | None = None
    path: Path = Path()


@dataclass(frozen=True)
class Manifest:
    """One object. `version` is its apiVersion; without a name or a namespace these are empty."""

    kind: str
    version: str
    name: str
    namespace: str
    spot: Spot

    @property
    def called(self) -> str:
        return f"{self.kind} {self.name or '(without a name)'}"


def manifests(findings: Findings, files: Sequence[Source]) -> list[Manifest]:
    """Every object in the files. Raises FilesWrong for what cannot be read; what is no object becomes a problem."""
    if len(files) > MOST_FILES:
        raise FilesWrong([("", Problem("(files)", f"at most {MOST_FILES} files", str(len(files))))])
    found: list[Manifest] = []
    unreadable: list[tuple[str, Problem]] = []
    left = MOST_IN_ALL
    for file in files:
        try:
            text = _text(file.path) if file.text is None else file.text
            left -= len(text)
            if left < 0:
                raise NotReadable(f"files of at most {MOST_IN_ALL:,} characters in all", "more", None)
            found += _objects(findings, file.file, text)
        except NotReadable as error:
            unreadable.append((file.file, error.problem))
    if unreadable:
        raise FilesWrong(unreadable)
    return found


def _text(file: Path) -> str:
    try:
        with file.open("rb") as source:
            raw = source.read(4 * MOST_CHARACTERS + 1)
    except OSError as error:
        raise NotReadable("a file that can be read", error.strerror or type(error).__name__, None) from None
    try:
        return raw.decode("utf-8")
    except ValueError:
        raise NotReadable("text in UTF-8", "another encoding", None, "Save the file as UTF-8.") from None


def _objects(findings: Findings, file: str, text: str) -> Iterator[Manifest]:
    if helm := _HELM.search(text):
        line = text.count("\n", 0, helm.start()) + 1
        rest = text[helm.start() : helm.start() + 60].splitlines()[0]
        raise NotReadable("YAML without templates", one_line(f"`{rest}`", 80), line, _RENDER)
    bounds = Bounds("Kubernetes manifests", MOST_CHARACTERS, MOST_DEPTH, MOST_DOCUMENTS)
    try:
        roots, twice = read_all(text, bounds)
    except NotReadable as error:
        raise _with_hint(error, text) from None
    findings.problems += [(file, one) for one in twice]
    for root in roots:
        if root.value is not None:
            yield from _object(findings, file, root, "", root.line)


def _with_hint(error: NotReadable, text: str) -> NotReadable:
    """What stands in braces is a template more often than a mapping."""
    problem = error.problem
    lines = text.splitlines()
    near = lines[max(0, (problem.line or 1) - 2) : problem.line or 1]
    if problem.got == "an anchor or alias":
        return NotReadable(problem.expected, problem.got, problem.line, "`yq 'explode(.)' FILE` writes them out.")
    if any("{{" in one or "{%" in one for one in near):
        return NotReadable(problem.expected, problem.got, problem.line, _RENDER)
    return error


def _object(findings: Findings, file: str, node: Node, path: str, document: int) -> Iterator[Manifest]:
    spot = Spot(findings, file, node, path, node.line, document)
    if not isinstance(node.value, dict):
        spot.wrong("an object of Kubernetes: a mapping with apiVersion, kind and metadata")
        return
    kind = spot.text("kind", pattern=r"[A-Za-z][A-Za-z0-9]{0,62}", expected="a kind, such as Rollout")
    version = spot.text("apiVersion", pattern=r"[A-Za-z0-9./-]{1,120}", expected="a version, such as apps/v1")
    for key in ("kind", "apiVersion"):
        if key not in spot:
            spot.findings.wrong(file, f"{path}.{key}".lstrip("."), node.line, f"the key {key}", "nothing")
    if kind is None or version is None:
        return
    items = spot.node.value.get("items")
    if kind.endswith("List") and (kind == "List" or isinstance(items.value if items else None, list)):
        for index, row in enumerate(spot.rows("items")):
            yield from _object(findings, file, row.node, f"{path}items[{index}]", document)
        return
    if kind not in READ:
        yield Manifest(kind, version, _as_written(spot, "name"), _as_written(spot, "namespace"), spot)
        return
    name, namespace = spot.name("metadata", "name"), spot.name("metadata", "namespace")
    yield Manifest(kind, version, name or "", namespace or "", spot)


def _as_written(spot: Spot, key: str) -> str:
    """Of an object that is not read: whatever stands there."""
    meta = spot.node.value.get("metadata")
    found = meta.value.get(key) if meta is not None and isinstance(meta.value, dict) else None
    return one_line(found.text, 80) if found is not None else ""
