"""Whatever lies in the files: a plan, or every mistake with its file, line and path - in bounded time."""

# ruff: noqa: E501

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pilotage import planfile
from pilotage.core.brief import Brief
from pilotage.core.errors import PlanError
from pilotage.importing import FilesWrong, import_files

FILES = Path(__file__).parent / "files"
GOOD: dict[Literal["argo", "flagger"], list[str]] = {
    "argo": [(FILES / name).read_text() for name in ("rollout.yaml", "analysis.yaml")],
    "flagger": [(FILES / "canary.yaml").read_text()],
}
BLUE_GREEN = (FILES / "blue-green.yaml").read_text()


def wrong(tmp_path: Path, text: str | bytes, kind: Literal["argo", "flagger"] = "argo") -> str:
    file = tmp_path / "file.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FilesWrong) as caught:
        import_files(kind, [file])
    assert caught.value.problems
    return str(caught.value).replace(str(tmp_path) + "/", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "file.yaml: line 1: (file): expected Kubernetes manifests, got an empty file"),
        ("just words", "(document): expected an object of Kubernetes"),
        ("a: [1, 2", "file.yaml: line 1: (file): expected valid YAML"),
        (b"\xff\xfe\x00", "expected text in UTF-8"),
        ("kind: Rollout\n", "line 1: apiVersion: expected the key apiVersion, got nothing"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: pay}\n", "expected a Rollout (argoproj.io/v1alpha1), got Service pay"),
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "give the rendered manifests"),
        ("apiVersion: argoproj.io/v1\nkind: Rollout\nmetadata: {name: a}\n", "apiVersion: expected argoproj.io/v1alpha1"),
        ("metadata:\n  name: {{ .Values.name }}\n", "line 2: (file): expected YAML without templates"),
        ("{{- if .Values.on }}\nkind: Rollout\n{{- end }}\n", "Render it first: `helm template"),
        ("a: &a [x]\nb: *a\n", "line 1: (file): expected Kubernetes manifests without anchors and aliases"),
        ("a: !!python/object:os.system x\n", "without YAML tags"),
        ("[" * 100 + "]" * 100, "at most 40 levels"),
        ("---\n".join(["a: 1\n"] * 300), "at most 200 YAML documents"),
        ("x" * 300_000, "at most 200,000 characters"),
        ("apiVersion: v1\nkind: Pod\nkind: Pod\n", "line 3: kind: expected each key once"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in wrong(tmp_path, text)


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.monotonic()
    assert "anchors and aliases" in wrong(tmp_path, "\n".join(rows))
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("setWeight: 10", "setWeight: ten", 'line 45: spec.strategy.canary.steps[3].setWeight: expected a number'),
        ("setWeight: 10", "setWeight: 200", "setWeight: expected a number from 0 to 100, got 200"),
        ("setWeight: 10", "setWeight: 10.5", "steps[3].setWeight: expected a whole number"),
        ("{duration: 600}", "{duration: soon}", 'steps[4].pause.duration: expected a duration such as 30s, 10m or 1h30m, got "soon"'),
        ("{duration: 600}", "{duration: 9999h}", "expected a duration of at most 30 days"),
        ("name: payment\n  namespace", "name: Payment_1\n  namespace", "metadata.name: expected a name in Kubernetes"),
        ("canaryService: payment-canary", "canaryService: [a]", "spec.strategy.canary.canaryService: expected a name in Kubernetes, such as payment, got a list"),
        ("  strategy:\n    canary:\n", "  strategy:\n    canary: true\n    x:\n", "spec.strategy.canary: expected a mapping"),
        ("setWeight: 10", "{setWeight: 10, pause: {}}", "expected one kind of step, got setWeight and pause"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_line_and_path(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = GOOD["argo"][0]
    assert old in text
    assert said in wrong(tmp_path, text.replace(old, new, 1))


def test_every_mistake_is_told_at_once_each_with_its_own_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(GOOD["argo"][0].replace("setWeight: 10", "setWeight: x").replace("setWeight: 50", "setWeight: y"))
    other.write_text(GOOD["argo"][1].replace("timeout: 20", "timeout: []"))
    with pytest.raises(FilesWrong) as caught:
        import_files("argo", [one, other])
    said = str(caught.value)
    assert said.count("one.yaml: line") == 2
    assert "other.yaml: line 20: items[0].spec.metrics[0].provider.prometheus.timeout: expected a number" in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FilesWrong, match=r"none.yaml: .*expected a file that can be read"):
        import_files("argo", [tmp_path / "none.yaml"])


def everything(text: str) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in below for found in places(one, (*path, key)))]


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(), st.text(max_size=20),
    st.sampled_from(["", "{{args.x}}", "result[0] >= 0.5", "sum(rate(a[1m])) / sum(rate(b[1m]))", "10%", "-1s", "\u202e"]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)  # fmt: skip
