"""The command line: a thin client of the API. Heavy imports stay inside the commands that need them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click

from pilotage import __version__
from pilotage.cli import (
    announce,
    approvals,
    audit,
    check,
    checklist,
    ci,
    coordinator,
    direct,
    drivers,
    explain,
    gates,
    importing,
    integrate,
    mcp,
    metrics,
    opening,
    plan,
    planfiles,
    report,
    tokens,
    watchdog,
    webhooks,
)
from pilotage.cli.ask import ask
from pilotage.cli.client import Api, ApiError, whoami
from pilotage.cli.followups import followups
from pilotage.cli.history import history
from pilotage.cli.logs import logs
from pilotage.cli.output import as_json, say
from pilotage.cli.simulate import simulate
from pilotage.cli.starting import sent, start
from pilotage.core.errors import CoordinatorUnreachable, PilotageError, PlanError

REFUSED = (400, 401, 403, 404, 409, 412, 422)
"""What the coordinator answers to a person's own mistake, or to what they may not."""
PROMOTED, ROLLED_BACK, PLAN_WRONG, PERSON_NEEDED, FAILED = 0, 1, 2, 3, 4

F = TypeVar("F", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pilotage")
def cli() -> None:
    """Bring a hot-fix safely into production - or back, by itself or with one command.

    \b
    pilotage demo                   see it work, in a minute
    pilotage plan "<brief>" -o plan.yaml
    pilotage check plan.yaml
    pilotage run plan.yaml
    pilotage rollback               at any moment
    """


# ------------------------------------------------------------------ plans


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--reason", default="", help="Kept in the record.")
@click.option("--detach", is_flag=True, help="Start, print the id, and do not follow.")
@click.option("--override", "overrides", multiple=True, metavar="ITEM", help="Pass over an open item; needs a reason.")
@click.option("--at-window", is_flag=True, help="Start when the plan's window opens.")
@as_json
def run(file: Path, reason: str, detach: bool, overrides: tuple[str, ...], at_window: bool, json_out: bool) -> None:
    """Run a plan FILE. It goes on when this terminal closes.

    Exit codes: 0 promoted, 1 rolled back, 2 the plan is wrong, 3 a person is needed, 4 Pilotage itself failed.
    """
    from pilotage import planfile

    planfile.load_file(file)
    body = sent(file)
    api = Api()
    if at_window:
        known = api.post("/v1/plans", {**body, "by": whoami()})["id"]
        how = {"by": whoami(), "reason": reason, "overrides": list(overrides)}
        answer = api.post(f"/v1/plans/{known}/schedule", how)
        say(json_out, answer, checklist.scheduled_text(answer))
        return
    rollout = start(api, body, reason, overrides)
    if detach:
        say(json_out, {"id": rollout}, rollout)
        return
    sys.exit(follow(api, rollout, json_out))


# ------------------------------------------------------------------ looking


@cli.command()
@click.argument("rollout", default="latest", metavar="[ID]")
@as_json
def status(rollout: str, json_out: bool) -> None:
    """Where a rollout stands (the newest when no ID is given)."""
    view = Api().get(f"/v1/rollouts/{rollout}")
    lines = [f"{view['id']}: {view['status']}, phase {view['phase_name']}, {view['weight_in_force']:g} % in force"]
    if view["reason"]:
        lines.append(f"  {view['reason']}")
    if view["commands"]:
        lines.append(f"  now possible: {', '.join(view['commands'])}")
    say(json_out, view, "\n".join(lines))


@cli.command("list")
@click.option("--active", is_flag=True, help="Those that run only.")
@click.option("--search", default="", metavar="TEXT", help="In ids, services, environments, people and versions.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="The newest so many.")
@as_json
def list_rollouts(active: bool, search: str, limit: int, json_out: bool) -> None:
    """All rollouts, the newest first."""
    asked = f"limit={min(limit, 200)}" + ("&active=true" if active else "") + (f"&q={quote(search)}" if search else "")
    rows = Api().every(f"/v1/rollouts?{asked}", limit)
    lines = [
        f"{row['id']:<36} {row['status']:<18} {row['weight_in_force']:>5g} %  "
        f"{row['service']} {row['version']} in {row['environment']}, by {row['by']}"
        for row in rows
    ]
    say(json_out, rows, "\n".join(lines) or "There is no rollout yet. Start one with `pilotage run plan.yaml`.")


@cli.command()
@click.argument("rollout", default="latest", metavar="[ID]")
@as_json
def watch(rollout: str, json_out: bool) -> None:
    """Follow a rollout live until it ends."""
    api = Api()
    sys.exit(follow(api, api.get(f"/v1/rollouts/{rollout}")["id"], json_out))


# ------------------------------------------------------------------ commands to a rollout


def _command(name: str, text: str) -> None:
    @cli.command(name, help=text)
    @click.argument("rollout", default="latest", metavar="[ID]")
    @click.option("--reason", default="", help="Kept in the record.")
    @as_json
    def command(rollout: str, reason: str, json_out: bool) -> None:
        outcome = Api().post(f"/v1/rollouts/{rollout}/{name}", {"by": whoami(), "reason": reason})
        say(json_out, outcome, f"{outcome['id']}: {outcome['message']}")
        if not outcome["done"]:
            sys.exit(FAILED)


_command("pause", "Keep the traffic where it is; the judge goes on guarding, the phase's time does not run.")
_command("resume", "Go on after a pause or a hold.")
_command("hold", "Hold: like pause, but the plan's hold deadline and policy apply.")
_command("promote", "Pass the present phase now, before its watch is over.")


@cli.command("report-trouble")
@click.argument("rollout", metavar="ID")
@click.argument("text")
@click.option("--by", default=None, help="Who says so (default: you); with a login it is kept in the reason.")
@as_json
def report_trouble(rollout: str, text: str, by: str | None, json_out: bool) -> None:
    """Note that users say it is worse. Enough of these in a phase hold the rollout and ask a person.

    ID may be `latest`.
    """
    body = {"by": whoami(), "reason": text, "on_behalf": by or ""}
    outcome = Api().post(f"/v1/rollouts/{rollout}/report-trouble", body)
    say(json_out, outcome, f"{outcome['id']}: {outcome['message']}")


# ------------------------------------------------------------------ all the rest


@cli.command()
@click.option("--bad", is_flag=True, help="Ship a fix that raises errors: it is rolled back by itself.")
@click.option("--serve", is_flag=True, help="Only start the services, the proxy and the load; write plan.yaml here.")
def demo(bad: bool, serve: bool) -> None:
    """A whole rollout on this machine: real proxy, real services, real load. About a minute."""
    from pilotage.demo.run import run_demo, serve_scene

    sys.exit(serve_scene(bad) if serve else run_demo(bad))


coordinator.register(cli)
cli.add_command(simulate)
cli.add_command(logs)
cli.add_command(followups)
cli.add_command(history)
explain.register(cli)
cli.add_command(ask)
report.register(cli)
plan.register(cli)
importing.register(cli)
check.register(cli)
drivers.register(cli)
metrics.register(cli)
mcp.register(cli)
announce.register(cli)
approvals.register(cli)
audit.register(cli)
checklist.register(cli)
gates.register(cli)
planfiles.register(cli)
direct.register(cli)
watchdog.register(cli)
tokens.register(cli)
opening.register(cli)
webhooks.register(cli)
ci.register(cli)
integrate.register(cli)


def follow(api: Api, rollout: str, json_out: bool) -> int:
    """Shows the rollout until it ends, or until a person is needed and none sits here; returns the exit code."""
    from pilotage.cli.follow import follow as follow_live

    return follow_live(api, rollout, json_out)


def main() -> None:
    """The entry point: errors become sentences, never tracebacks."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(PLAN_WRONG)
    except PlanError as error:
        _fail(str(error), PLAN_WRONG, {"type": "PlanError", "problems": [str(one) for one in error.problems]})
    except ApiError as error:
        known = PLAN_WRONG if error.status in REFUSED else FAILED
        _fail(str(error), PERSON_NEEDED if error.body.get("type") == "ChecklistOpen" else known, error.body)
    except CoordinatorUnreachable as error:
        _fail(str(error), FAILED, {"type": "CoordinatorUnreachable", "detail": str(error)})
    except (PilotageError, OSError) as error:
        _fail(str(error), PLAN_WRONG, {"type": type(error).__name__, "detail": str(error)})


def _fail(text: str, code: int, body: dict[str, Any]) -> None:
    if "--json" in sys.argv:
        click.echo(json.dumps(body, indent=2))
    else:
        click.echo(text, err=True)
    sys.exit(code)
