"""The compiled plan of each rollout that runs: all that going back needs when database, server and engine are gone.

Secrets are in it as references only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pilotage.codec import from_json, to_json
from pilotage.core.errors import NotFound, PilotageError
from pilotage.core.model import Plan
from pilotage.handover import files

FOLDER = "rollouts"
ELSEWHERE = "elsewhere"


BY_PLAN = "With the plan file nothing else is needed: `pilotage rollback --direct plan.yaml`."


class Damaged(PilotageError):
    pass


@dataclass(frozen=True)
class Snapshot:
    rollout: str
    plan: Plan
    started_at: float
    by: str
    format: Literal[1] = 1


def elsewhere(state: Path) -> Path:
    """A folder like a state folder, for what a watchdog has heard of another host's coordinator."""
    return state / ELSEWHERE


def place(state: Path, rollout: str) -> Path:
    if not files.is_name(rollout):
        raise NotFound(f"expected the id of a rollout, got {rollout[:80]!r}")
    return state / FOLDER / f"{rollout}.json"


def keep(state: Path, snapshot: Snapshot) -> None:
    """Writes it, unless this very one is there. Raises OSError."""
    path, text = place(state, snapshot.rollout), to_json(snapshot)
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, ValueError):
        pass  # missing or damaged: it is written
    files.write(path, text)


def forget(state: Path, rollout: str) -> None:
    for path in (place(state, rollout), _reached(state, rollout)):
        path.unlink(missing_ok=True)


def reach(state: Path, rollout: str, phase: int) -> None:
    """This phase begins: noted beside the snapshot, which does not change. Where it cannot be written there is no note:
    then a direct rollback goes through everything. Raises OSError when an older note stays, which would say too little.
    """
    try:
        files.write(_reached(state, rollout), str(phase))
    except OSError:
        _reached(state, rollout).unlink(missing_ok=True)


def reached(state: Path, rollout: str) -> int | None:
    """The last phase that has begun; None when nobody has noted it here."""
    try:
        return int(_reached(state, rollout).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _reached(state: Path, rollout: str) -> Path:
    return place(state, rollout).with_suffix(".phase")


def every(state: Path) -> list[Path]:
    return sorted((state / FOLDER).glob("*.json"))


def read(path: Path) -> Snapshot:
    """Raises NotFound, or Damaged."""
    try:
        return from_json(Snapshot, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no snapshot of {path.stem}") from None
    except OSError as error:
        raise Damaged(f"the snapshot {path} cannot be read: {error.strerror}. {BY_PLAN}") from None
    except ValueError:  # not UTF-8, not JSON, or not a plan
        raise Damaged(f"the snapshot {path} is damaged, or of another release. {BY_PLAN}") from None
