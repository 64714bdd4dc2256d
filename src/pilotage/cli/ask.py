"""`ask`: a question about a rollout, answered by a model from what Pilotage says of it, else by `explain`'s words."""

from __future__ import annotations

import re
from typing import Any

import click

from pilotage.cli.client import Api
from pilotage.cli.output import as_json, say

FIRST, LAST = 20, 120
"""Entries of the timeline that are shown to the model: how it began, and what came last."""


@click.command()
@click.argument("rollout", metavar="ID")
@click.argument("question")
@click.option(
    "--model",
    metavar="PROVIDER:NAME",
    help="Such as anthropic:sonnet (default: what PILOTAGE_MODEL names, else this).",
)
@as_json
def ask(rollout: str, question: str, model: str | None, json_out: bool) -> None:
    """Ask about a rollout in plain words: `pilotage ask latest "why did it hold?"`.

    The answer cites the numbers of the timeline's entries. A model that is not there is replaced by what
    `pilotage explain` says. Nothing is done to the rollout.
    """
    from pilotage.agent.limits import Limits
    from pilotage.agent.models import NoModel, full_name, model_of

    api = Api()
    explained = api.get(f"/v1/rollouts/{rollout}/explain")
    name, full = explained["id"], full_name(model)
    try:
        chosen = model_of(full)
    except NoModel as error:
        _fall_back(explained, str(error), full, json_out)
        return
    from pilotage.agent.answering import answer

    timeline = [_entry(one) for one in api.every(f"/v1/rollouts/{name}/events")]
    told = {
        "now": _standing(api.get(f"/v1/rollouts/{name}")),
        "explanation": explained["text"],
        "new_errors": _new_errors(api.get(f"/v1/rollouts/{name}/report")),
        "timeline": timeline if len(timeline) <= FIRST + LAST else [*timeline[:FIRST], *timeline[-LAST:]],
    }
    found = answer(chosen, question, told, {one["number"] for one in timeline}, Limits(), _progress)
    if found.stopped:
        _fall_back(explained, found.stopped, full, json_out)
        return
    by_number = {one["number"]: one for one in timeline}
    cited = [by_number[number] for number in sorted({entry for one in found.sentences for entry in one.entries})]
    lines = [f"{one.text}{''.join(f' [{entry}]' for entry in one.entries)}" for one in found.sentences]
    lines += ["", *(f"[{one['number']}] {one['at']} {one['sentence']}" for one in cited)]
    data = {
        "id": name,
        "sentences": [{"text": one.text, "entries": one.entries} for one in found.sentences],
        "entries": cited,
        "model": full,
        "tokens": found.tokens,
    }
    say(json_out, data, "\n".join(lines).rstrip())
    _progress(f"{full}: {found.tokens:,} tokens")


def _fall_back(explained: dict[str, Any], why: str, model: str, json_out: bool) -> None:
    click.echo(f"{model} gives no answer: {why}. This is what `pilotage explain` says.", err=True)
    data = {"id": explained["id"], "sentences": [], "explanation": explained["text"], "stopped": why, "model": model}
    say(json_out, data, explained["text"])


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    from pilotage.core.words import clock_time, printable

    return {
        "number": one["number"],
        "at": clock_time(one["at"]),
        "by": printable(one["by"])[:100],
        "sentence": printable(one["sentence"])[:500],
    }


def _standing(view: dict[str, Any]) -> dict[str, Any]:
    kept = ("service", "environment", "version", "previous", "severity", "summary", "strategy", "status", "phase_name")
    more = ("weight_in_force", "share_observed", "reason", "needs_person", "commands", "time_left_s", "verdict")
    return {key: view[key] for key in (*kept, *more, "findings")}


def _new_errors(report: str) -> str:
    """The report's section of them."""
    found = re.search(r"^## Errors in the canary.*?(?=^## |\Z)", report, re.MULTILINE | re.DOTALL)
    return found[0][:8000] if found else ""


def _progress(what: str) -> None:
    click.echo(f"  {what}", err=True)
