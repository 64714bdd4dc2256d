"""Is everything ready for a start? Each item of the checklist that is looked up gets its evidence here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pilotage.comms.sending import complaint
from pilotage.core import events as ev
from pilotage.core.checklist import NOT_APPROVED, Seen, items_of
from pilotage.core.errors import PilotageError
from pilotage.core.model import Channel, DriverRef, Plan
from pilotage.core.preparing import BUILT_IN, Item
from pilotage.core.redact import redact
from pilotage.drivers import Check, Context, registry
from pilotage.drivers.secrets import asked_anew
from pilotage.engine.crew import Crew
from pilotage.planfile.starting import may_start
from pilotage.preflight import Answers, preflight
from pilotage.store.approvals import Approval
from pilotage.store.gates import Freeze, HeldLock, minute
from pilotage.store.versions import BadVersion

LOOK_WITHIN_S = 30.0
LOG_WITHIN_S = 10.0
CHANNEL_WITHIN_S = 10.0
CLOSE_WITHIN_S = 5.0
MOST_CHARACTERS = 300
"""Of one piece of evidence."""
REHEARSED_WITHIN_S = 24 * 3600.0


@dataclass(frozen=True)
class Surroundings:
    """What Pilotage itself knows at this moment: the instant, who closed what, the plan's record."""

    now: float
    freezes: Sequence[Freeze] = ()
    lock: HeldLock | None = None
    active: str = ""
    """Why another rollout stands in the way, when one does."""
    record: Sequence[ev.Recorded] = field(default_factory=tuple)
    bad: BadVersion | None = None
    """When and why this version was rolled back before."""
    approval: Approval | None = None
    """A second person's yes to this plan that may be used now."""


async def look(plan: Plan, state: Path, around: Surroundings) -> tuple[dict[str, Seen], Answers]:
    """What was seen for each item that is looked up, by item id, and what the drivers said. All at the same time."""
    items = [one for one in items_of(plan.preparation.checklist) if one.check]
    answers, *looks = await asyncio.gather(preflight(plan, state), *(_look(one, plan, state, around) for one in items))
    assert isinstance(answers, Answers)
    seen: dict[str, Seen] = {}
    for item, one in zip(items, looks, strict=True):
        assert isinstance(one, Seen)
        one = _of_drivers(item.check, answers) if item.check in ("drivers", "metrics") else one
        seen[item.id] = Seen(one.holds, shown(one.text))
    return seen, answers


def shown(text: str) -> str:
    """One line for people and the record: a check's command may print anything, secrets too."""
    said = " ".join(redact(text).split())
    return said if len(said) <= MOST_CHARACTERS else said[: MOST_CHARACTERS - 3] + "..."


def _of_drivers(check: str, answers: Answers) -> Seen:
    if check == "drivers":
        some = "1 driver answers" if answers.asked == 1 else f"{answers.asked} drivers answer"
        return Seen(not answers.drivers, "; ".join(answers.drivers) or some)
    if not answers.read:
        return Seen(None, "not asked, as a driver does not answer")
    return Seen(not answers.metrics, "; ".join(answers.metrics) or "all series are there")


async def _look(item: Item, plan: Plan, state: Path, around: Surroundings) -> Seen:
    match item.check:
        case "logs":
            return await _logs(plan, state)
        case "channels":
            return await _channels(plan, state)
    if item.check in BUILT_IN:
        return _known(item.check, plan, around)
    context = Context(Path(plan.directory), state, plan.service, plan.environment)
    driver = None
    try:
        driver = cast(Check, registry.build("checks", DriverRef(item.check, item.options), context))
        evidence = await asyncio.wait_for(driver.look(), LOOK_WITHIN_S)
        return Seen(evidence.holds, evidence.text)
    except TimeoutError:
        return Seen(None, f"{item.check} did not answer within {LOOK_WITHIN_S:g} s")
    except KeyError:
        return Seen(
            False, f"there is no check {item.check} where the coordinator runs: is its package installed there?"
        )
    except Exception as error:
        return Seen(False, _sentence(error))
    finally:
        if driver is not None:
            with suppress(Exception):
                await asyncio.wait_for(driver.close(), CLOSE_WITHIN_S)


def _sentence(error: Exception) -> str:
    said = str(error)
    return said if isinstance(error, PilotageError) and said else f"{type(error).__name__}: {said}".rstrip(": ")