SOURCES = [("argo", GOOD["argo"]), ("argo", [BLUE_GREEN]), ("flagger", GOOD["flagger"])]


def put(documents: list[Any], path: tuple[Any, ...], junk: Any, how: str) -> None:
    place = documents
    for key in path[:-1]:
        place = place[key]
    if how == "drop":
        del place[path[-1]]
    elif how == "add" and isinstance(place[path[-1]], dict):
        place[path[-1]]["surprise"] = junk
    else:
        place[path[-1]] = junk


def attempt(kind: Any, texts: list[str], folder: Path) -> None:
    """A plan that the loader understands as far as it is filled in, or problems with their places."""
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
    began = time.monotonic()
    try:
        found = import_files(kind, files)
    except FilesWrong as error:
        wrong_with = error.problems
    else:
        wrong_with = None
        plan = found.plan(found.brief(Brief(text="")), None)
        tree, twice = planfile.read(plan.text)
        assert not twice
        assert tree.plain() == json.loads(json.dumps(plan.data))
    assert wrong_with is None or (wrong_with and all(one.expected and one.path for one in wrong_with))
    assert time.monotonic() - began < 10


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_good_document_gives_a_plan_or_problems(data: st.DataObject, tmp_path: Path) -> None:
    kind, texts = data.draw(st.sampled_from(SOURCES))
    documents = [one for text in texts for one in everything(text)]
    for _ in range(data.draw(st.integers(1, 3))):
        known = [one for one in places(documents) if one]
        if known:
            how = data.draw(st.sampled_from(["put", "drop", "add"]))
            put(documents, data.draw(st.sampled_from(known)), data.draw(JUNK), how)
    text = "\n---\n".join(json.dumps(one, ensure_ascii=False) for one in documents)
    attempt(kind, [text], tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_the_text_gives_a_plan_or_problems(data: st.DataObject, tmp_path: Path) -> None:
    kind, texts = data.draw(st.sampled_from(SOURCES))
    text = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, len(text)))
    end = min(len(text), start + data.draw(st.integers(0, 30)))
    junk = data.draw(
        st.one_of(st.text(max_size=10), st.sampled_from(["{{ .Values.x }}", "\t", "&a ", "- ", ": ", "|\n"]))
    )
    attempt(kind, [*(one for one in texts if one is not text), text[:start] + junk + text[end:]], tmp_path)


FILLED = {
    "argo": ["rollout.yaml", "analysis.yaml"],
    "argo blue-green": ["blue-green.yaml"],
    "flagger": ["canary.yaml"],
}


@pytest.mark.parametrize("which", FILLED)
def test_the_loader_finds_nothing_wrong_but_what_is_to_be_filled_in(which: str, tmp_path: Path) -> None:
    kind: Any = which.split()[0]
    found = import_files(kind, [FILES / name for name in FILLED[which]])
    for known_bad in (None, True, False):
        plan = found.plan(found.brief(Brief(text="")), known_bad)
        with pytest.raises(PlanError) as caught:
            planfile.load(plan.text, directory=tmp_path)
        others = [
            one for one in caught.value.problems
            if not one.got.startswith("the placeholder") and not _driver_to_come(one.path, one.got)
        ]  # fmt: skip
        assert others == []


def _driver_to_come(path: str, got: str) -> bool:
    from pilotage.drivers import registry

    port = "logs" if path.startswith("logs") else path.partition("[")[0]
    return path.endswith(".driver") and got.strip('"') not in registry.names(port)
