"""`plan --model`: the drafted plan's open places, filled in by a model. Imported only when it is asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pilotage.agent.jail import Jail
from pilotage.agent.limits import Limits
from pilotage.agent.models import full_name, model_of
from pilotage.agent.sheet import Sheet
from pilotage.core.brief import Brief
from pilotage.core.planning import PlanDraft
from pilotage.core.proposals import Repository
from pilotage.core.redact import redact
from pilotage.core.words import printable
from pilotage.drafting import plain

LIMITS = Limits()


@dataclass
class Filled:
    """The sheet after the model's run; `stopped` says why that ended early."""

    sheet: Sheet
    stopped: str
    requests: int
    tokens: int

    def completed(self, brief: Brief) -> tuple[Brief, PlanDraft]:
        return self.sheet.completed(brief)

    def as_data(self) -> dict[str, Any]:
        left = {one: self.sheet.refused.get(one, "the model gave nothing for it") for one in self.sheet.left}
        return {
            "name": self.sheet.model,
            "filled": [plain(one) for one in self.sheet.good.values()],
            "left": [{"place": place, "why": redact(why)} for place, why in left.items()],
            "stopped": self.stopped,
            "requests": self.requests,
            "tokens": self.tokens,
        }


def fill_in(name: str, brief: Brief, seen: Repository | None, directory: Path, asking: bool) -> Filled:
    """Raises NoModel."""
    full = full_name(name)
    model = model_of(full)
    from pilotage.agent.planner import fill

    jail = Jail(Path(seen.root)) if seen is not None and seen.root else None
    if jail is not None and jail.root in (Path("/"), Path.home().resolve()):
        _say(f"{jail.root} is no repository: the model does not look into it")
        jail = None
    sheet = Sheet(brief, seen, directory, jail, full)
    run = fill(model, sheet, LIMITS, _say, _confirm if asking else None)
    for place, why in sheet.refused.items():
        if place in sheet.left:
            _say(f"left open: {place}: {redact(why)[:300]}")
    if run.stopped:
        kept = "what it had filled in until then is kept" if sheet.good else "this is the draft without it"
        click.echo(f"{full} did not finish: {run.stopped}; {kept}.", err=True)
    return Filled(sheet, run.stopped, run.requests, run.tokens)


def _say(what: str) -> None:
    click.echo(printable(f"  {what}"), err=True)


def _confirm(command: str) -> bool:
    click.echo(f"The model asks to run, in the repository:\n  {printable(command)}", err=True)
    try:
        return click.confirm("Run it?", default=False, err=True)
    except click.Abort:
        sys.stderr.write("\n")
        raise KeyboardInterrupt from None
