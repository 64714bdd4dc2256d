"""The story of docs/coding-agents.md happens as it is told, and what the pages say of files and CI is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from pilotage.integrations.targets import TARGETS
from pilotage.integrations.tools import Allow
from tests.ci.runner import ACTION, TEMPLATE
from tests.docs.story import BEGIN, END, PAGE, tell
from tests.stage import local

DOCS = PAGE.parent


def without_numbers(text: str) -> list[str]:
    text = re.sub(r"evidence \S+( x \S+)?;", "evidence N;", text)
    return re.sub(r"\d+(?:[.,:]\d+)*", "N", text).strip().split("\n")


async def test_the_story_happens_as_it_is_told(tmp_path: Path) -> None:
    with local(tmp_path / "state") as coordinator:
        story = await tell(tmp_path, coordinator)
    told = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert without_numbers(told) == without_numbers(story.tell()), "`python -m tests.docs.story` writes it anew"


def test_the_page_names_every_file_that_is_written_and_every_tool() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, package in TARGETS.items():
        if package.place:
            assert f"`{package.place}/" in text + (DOCS / "ci.md").read_text(), name
            continue
        for path in package.files():
            assert f"`{path}`" in text, (name, path)
    for tool in Allow.ROLLOUT.tools:
        assert f"`{tool}`" in text


def test_the_ci_page_names_every_input_output_and_variable() -> None:
    text = (DOCS / "ci.md").read_text(encoding="utf-8")
    for name in (*ACTION["inputs"], *ACTION["outputs"], *TEMPLATE[".pilotage"]["variables"], "PILOTAGE_GITLAB_TOKEN"):
        assert f"`{name}`" in text, name


def test_the_workflows_on_the_ci_page_are_valid_and_use_what_there_is(tmp_path: Path) -> None:
    hub, lab = re.findall(r"```yaml\n(.*?)```", (DOCS / "ci.md").read_text(encoding="utf-8"), re.DOTALL)
    for name, text, schema in (("hub.yml", hub, "github-workflows"), ("lab.yml", lab, "gitlab-ci")):
        (tmp_path / name).write_text(text)
        asked = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(tmp_path / name)]
        done = subprocess.run([sys.executable, *asked], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    steps = YAML(typ="safe").load(hub)["jobs"]["pilotage"]["steps"]
    ours = [one for one in steps if one["uses"] == f"./{TARGETS['github'].place}"]
    assert len(ours) == 2
    assert all(set(one["with"]) <= set(ACTION["inputs"]) for one in ours)
    jobs = YAML(typ="safe").load(lab)
    assert {one["extends"] for name, one in jobs.items() if name != "include"} <= set(TEMPLATE)
