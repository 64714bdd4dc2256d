"""A command that a person has approved: an argument list, no shell, no secrets around it, not for long."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pilotage.agent.jail import hidden
from pilotage.core.errors import PilotageError
from pilotage.core.secretnames import SECRET_NAME
from pilotage.drivers import process

WITHIN_S = 60.0
MOST = 20_000
LONGEST = 2000


def shown(argv: list[str]) -> str:
    """Exactly what would be run: each argument in quotes, nothing that a terminal would obey or hide."""
    return " ".join(json.dumps(one) for one in argv)


def can_be_shown(argv: list[str]) -> bool:
    return bool(argv) and all(isinstance(one, str) for one in argv) and len(shown(argv)) <= LONGEST


async def run(argv: list[str], folder: Path) -> str:
    """What came of it, secrets hidden."""
    around = {name: value for name, value in os.environ.items() if not SECRET_NAME.search(name)}
    try:
        done = await process.run(argv, cwd=folder, env=around, timeout_s=WITHIN_S)
    except (PilotageError, OSError, ValueError) as error:
        return hidden(f"It could not be started: {error}")[:MOST]
    how = f"It was ended after {WITHIN_S:g} s." if done.timed_out else f"Exit code {done.returncode}."
    return "\n".join([how, hidden(done.stdout)[-MOST:], hidden(done.stderr)[-MOST:]]).strip()
