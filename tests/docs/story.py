"""The story of docs/coding-agents.md, as it happens: a coding agent over MCP, a person at a terminal, a real rollout.

.venv/bin/python -m tests.docs.story     writes what was said into docs/coding-agents.md anew

The agent is the official client with the steps of the skill; no model is asked. It works in `examples/payment`, whose
metrics come from here: the fix helps, and less than it should. The person asks for seconds instead of minutes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from tests.docs.example import BRIEF, ROOT, repository
from tests.stage import Local, Stage, local

PAGE = ROOT / "docs" / "coding-agents.md"
BEGIN, END = "<!-- the story begins -->", "<!-- the story ends -->"
TICKED = ("hotfix-tested", "way-back-read", "stakeholders-told", "build-green", "configuration-reviewed")
METRICS = """# Metrics of payment

Both pools are scraped at {url}; the label `group` is `new` or `old`.
Requests: `requests_total`. Failed ones: `errors_total`. Orders that met the null pointer: `npe_total`.
"""
PHASES = "  - {weight: 10%, watch: 60s}\n  - {weight: 100%, watch: 10s}\n"


class Payment(Stage):
    """Its share is the flag's, as it stands in flags.json."""

    def weight(self) -> float:
        flags = json.loads((self.folder / "flags.json").read_text())["flags"]
        parts = dict(flags["payment-null-fix"]["targeting"]["fractional"])
        return 100 * float(parts.get("on", 0)) / sum(parts.values())

    def page(self) -> str:
        """Whole requests."""
        return re.sub(r"(?<= )(\d+)\.\d+", r"\1", super().page())


@dataclass
class Story:
    """Who said or did what, in order; `tell` makes Markdown of it."""

    lines: list[str] = field(default_factory=list)
    hidden: dict[str, str] = field(default_factory=dict)
    """What differs each time, and what stands for it."""

    def person(self, said: str) -> None:
        self.lines.append(f"**Person:** {said}")

    def agent(self, said: str) -> None:
        self.lines.append(f"**Agent:** {said}")

    def call(self, tool: str, given: dict[str, Any], answered: str) -> None:
        words = ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items())
        self.lines.append(f"```text\n{tool}({words})\n  {answered}\n```")

    def typed(self, command: str, came: str) -> None:
        self.lines.append(f"```console\n$ {command}\n{came.strip()}\n```")

    def tell(self) -> str:
        text = "\n\n".join(self.lines)
        for found, stands in sorted(self.hidden.items(), key=lambda one: -len(one[0])):
            text = text.replace(found, stands)
        text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", text)
        return re.sub(r"[a-z]+-[0-9a-f]{8}~[\w-]+|\b[\w.-]+~[\w-]{20,}", "HANDLE", text)


