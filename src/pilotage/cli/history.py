"""`pilotage history`: how deliveries went."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from pilotage.cli.client import Api
from pilotage.cli.output import as_json, say
from pilotage.core.quantities import duration


@click.command()
@click.option("--days", default=30, type=click.IntRange(1, 366), help="The last so many days (default: 30).")
@click.option("--service", default="", help="This service only (default: all).")
@click.option("--environment", default="", help="This environment only (default: all).")
@as_json
def history(days: int, service: str, environment: str, json_out: bool) -> None:
    """How deliveries went: how often, how many failed, how long going back and going live took (DORA's figures)."""
    asked = {"days": days, "service": service, "environment": environment}
    told = Api().get(f"/v1/history?{urlencode(asked)}")
    say(json_out, told, history_text(told))


def history_text(told: dict[str, Any]) -> str:
    """A block for all together, and one for each service and environment where there are several."""
    blocks = [_block(f"The last {told['days']} days", told["all"])]
    if len(told["services"]) > 1:
        blocks += [_block(f"{one['service']} in {one['environment']}", one) for one in told["services"]]
    return "\n\n".join(blocks)


def _block(title: str, one: dict[str, Any]) -> str:
    if not one["changes"]:
        beside = _beside(one)
        return f"{title}: no change was delivered{f'; {beside}' if beside else ''}"
    rate = f"{one['failure_rate']:.1%} ({one['failed']} of {one['changes']}; 95 % interval {one['low']:.1%}"
    lines = [
        f"{title}:",
        f"  deployment frequency     {one['per_week']:.3g} a week ({one['promoted']} promoted)",
        f"  change failure rate      {rate} to {one['high']:.1%})",
        f"  time to restore, median  {_median(one['restore'])}",
        f"  lead time, median        {_median(one['lead'])}",
    ]
    if beside := _beside(one):
        lines.append(f"  not counted              {beside}")
    return "\n".join(lines)


def _median(one: dict[str, Any]) -> str:
    return f"{duration(one['seconds'])} (n {one['n']})" if one["n"] else "-"


def _beside(one: dict[str, Any]) -> str:
    parts = []
    if one["before_traffic"]:
        parts.append(f"{one['before_traffic']} turned back before any traffic reached the new version")
    if one["undecided"]:
        parts.append(f"{one['undecided']} that Pilotage itself could not finish")
    return ", ".join(parts)
