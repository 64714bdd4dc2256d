"""Every question asked of the store. Each function is one transaction's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from pilotage.codec import from_json, to_json
from pilotage.core.errors import NotFound, PilotageError, Refused
from pilotage.core.events import DirectRollback, Failed, Promoted, Recorded, RolledBack
from pilotage.core.model import Plan, Sample, Verdict
from pilotage.core.people import ANY, Place
from pilotage.logs.saved import Saved
from pilotage.store import audit, logs, versions
from pilotage.store.schema import driver_calls, events, locks, rollouts, samples


class EventConflict(PilotageError):
    """Another event already stands at this number: a second writer is refused."""


class Fenced(PilotageError):
    """A later driver call on the same target has begun; this one must not act any more."""


@dataclass(frozen=True)
class RolloutRow:
    id: str
    plan: Plan
    plan_text: str
    requested_by: str
    created_at: float
    ended: bool


EVERYWHERE: tuple[Place, ...] = ((ANY, ANY),)


def somewhere(table: Table, places: Sequence[Place]) -> ColumnElement[bool]:
    """Its service and environment are among the places."""
    found = []
    for service, environment in places:
        parts = [table.c.service == service] if service != ANY else []
        parts += [table.c.environment == environment] if environment != ANY else []
        found.append(and_(true(), *parts))
    return or_(false(), *found)


def check_lock(connection: Connection, plan: Plan) -> None:
    """Raises Refused naming the holder when the plan's service and environment have an active rollout."""
    holder = connection.execute(
        select(locks).where(locks.c.service == plan.service, locks.c.environment == plan.environment)
    ).first()
    if holder is not None:
        raise Refused(
            f"{plan.service} in {plan.environment} already has an active rollout: {holder.rollout}, started by "
            f"{holder.owner} ({holder.reason}). Follow it with `pilotage watch {holder.rollout}`, "
            f"or end it with `pilotage rollback {holder.rollout}`."
        )


def create_rollout(
    connection: Connection, rollout: str, plan: Plan, plan_text: str, owner: str, reason: str, at: float
) -> None:
    """Takes the lock of the service and environment and writes the rollout; raises Refused naming the lock's holder."""
    check_lock(connection, plan)
    lock = {"service": plan.service, "environment": plan.environment, "rollout": rollout, "owner": owner}
    connection.execute(insert(locks).values(**lock, reason=reason, since=at))
    connection.execute(
        insert(rollouts).values(
            id=rollout,
            service=plan.service,
            environment=plan.environment,
            plan=to_json(plan),
            plan_text=plan_text,
            requested_by=owner,
            created_at=at,
            ended=False,
            settled=False,
        )
    )


def end_rollout(connection: Connection, rollout: str) -> None:
    """Marks it ended and gives its lock back; doing it twice changes nothing."""
    connection.execute(update(rollouts).where(rollouts.c.id == rollout).values(ended=True))
    connection.execute(delete(locks).where(locks.c.rollout == rollout))


def get_rollout(connection: Connection, rollout: str) -> RolloutRow:
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout)).first()
    if row is None:
        raise NotFound(f"there is no rollout {rollout!r}. `pilotage list` shows them.")
    return _rollout(row)


def place_of(connection: Connection, rollout: str) -> tuple[str, str]:
    """Its service and environment."""
    row = connection.execute(select(rollouts.c.service, rollouts.c.environment).where(rollouts.c.id == rollout)).one()
    return row.service, row.environment


def latest_rollout(connection: Connection, places: Sequence[Place] = EVERYWHERE) -> str:
    """The newest rollout that has not ended, else the newest of all, there."""
    query = select(rollouts.c.id).where(somewhere(rollouts, places))
    newest = (rollouts.c.ended, rollouts.c.created_at.desc(), rollouts.c.id.desc())
    row = connection.execute(query.order_by(*newest).limit(1)).first()
    if row is None:
        raise NotFound("there is no rollout yet. Start one with `pilotage run plan.yaml`.")
    return str(row.id)


def newest_of_change(connection: Connection, service: str, environment: str, version: str) -> str:
    """The last rollout of a service's version in an environment; empty when there was none."""
    where = (rollouts.c.service == service, rollouts.c.environment == environment)
    query = select(rollouts.c.id, rollouts.c.plan).where(*where).order_by(rollouts.c.created_at.desc()).limit(20)
    found = (row.id for row in connection.execute(query) if from_json(Plan, row.plan).version == version)
    return str(next(found, ""))


