"""Which rollout is meant: a plan file, an id, or `latest`; and what is left of it in the state folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pilotage.core.errors import NotFound
from pilotage.core.model import Plan
from pilotage.handover import snapshots
from pilotage.handover.snapshots import BY_PLAN, Damaged, Snapshot


@dataclass(frozen=True)
class Found:
    """`state` is where it is noted: of another host's rollout the watchdog's folder, which hands it on. `rollout` is
    empty when only the plan is known."""

    plan: Plan
    state: Path
    rollout: str = ""


def is_file(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml")) or Path(name).is_file()


def find(state: Path, name: str) -> Found:
    """Raises PlanError, NotFound, or Damaged when a snapshot cannot be read."""
    if is_file(name):
        from pilotage import planfile

        plan = planfile.load_file(Path(name), secrets=False)
        return _of_change(state, plan)
    if name == "latest":
        newest = latest(state)
        return Found(newest.plan, state, newest.rollout)
    return _named(state, name)


def latest(state: Path) -> Snapshot:
    """The newest that runs. Raises Damaged when one cannot be read: it may be the one that is meant."""
    found = [snapshots.read(path) for path in snapshots.every(state)]
    if not found:
        raise NotFound(f"{state} has no snapshot of a rollout that runs. {BY_PLAN}")
    return max(found, key=lambda one: one.started_at)


def _named(state: Path, rollout: str) -> Found:
    for root in (state, snapshots.elsewhere(state)):
        path = snapshots.place(root, rollout)
        if path.exists():
            return Found(snapshots.read(path).plan, root, rollout)
    there = ", ".join(path.stem for path in snapshots.every(state))
    raise NotFound(
        f"{state} has no snapshot of {rollout}: it has ended, was never started here, or another folder is meant "
        f"(PILOTAGE_STATE). Running here: {there or 'nothing'}. {BY_PLAN}"
    )


def _of_change(state: Path, plan: Plan) -> Found:
    """The plan as the file says it, with the id under which this very change runs, if that is known."""
    for root in (state, snapshots.elsewhere(state)):
        for path in snapshots.every(root):
            try:
                one = snapshots.read(path)
            except (NotFound, Damaged):
                continue
            if _change(one.plan) == _change(plan):
                return Found(plan, root, one.rollout)
    return Found(plan, state)


def _change(plan: Plan) -> tuple[str, str, str]:
    return plan.service, plan.environment, plan.version