@dataclass
class World:
    folder: Path
    coordinator: Local
    stage: Payment
    story: Story

    def types(self, command: str, *words: str) -> str:
        """The person, at a terminal of their own."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PILOTAGE_", "TEMPORAL_"))}
        done = subprocess.run(
            [sys.executable, "-m", "pilotage", command, *words],
            cwd=self.folder,
            env={**clean, "PILOTAGE_STATE": str(self.coordinator.state), "USER": "ann", "LOGNAME": "ann"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        self.story.typed(" ".join(["pilotage", command, *words]), done.stdout)
        return done.stdout


@dataclass
class Agent:
    client: Client
    story: Story

    async def does(self, tool: str, **given: Any) -> dict[str, Any]:
        result = await self._call(tool, given)
        assert not result.is_error, result
        answer: dict[str, Any] = result.structured_content
        self.story.call(tool, given, answer["say"])
        return answer

    async def is_refused(self, tool: str, **given: Any) -> str:
        result = await self._call(tool, given)
        assert result.is_error
        said = "\n".join(one.text for one in result.content if isinstance(one, TextContent))
        self.story.call(tool, given, said.replace("\n", "\n  "))
        return said

    async def looks(self, rollout: str) -> dict[str, Any]:
        """Without a word: nothing changed."""
        result = await self._call("rollout_status", {"rollout": rollout})
        answer: dict[str, Any] = result.structured_content
        return answer

    async def _call(self, tool: str, given: dict[str, Any]) -> CallToolResult:
        result = await self.client.call_tool(tool, given)
        assert isinstance(result, CallToolResult)
        return result


def fill(text: str, url: str) -> str:
    """What the agent writes into the plan: each value with its place."""
    given = {
        "metrics.groups.canary": ("new", 3),
        "metrics.groups.control": ("old", 3),
        "metrics.errors.total": ('requests_total{group="$group"}', 4),
        "metrics.errors.bad": ('errors_total{group="$group"}', 4),
        "metrics.bug.total": ('requests_total{group="$group"}', 4),
        "metrics.bug.bad": ('npe_total{group="$group"}', 4),
    }
    lines, section = [], ""
    for line in text.splitlines():
        if found := re.match(r"  (\w+):", line):
            section = found[1]
        if found := re.match(r"    (\w+): \"REPLACE_ME", line):
            value = given.get(f"metrics.{section}.{found[1]}")
            if value is not None:
                line = f"    {found[1]}: {json.dumps(value[0])}  # monitoring/README.md:{value[1]}"
        lines.append(line)
    text = "\n".join(lines) + "\n"
    text = re.sub(r"  # Leave `latency` out.*?unit: s\n", "", text, flags=re.DOTALL)
    source = f'    app: {{driver: scrape, urls: ["{url}"]}}  # monitoring/README.md:3\n'
    text = re.sub(r"    prometheus: \{.*\n", source, text)
    return text.replace("source: prometheus", "source: app")


def hurried(text: str) -> str:
    """Seconds, as the person asked for them."""
    text = re.sub(r"^phases:\n(?:  - .*\n)+", f"phases:\n{PHASES}", text, flags=re.MULTILINE)
    text = re.sub(r"^baseline: \S+", "baseline: 2s", text, flags=re.MULTILINE)
    text = re.sub(r"^tick: \S+", "tick: 1s", text, flags=re.MULTILINE)
    text = re.sub(r"^after: .*\n", "", text, flags=re.MULTILINE)
    return text.replace("p95: 10%, ", "").replace(", p95: 2x", "")


async def drive(world: World, agent: Agent) -> None:
    story, url = world.story, f"http://127.0.0.1:{world.stage.port}/metrics"
    story.hidden[f":{world.stage.port}/"] = ":9102/"
    story.person(BRIEF)
    drafted = await agent.does("create_plan", brief=BRIEF, on_call="Ann Example @ann")
    story.agent(f"Missing: {', '.join(f'`{one}`' for one in drafted['missing'])}.")
    for one in drafted["outside_text"]["proposals"]:
        places = [f"`{place['file']}:{place['line']}`" for place in one["found_in"][:1]]
        if one["driver"] and places and one["port"] in ("deploy", "traffic"):
            story.agent(f"For {one['port']} I take `{one['driver']}`, seen in {places[0]}.")
    story.agent(
        "The metrics' names stand in `monitoring/README.md:3` and `:4`; I have written them into `plan.yaml`, each "
        "with its place. It has no latency, so I leave that out: it will not be measured."
    )
    story.person("Good. This is a rehearsal: seconds instead of minutes, 10 % and then all.")
    plan = world.folder / "plan.yaml"
    plan.write_text(hurried(fill(drafted["outside_text"]["plan"], url)), encoding="utf-8")
    checked = await agent.does("check_plan", file="plan.yaml")
    assert checked["good"], checked
    asked = await agent.does("request_approval", file="plan.yaml", note="payment null pointer hot-fix")
    assert asked["digest"] == checked["digest"]
    name = asked["approve_command"].split()[-1]
    story.hidden |= {
        name: "payment-PLAN",
        asked["plan"]: "HANDLE",
        asked["approve_page"]: "https://.../plans/payment-PLAN",
    }
    story.hidden[f":{asked['approve_page'].split(':')[2].split('/')[0]}/"] = ":8700/"
    story.agent(
        f"The plan's digest is `{asked['digest']}`. It gives 2.4.1 10 % for a minute, then everything, and goes back "
        f"by itself. Please look at it and approve it: on its page, or with `{asked['approve_command']}`. I cannot."
    )
    told = await agent.is_refused("start_rollout", plan=asked["plan"], digest=asked["digest"])
    assert "approve" in told
    story.agent("Not yet: these are yours.")
    world.types("tick", name, *TICKED, "--by", "ann")
    world.types("approve", name)
    started = await agent.does("start_rollout", plan=asked["plan"], digest=asked["digest"], reason="null pointer")
    rollout = started["rollout"]
    story.hidden |= {started["id"]: "payment-ROLLOUT", rollout: "HANDLE"}
    seen = await agent.looks(rollout)
    for _ in range(600):
        if seen["needs_person"] or seen["ended"] or seen["status"] == "held":
            break
        await asyncio.sleep(0.2)
        seen = await agent.looks(rollout)
    assert seen["status"] == "held", seen
    await agent.does("rollout_status", rollout=rollout)
    why = await agent.does("explain_verdict", rollout=rollout)
    story.agent(why["outside_text"]["sentence"])
    story.person("Then let it go on, I want this fix out.")
    offered = {one.name for one in (await agent.client.list_tools()).tools}
    assert not offered & {"approve", "promote", "resume", "tick", "override"}
    told = await agent.is_refused("promote", rollout=rollout)
    assert "there is no tool" in told
    story.agent(
        "That I cannot: going on after a hold is a person's, with `pilotage resume` or on the page. What I can always "
        "do is go back. Half of those who met the bug before meet it still, so I would."
    )
    story.person("Go back.")
    back = await agent.does("rollback", rollout=rollout, reason="the fix helps too little; Ann decided")
    assert back["done"], back
    assert world.stage.weight() == 0
    await agent.does("rollout_status", rollout=rollout)
    await agent.does("history", service="payment", days=1)


async def tell(folder: Path, coordinator: Local) -> Story:
    place = repository(folder)
    shutil.rmtree(place / ".github")  # its build is green on no real GitHub: a person vouches for it
    origin = folder / "origin.git"
    for words in (
        ["init", "--quiet", "--bare", str(origin)],
        ["-C", str(place), "remote", "set-url", "origin", str(origin)],
        ["-C", str(place), "push", "--quiet", "origin", "main"],
    ):
        subprocess.run(["git", *words], check=True, capture_output=True)
    stage = Payment(place)
    stage.npe_rate |= {"old": 0.45, "new": 0.22}
    (place / "monitoring" / "README.md").write_text(METRICS.format(url=f"http://127.0.0.1:{stage.port}/metrics"))
    story = Story()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PILOTAGE_", "TEMPORAL_"))}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pilotage", "mcp", "--allow", "rollout"],
        env={**environment, "PILOTAGE_STATE": str(coordinator.state)},
        cwd=str(place),
    )
    try:
        async with Client(stdio_client(server)) as client:
            await drive(World(place, coordinator, stage, story), Agent(client, story))
    finally:
        stage.close()
    return story


def page_with(story: str) -> str:
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return f"{head}{BEGIN}\n\n{story}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as here, local(Path(here) / "state") as running:
        told = asyncio.run(tell(Path(here), running)).tell()
        if PAGE.exists():
            PAGE.write_text(page_with(told), encoding="utf-8")
        print(told)