def running_of(connection: Connection, service: str, environment: str) -> str:
    """The rollout of that service that has not ended; empty when none runs."""
    where = (rollouts.c.service == service, rollouts.c.environment == environment, rollouts.c.ended.is_(False))
    return str(connection.execute(select(rollouts.c.id).where(*where)).scalar() or "")


def running_rollouts(connection: Connection) -> list[str]:
    """Those that have not ended."""
    return list(connection.execute(select(rollouts.c.id).where(rollouts.c.ended.is_(False))).scalars())


def list_rollouts(connection: Connection, limit: int = 50, active_only: bool = False) -> list[RolloutRow]:
    query = select(rollouts).order_by(rollouts.c.created_at.desc()).limit(limit)
    if active_only:
        query = query.where(rollouts.c.ended.is_(False))
    return [_rollout(row) for row in connection.execute(query)]


def active_rollouts(connection: Connection) -> set[str]:
    """Not ended, or with follow-ups that are open."""
    query = select(rollouts.c.id).where(or_(rollouts.c.ended.is_(False), rollouts.c.settled.is_(False)))
    return set(connection.execute(query).scalars())


def unsettled_rollouts(connection: Connection) -> list[RolloutRow]:
    """Ended, with follow-ups that are open, the newest first."""
    query = select(rollouts).where(rollouts.c.ended.is_(True), rollouts.c.settled.is_(False))
    return [_rollout(row) for row in connection.execute(query.order_by(rollouts.c.created_at.desc()))]


def settle_rollout(connection: Connection, rollout: str) -> None:
    connection.execute(update(rollouts).where(rollouts.c.id == rollout).values(settled=True))


def append_event(connection: Connection, recorded: Recorded) -> None:
    """Writes the event once. The same one again is fine; another one at the same number raises EventConflict.

    A last event gives the lock back in the same transaction: who reads that a rollout has ended can start the next one.
    A version that was rolled back is marked as bad.
    """
    where = and_(events.c.rollout == recorded.rollout, events.c.number == recorded.number)
    audit.hold(connection)
    row = connection.execute(select(events).where(where)).first()
    if row is None:
        rollout, number, at, by, body = recorded.rollout, recorded.number, recorded.at, recorded.by, to_json(recorded)
        connection.execute(insert(events).values(rollout=rollout, number=number, at=at, by=by, body=body))
        audit.seal_event(connection, rollout, number, at, by, recorded.event.kind, body)
        if isinstance(recorded.event, RolledBack | DirectRollback):
            versions.mark_bad(connection, recorded.rollout, recorded.event.reason, recorded.at)
        if isinstance(recorded.event, Promoted | RolledBack | Failed):
            end_rollout(connection, recorded.rollout)
        return
    present = from_json(Recorded, row.body)
    if replace(present, at=recorded.at) != recorded:
        raise EventConflict(
            f"event {recorded.number} of {recorded.rollout} is already {present.event.kind}, not {recorded.event.kind}"
        )


def events_of(connection: Connection, rollout: str, first: int = 0, limit: int | None = None) -> list[Recorded]:
    query = select(events.c.body).where(events.c.rollout == rollout, events.c.number >= first)
    return [from_json(Recorded, row.body) for row in connection.execute(query.order_by(events.c.number).limit(limit))]


def add_sample(
    connection: Connection, rollout: str, sample: Sample, verdict: Verdict, listened: Saved | None = None
) -> bool:
    """False when this tick is already there: a repeat around a crash is no second sample.

    `listened` is what the log listener knows after this sample: both are stored, or neither.
    """
    where = and_(samples.c.rollout == rollout, samples.c.phase == sample.phase, samples.c.tick == sample.tick)
    if connection.execute(select(samples.c.tick).where(where)).first() is not None:
        return False
    connection.execute(
        insert(samples).values(
            rollout=rollout, phase=sample.phase, tick=sample.tick, sample=to_json(sample), verdict=to_json(verdict)
        )
    )
    if listened is not None:
        logs.save(connection, rollout, listened)
    return True


def samples_of(connection: Connection, rollout: str) -> list[Sample]:
    query = select(samples.c.sample).where(samples.c.rollout == rollout).order_by(samples.c.phase, samples.c.tick)
    return [from_json(Sample, row.sample) for row in connection.execute(query)]


