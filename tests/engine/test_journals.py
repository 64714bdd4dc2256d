"""Journals go when nobody can need them any more, and not before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pilotage.core.events import Promoted, Recorded, RolloutStarted
from pilotage.drivers.process import journal
from pilotage.engine.journals import sweep
from pilotage.store import Store, queries
from tests.engine.test_long_rollouts import day_plan


async def test_only_journals_of_rollouts_that_ended_long_ago_are_removed(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'p.db'}")
    store.migrate()
    plan = day_plan(tmp_path)
    for name, at, ended in (("old", 10.0, True), ("fresh", 100.0, True), ("running", 10.0, False)):
        await store.run(queries.create_rollout, name, replace(plan, service=name), "", "ann", "", at)
        await store.run(
            queries.append_event, Recorded(name, 0, at, "ann", Promoted("done") if ended else RolloutStarted())
        )
        await store.run(queries.begin_call, f"{name}/1", name, "splitter", 1, at)
        journal(tmp_path, f"{name}/1").mkdir(parents=True)
        (journal(tmp_path, f"{name}/1") / "stop").touch()

    await sweep(store, tmp_path, before=50.0)

    assert [journal(tmp_path, f"{name}/1").exists() for name in ("old", "fresh", "running")] == [False, True, True]
    store.close()
