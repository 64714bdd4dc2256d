"""A model answers a question about a rollout from what Pilotage says of it. Needs the extra ``agent``."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_ai import Agent, ModelRetry, ToolOutput
from pydantic_ai.exceptions import UnsupportedSettingWarning
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from pilotage.agent import instructions, trouble
from pilotage.agent.jail import hidden
from pilotage.agent.limits import Limits
from pilotage.agent.patience import Patience
from pilotage.core.redact import redact
from pilotage.core.words import printable

if TYPE_CHECKING:
    from pydantic_ai.models import Model

MOST_SENTENCES = 6
LONGEST_SENTENCE = 400
LONGEST_QUESTION = 2000
MOST_TOLD = 60_000
"""Characters of what is told of the rollout."""


@dataclass(frozen=True)
class Sentence:
    """`entries` are the numbers of the timeline's entries that it relies on."""

    text: str
    entries: list[int]


@dataclass
class Answer:
    """`stopped` says why there is none; empty when there is one."""

    sentences: tuple[Sentence, ...] = ()
    stopped: str = ""
    tokens: int = 0


def answer(
    model: Model, question: str, told: Mapping[str, Any], numbers: set[int], limits: Limits, say: Callable[[str], None]
) -> Answer:
    """`told` is what is known of the rollout, `numbers` those of its timeline. Nothing is raised."""
    usage, patience = RunUsage(), Patience(limits.waits, say)
    try:
        sentences = asyncio.run(_answer(model, question, told, numbers, limits, patience, usage))
    except (Exception, KeyboardInterrupt) as error:  # what `explain` says is better than a traceback
        return Answer(stopped=trouble.sentence(error, patience.tries, limits.seconds), tokens=usage.total_tokens)
    return Answer(tuple(sentences), tokens=usage.total_tokens)


async def _answer(
    model: Model,
    question: str,
    told: Mapping[str, Any],
    numbers: set[int],
    limits: Limits,
    patience: Patience,
    usage: RunUsage,
) -> list[Sentence]:
    output = ToolOutput(list[Sentence], name="answer", description="The answer, sentence by sentence.")
    agent = Agent(
        model,
        name="answerer",
        output_type=output,
        instructions=instructions.ASK,
        retries={"output": limits.answers},
        capabilities=[patience],
    )

    @agent.output_validator
    def holds(sentences: list[Sentence]) -> list[Sentence]:
        if wrong := _wrong(sentences, numbers):
            raise ModelRetry(wrong)
        return [Sentence(printable(redact(one.text)).strip(), sorted(set(one.entries))) for one in sentences]

    async with asyncio.timeout(limits.seconds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnsupportedSettingWarning)
            done = await agent.run(
                asked(question, told),
                usage=usage,
                usage_limits=UsageLimits(request_limit=limits.requests, total_tokens_limit=limits.tokens),
                model_settings=ModelSettings(timeout=limits.request_s, max_retries=0),
            )
    return done.output


def _wrong(sentences: list[Sentence], numbers: set[int]) -> str:
    if not 1 <= len(sentences) <= MOST_SENTENCES:
        return f"expected 1 to {MOST_SENTENCES} sentences, got {len(sentences)}"
    if any(not one.text.strip() or len(one.text) > LONGEST_SENTENCE for one in sentences):
        return f"expected sentences of at most {LONGEST_SENTENCE} characters, none empty"
    if unknown := sorted({entry for one in sentences for entry in one.entries} - numbers):
        return f"the timeline has no entry {', '.join(map(str, unknown))}: cite entries that it has"
    if numbers and not any(one.entries for one in sentences):
        return "cite the timeline's entries that the answer relies on, by their numbers"
    return ""


def asked(question: str, told: Mapping[str, Any]) -> str:
    """As JSON: text of others stays within its strings."""
    about = hidden(json.dumps(told, indent=1, ensure_ascii=False))[:MOST_TOLD]
    return f"Question: {json.dumps(hidden(question[:LONGEST_QUESTION]), ensure_ascii=False)}\n\nData:\n{about}"