def last_place(connection: Connection, rollout: str) -> tuple[int, int] | None:
    """Phase and tick of the newest sample; history, which has ticks below 0, does not count."""
    query = select(samples.c.phase, samples.c.tick).where(samples.c.rollout == rollout, samples.c.tick >= 0)
    row = connection.execute(query.order_by(samples.c.phase.desc(), samples.c.tick.desc()).limit(1)).first()
    return None if row is None else (row.phase, row.tick)


def samples_after(connection: Connection, rollout: str, phase: int, tick: int) -> list[Sample]:
    """Those of later phases, and later ones of this phase."""
    later = or_(samples.c.phase > phase, and_(samples.c.phase == phase, samples.c.tick > tick))
    query = select(samples.c.sample).where(samples.c.rollout == rollout, later)
    query = query.order_by(samples.c.phase, samples.c.tick)
    return [from_json(Sample, row.sample) for row in connection.execute(query)]


def judged_after(
    connection: Connection, rollout: str, phase: int, tick: int, most: int
) -> list[tuple[Sample, Verdict]]:
    """As `samples_after`, with their verdicts, the first `most` of them. Those of the time before the rollout, which
    have ticks below 0, are left out."""
    later = or_(samples.c.phase > phase, and_(samples.c.phase == phase, samples.c.tick > tick))
    query = select(samples.c.sample, samples.c.verdict).where(samples.c.rollout == rollout, later, samples.c.tick >= 0)
    query = query.order_by(samples.c.phase, samples.c.tick).limit(most)
    return [(from_json(Sample, row.sample), from_json(Verdict, row.verdict)) for row in connection.execute(query)]


def verdicts_of(connection: Connection, rollout: str) -> dict[tuple[int, int], Verdict]:
    """By (phase, tick)."""
    query = select(samples.c.phase, samples.c.tick, samples.c.verdict).where(samples.c.rollout == rollout)
    return {(row.phase, row.tick): from_json(Verdict, row.verdict) for row in connection.execute(query)}


def last_verdict(connection: Connection, rollout: str, phase: int) -> Verdict | None:
    query = select(samples.c.verdict).where(samples.c.rollout == rollout, samples.c.phase == phase)
    row = connection.execute(query.order_by(samples.c.tick.desc()).limit(1)).first()
    return None if row is None else from_json(Verdict, row.verdict)


def begin_call(connection: Connection, key: str, rollout: str, target: str, generation: int, at: float) -> str | None:
    """The stored outcome when this call is already done, else None and the call is noted as begun.

    Raises Fenced when a later generation has begun on the same target.
    """
    row = connection.execute(select(driver_calls).where(driver_calls.c.key == key)).first()
    if row is not None and row.outcome is not None:
        return str(row.outcome)
    check_fence(connection, rollout, target, generation)
    if row is None:
        call = {"key": key, "rollout": rollout, "target": target, "generation": generation}
        connection.execute(insert(driver_calls).values(**call, started_at=at, outcome=None))
    return None


def check_fence(connection: Connection, rollout: str, target: str, generation: int) -> None:
    latest = connection.execute(
        select(func.max(driver_calls.c.generation)).where(
            driver_calls.c.rollout == rollout, driver_calls.c.target == target
        )
    ).scalar()
    if latest is not None and latest > generation:
        raise Fenced(f"a later call on {target} has begun")


def finish_call(connection: Connection, key: str, outcome: str) -> None:
    connection.execute(update(driver_calls).where(driver_calls.c.key == key).values(outcome=outcome))


def calls_of_ended(connection: Connection, before: float) -> list[str]:
    """Keys of the driver calls of rollouts that have ended and whose last event is older than `before`."""
    last = select(events.c.rollout).group_by(events.c.rollout).having(func.max(events.c.at) < before)
    query = select(driver_calls.c.key).join(rollouts, rollouts.c.id == driver_calls.c.rollout)
    query = query.where(rollouts.c.ended.is_(True), rollouts.c.id.in_(last))
    return list(connection.execute(query).scalars())


def _rollout(row: Row[Any]) -> RolloutRow:
    return RolloutRow(
        row.id, from_json(Plan, row.plan), row.plan_text, row.requested_by, row.created_at, bool(row.ended)
    )


def judged_of(connection: Connection, rollout: str) -> tuple[list[Sample], dict[tuple[int, int], Verdict]]:
    """Samples and their verdicts by (phase, tick), of one moment: a running rollout adds to both."""
    return samples_of(connection, rollout), verdicts_of(connection, rollout)
