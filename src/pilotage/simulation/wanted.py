"""What a simulation is asked for, as a person says it, and the worlds that this means."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pilotage.core.errors import WrongRequest
from pilotage.core.model import Plan
from pilotage.simulation.world import World

TABLE_RUNS = 400
RUNS = 2000


@dataclass(frozen=True)
class Wanted:
    """`share` and `base_errors` are fractions, `watch` and `onset` seconds; None: as the plan has it."""

    errors: str | None = None
    latency: str | None = None
    bug: str | None = None
    onset: float = 0.0
    phase: str | None = None
    rate: float | None = None
    share: float | None = None
    watch: float | None = None
    base_errors: float | None = None


def setting(plan: Plan, wanted: Wanted) -> tuple[Plan, int, World, dict[str, World]]:
    """The plan with the wanted watch and share, the phase's index, the healthy world around it, and the worlds to
    simulate by their names. Raises WrongRequest; its text begins with the name of what is wrong."""
    plan, index, usual = _around(plan, wanted)
    if wanted.onset >= plan.phases[index].watch_s:
        raise WrongRequest(f"onset: expected less than the watch of {plan.phases[index].watch_s:g}s")
    return plan, index, usual, _worlds(usual, wanted.errors, wanted.latency, wanted.bug, wanted.onset)


def _around(plan: Plan, wanted: Wanted) -> tuple[Plan, int, World]:
    phase, rate, share, watch = wanted.phase, wanted.rate, wanted.share, wanted.watch
    index = _phase(plan, phase)
    watched = plan.phases[index]
    whole = share is None and watched.weight == 100  # the judge then compares with what was recorded before
    name = watched.name if share is None or share * 100 == watched.weight else f"{share * 100:g} %"
    share = watched.weight / 100 if share is None else share
    if not (0 < share < 1 or whole):
        given = f"{share:.0%}" if phase is None else f"{share:.0%} in phase {watched.name}"
        raise WrongRequest(f"share: expected more than 0% and less than 100%, got {given}: there has to be a control")
    expected = plan.expected
    rate = rate if rate is not None else expected.requests_per_s if expected else 58.0
    if not 0 < rate <= 1e6:
        raise WrongRequest(f"rate: expected more than 0 and at most 1000000 requests per second, got {rate:g}")
    watch = watched.watch_s if watch is None else watch
    if not watched.tick_s <= watch <= 86400:
        raise WrongRequest(f"watch: expected one tick ({watched.tick_s:g}s) to 24h, got {watch:g}s")
    usual = wanted.base_errors if wanted.base_errors is not None else expected.errors if expected else 0.003
    phases = list(plan.phases)
    phases[index] = replace(watched, watch_s=watch, weight=share * 100, name=name)
    return replace(plan, phases=tuple(phases)), index, World(rate, share, watched.tick_s, usual)


def _phase(plan: Plan, wanted: str | None) -> int:
    if wanted is None:
        judged = [index for index, one in enumerate(plan.phases) if one.judged]
        if not judged:
            raise WrongRequest("phase: none of this plan is judged")
        return next((index for index in judged if plan.phases[index].weight < 100), judged[0])
    for index, one in enumerate(plan.phases):
        if wanted in (one.name, one.name.replace(" ", ""), str(index)):
            return index
    names = ", ".join(one.name for one in plan.phases)
    raise WrongRequest(f"phase: expected one of {names}, got {wanted!r}")


def _worlds(usual: World, errors: str | None, latency: str | None, bug: str | None, onset: float) -> dict[str, World]:
    if bug is not None:
        usual = replace(usual, bug=_bug(bug))
    if latency is None and errors in (None, "all"):
        return {
            "healthy": usual,
            "errors x2": replace(usual, errors_ratio=2.0, onset_s=onset),
            "errors x5": replace(usual, errors_ratio=5.0, onset_s=onset),
            "errors 20%": replace(usual, errors=0.2, onset_s=onset),
            "latency x2": replace(usual, latency_ratio=2.0, onset_s=onset),
            "slow tail of 2%": replace(usual, tail=0.02, onset_s=onset),
        }
    names = [f"errors {errors}"] if errors else []
    world = replace(_with_errors(usual, errors), onset_s=onset)
    if latency is not None:
        names.append(f"latency {latency}")
        world = _with_latency(world, latency)
    return {", ".join(names): world}


def _with_errors(usual: World, errors: str | None) -> World:
    if errors is None:
        return usual
    if times := re.fullmatch(r"x(\d{1,4}(?:\.\d{1,3})?)", errors):
        if usual.base_errors == 0 and float(times[1]) not in (0, 1):
            raise WrongRequest(f"errors: {errors} of no errors is none; expected 20%, or base-errors above 0%")
        if float(times[1]) > 0 and float(times[1]) * usual.base_errors <= 1:
            return replace(usual, errors_ratio=float(times[1]))
    elif (percent := re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?)\s?%", errors)) and float(percent[1]) <= 100:
        return replace(usual, errors=float(percent[1]) / 100)
    raise WrongRequest(f"errors: expected x1, x5, 20% or all (at most 100 % in the end), got {errors!r}")


def _with_latency(usual: World, latency: str) -> World:
    if latency == "tail":
        return replace(usual, tail=0.02)
    if (times := re.fullmatch(r"x(\d{1,3}(?:\.\d{1,3})?)", latency)) and float(times[1]) > 0:
        return replace(usual, latency_ratio=float(times[1]))
    if more := re.fullmatch(r"\+(\d{1,4})\s?%", latency):
        return replace(usual, latency_ratio=1 + float(more[1]) / 100)
    raise WrongRequest(f"latency: expected x2, +10% or tail, got {latency!r}")


def _bug(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?)%:(\d{1,3}(?:\.\d{1,4})?)%", text)
    if match is None or float(match[1]) > 100 or float(match[2]) > 100:
        raise WrongRequest(f"bug: expected control's and the canary's rate such as 45%:0%, got {text!r}")
    return float(match[1]) / 100, float(match[2]) / 100