def _known(check: str, plan: Plan, around: Surroundings) -> Seen:
    match check:
        case "window":
            if plan.preparation.start.opens_at is None:
                return Seen(True, "no window is asked for")
            holds, said = may_start(plan.preparation.start, around.now)
            return Seen(holds, f"it may start {said}")
        case "freeze":
            closed = "; ".join(str(one) for one in around.freezes)
            return Seen(not closed, closed or "no freeze is in force")
        case "lock":
            held = str(around.lock) if around.lock else ""
            return Seen(not (around.active or held), around.active or held or "no other rollout runs, nobody locked it")
        case "rehearsed":
            return _rehearsed(around)
        case "version":
            return _version(around.bad)
        case "approved":
            return _approved(around.approval)
        case "on-call" | "escalation":
            named = [one for one in plan.preparation.contacts if one.role == check]
            who = ", ".join(" ".join(part for part in (one.name, one.reach) if part) for one in named)
            return Seen(bool(named), who or f"the plan's contacts name nobody as {check}")
    return Seen(None, "not looked up")


def _approved(given: Approval | None) -> Seen:
    if given is None or given.given_at is None or given.expires_at is None:
        return Seen(False, NOT_APPROVED)
    until = minute(given.expires_at)
    return Seen(True, f"approved by {given.approver} at {minute(given.given_at)}, for one start until {until}")


def _version(bad: BadVersion | None) -> Seen:
    if bad is None:
        return Seen(True, "it was not rolled back before")
    return Seen(False, f"{bad.version} was rolled back at {minute(bad.at)} as {bad.rollout}: {bad.reason}")


def _rehearsed(around: Surroundings) -> Seen:
    last = next((one for one in reversed(around.record) if isinstance(one.event, ev.Rehearsed)), None)
    if last is None or not isinstance(last.event, ev.Rehearsed):
        return Seen(False, "not rehearsed yet")
    when = minute(last.at)
    if last.event.failed:
        return Seen(False, f"the rehearsal at {when} by {last.by} failed: {last.event.failed}")
    took = ", ".join(f"{name} in {seconds:.2f} s" for name, seconds in last.event.targets)
    if around.now - last.at > REHEARSED_WITHIN_S:
        return Seen(False, f"rehearsed at {when}, more than a day ago")
    return Seen(True, f"rehearsed at {when} by {last.by}: {took}")


async def _channels(plan: Plan, state: Path) -> Seen:
    """Whether each channel could be told something now; nothing is sent. Those that could not come first."""
    answers = await asyncio.gather(*(_channel(one, plan, state) for one in plan.notify))
    said = [f"{one.ref.driver} ({one.audience}): {text}" for one, (_, text) in zip(plan.notify, answers, strict=True)]
    bad = [text for text, (good, _) in zip(said, answers, strict=True) if not good]
    return Seen(not bad, "; ".join(bad or said) or "no channel is asked for")


async def _channel(channel: Channel, plan: Plan, state: Path) -> tuple[bool, str]:
    context = Context(Path(plan.directory), state, plan.service, plan.environment)
    driver = None
    try:
        driver = registry.build("notify", channel.ref, context)
        with asked_anew():
            return True, await asyncio.wait_for(driver.probe(), CHANNEL_WITHIN_S)
    except Exception as error:
        return False, complaint(error, channel.ref, CHANNEL_WITHIN_S)
    finally:
        if driver is not None:
            with suppress(Exception):
                await asyncio.wait_for(driver.close(), CLOSE_WITHIN_S)


async def _logs(plan: Plan, state: Path) -> Seen:
    """Both logs have their source, and control's can be read. The canary's may be born with its deployment."""
    if plan.logs is None:
        return Seen(False, "the plan names no logs")
    said, bad = [], []
    try:
        crew = Crew(plan, state)
    except Exception as error:
        return Seen(False, f"a log source cannot be used: {_sentence(error)}")
    try:
        for name, source in crew.logs.items():
            try:
                with asked_anew():
                    said.append(f"{name}: {await asyncio.wait_for(source.probe(), LOG_WITHIN_S)}")
            except Exception as error:
                why = _sentence(error) if not isinstance(error, TimeoutError) else "did not answer"
                if name == "canary":
                    said.append(f"canary: not there yet, to be followed from its beginning ({why})")
                else:
                    bad.append(f"{name}: {why}")
    finally:
        await crew.close()
    return Seen(not bad, "; ".join(bad or said))
