"""A model fills in the sheet of a drafted plan. Needs the extra ``agent``."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic_ai import Agent, ModelRetry, RunContext, ToolOutput
from pydantic_ai.exceptions import UnsupportedSettingWarning
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from pilotage.agent import instructions, trouble
from pilotage.agent.asked import Asked, Confirm
from pilotage.agent.denied import is_denied
from pilotage.agent.jail import Jail, hidden
from pilotage.agent.limits import Limits
from pilotage.agent.patience import Patience
from pilotage.agent.sheet import Filling, Sheet, Wrong
from pilotage.agent.tools import TOOLS, Desk
from pilotage.core.planning import draft
from pilotage.core.proposals import Repository

if TYPE_CHECKING:
    from pydantic_ai.models import Model

LISTED = 150


@dataclass
class Run:
    """What a run came to. `stopped` says why it ended before the model was done; empty when it was not."""

    stopped: str = ""
    requests: int = 0
    tokens: int = 0


def fill(model: Model, sheet: Sheet, limits: Limits, say: Callable[[str], None], confirm: Confirm | None = None) -> Run:
    """Whatever happens, what was filled in until then is on the sheet, and nothing is raised."""
    jail = sheet.jail or Jail(sheet.directory)
    usage, patience = RunUsage(), Patience(limits.waits, say)
    run = Run()
    try:
        asyncio.run(_fill(model, sheet, Desk(jail, limits, say), patience, usage, confirm))
    except (Exception, KeyboardInterrupt) as error:  # the parser's draft is better than a traceback
        run.stopped = trouble.sentence(error, patience.tries, limits.seconds)
    run.requests, run.tokens = usage.requests, usage.total_tokens
    requests = f"{run.requests} request{'' if run.requests == 1 else 's'}"
    say(f"filled {len(sheet.good)} of {len(sheet.wanted)}; {requests}, {run.tokens:,} tokens")
    return run


async def _fill(
    model: Model, sheet: Sheet, desk: Desk, patience: Patience, usage: RunUsage, confirm: Confirm | None
) -> None:
    limits = desk.limits

    def taken(ctx: RunContext[Desk], fillings: list[Filling]) -> list[Filling]:
        wrong = []
        for one in fillings:
            try:
                sheet.offer(one)
            except Wrong as error:
                wrong.append(f"- {one.place[:100]}: {error}")
        desk.say(f"filled {len(sheet.good)} of {len(sheet.wanted)}")
        if wrong:
            raise ModelRetry(
                "These do not count; the others are taken. Give these again, or leave them out:\n" + "\n".join(wrong)
            )
        return fillings

    output = ToolOutput(list[Filling], name="fill_in", description="The fillings for the open places.")
    agent = Agent(
        model,
        name="planner",
        output_type=output,
        instructions=instructions.PLAN,
        deps_type=Desk,
        tools=TOOLS if sheet.jail is not None else (),
        retries={"tools": 3, "output": limits.answers},
    )
    agent.output_validator(taken)
    async with asyncio.timeout(limits.seconds) as clock:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnsupportedSettingWarning)
            await agent.run(
                await asyncio.to_thread(asked, sheet, desk.jail),
                deps=desk,
                usage=usage,
                usage_limits=UsageLimits(
                    request_limit=limits.requests, tool_calls_limit=limits.looks, total_tokens_limit=limits.tokens
                ),
                model_settings=ModelSettings(timeout=limits.request_s, max_retries=0, cache=True),
                capabilities=[patience, Asked(confirm, clock).capability()],
            )


def asked(sheet: Sheet, jail: Jail) -> str:
    """The question, as JSON: text of others stays within its strings."""
    seen = _without_denied(sheet.seen) if sheet.seen is not None else Repository()
    files = jail.names if sheet.jail is not None else []
    told = {
        "open_places": sheet.wanted,
        "brief": sheet.brief.text,
        "draft": draft(sheet.brief, seen).text,
        "found_by_the_parser": [
            f"{one.port} {one.driver}: {'; '.join(map(str, one.traces))}" for one in seen.proposals[:40]
        ],
        "plan_folder": os.path.relpath(os.path.realpath(sheet.directory), jail.root),
        "files": files[:LISTED],
        "more_files": max(0, len(files) - LISTED),
    }
    return hidden(json.dumps(told, indent=1, ensure_ascii=False))


def _without_denied(seen: Repository) -> Repository:
    """The parser's look goes by its own rules: of files that the model may not read it is not told what they say."""
    return replace(
        seen,
        proposals=tuple(
            replace(one, traces=tuple(replace(at, text="") if is_denied(at.file) else at for at in one.traces))
            for one in seen.proposals
        ),
    )
