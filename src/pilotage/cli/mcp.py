"""`mcp`: Pilotage for a coding agent, over standard input and output."""

from __future__ import annotations

from pathlib import Path

import click

from pilotage.cli.client import Api, whoami
from pilotage.core.errors import PilotageError

MISSING = "`pilotage mcp` needs the extra `mcp`: pip install 'pilotage[mcp]'"
READ = ("plan:read",)
ALLOWS = {"rollback": ("rollback",), "rollout": ("rollback", "rollout:write")}


def register(cli: click.Group) -> None:
    cli.add_command(mcp)


@click.command()
@click.option(
    "--allow",
    "allowed",
    type=click.Choice(list(ALLOWS)),
    multiple=True,
    help="What the agent may beside looking: rollback (hold, roll back); rollout (that, and ask for "
    "an approval, start what a person has approved, report trouble).",
)
def mcp(allowed: tuple[str, ...]) -> None:
    """Serve a coding agent by the Model Context Protocol, on standard input and output.

    Without --allow it only looks. It never approves. The agent's client starts this, in the repository's folder.
    """
    try:
        from pilotage.mcp.stdio import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise PilotageError(MISSING) from None
    from pilotage.core.people import Scope

    scopes = frozenset(map(Scope, (*READ, *(one for name in allowed for one in ALLOWS[name]))))
    serve(Api().door, scopes, Path.cwd(), whoami())
