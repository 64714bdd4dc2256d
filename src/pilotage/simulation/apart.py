"""A simulation in a process of its own: it may take long, and nothing that runs may wait for it.

The child reads one JSON object from its standard input, and writes one to its standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pilotage import planfile
from pilotage.core.errors import PilotageError, WrongRequest
from pilotage.simulation.runner import as_data, simulate
from pilotage.simulation.wanted import RUNS, TABLE_RUNS, Wanted, setting

MOST_RUNS = 5000
WITHIN_S = 60.0


async def simulated(
    text: str, directory: str, file: str, wanted: Wanted, runs: int | None, seed: int, within_s: float = WITHIN_S
) -> dict[str, Any]:
    """A summary for each world, by its name. Raises WrongRequest, also when it takes too long."""
    asked = {"plan": text, "directory": directory, "file": file, "wanted": asdict(wanted), "runs": runs, "seed": seed}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pilotage.simulation.apart"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(within_s):
            output, _ = await child.communicate(json.dumps(asked).encode())
    except TimeoutError:
        raise WrongRequest(f"runs: it took more than {within_s:g} s; ask for fewer, or for one case alone") from None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode:
        raise PilotageError(f"the simulation ended with exit code {child.returncode}")
    found: dict[str, Any] = json.loads(output)
    if "wrong" in found:
        raise WrongRequest(found["wrong"])
    return found


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    plan = planfile.load(asked["plan"], directory=Path(asked["directory"]), file=asked["file"])
    try:
        plan, phase, _, worlds = setting(plan, Wanted(**asked["wanted"]))
    except WrongRequest as error:
        return {"wrong": str(error)}
    runs = asked["runs"] or (RUNS if len(worlds) == 1 else TABLE_RUNS)
    seed = asked["seed"]
    return {name: as_data(simulate(plan, phase, world, runs, seed)) for name, world in worlds.items()}


if __name__ == "__main__":
    os.nice(10)
    print(json.dumps(_answer(json.load(sys.stdin))))  # noqa: T201
