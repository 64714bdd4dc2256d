"""The texts: read from the source, and what stands at the head of each kind of file."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from pilotage import __version__

NAME = "pilotage"
DESCRIPTION = (
    "Plans, starts, watches and explains the deployment of a hot-fix with Pilotage, and takes it back in doubt. "
    "Use it when somebody asks to deploy, roll out or ship a fix, to write a deployment plan, to say how a rollout "
    "stands or why it holds, or to stop or undo one. It never approves: a person does."
)
COMPATIBILITY = (
    "Needs the command pilotage with its extra mcp (pip install 'pilotage[mcp]') and a coordinator that it can reach."
)
LICENCE = "Apache-2.0"


@cache
def source(name: str) -> str:
    text = files("pilotage.integrations").joinpath("source", name).read_text(encoding="utf-8")
    return text.replace("@VERSION@", __version__)


def front_matter(head: dict[str, str | list[str]], body: str) -> str:
    """YAML in which every value is JSON, which YAML contains: nothing in a text can mean something else."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    return "\n".join(["---", *lines, "---", "", body])


def skill() -> str:
    head: dict[str, str | list[str]] = {"name": NAME, "description": DESCRIPTION, "license": LICENCE}
    return front_matter(head | {"compatibility": COMPATIBILITY}, source("skill.md"))


def agent() -> str:
    """The sub-agent's own text: who it is, then the skill's steps."""
    return f"{source('agent.md')}\n{source('skill.md')}"


def as_json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
