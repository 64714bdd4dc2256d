"""Where a plan is less careful than another: what loosens, and why it matters. Plain data in, as of plandiff.

A value that cannot be understood says nothing here: `check` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.core import quantities, strategies
from pilotage.core.plandiff import partners, rows
from pilotage.core.policy import MEANING, TABLE
from pilotage.core.requestpresets import gives

Number = Callable[[object], float | None]


@dataclass(frozen=True)
class Loosened:
    path: str
    reason: str


@dataclass(frozen=True)
class _Scale:
    """A number of the plan; `usual` counts where the plan does not say it; `up`: more of it is less careful."""

    path: str
    read: Number
    usual: Any
    up: bool
    reason: str


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


_SCALES = (
    _Scale("rollback_when.errors", quantities.percent, "2%", True, "more errors are needed to go back"),
    _Scale("rollback_when.p95", quantities.ratio, "2x", True, "it has to be slower to go back"),
    _Scale("success.errors", quantities.percent, "0.5%", True, "a phase passes with more errors"),
    _Scale("success.p95", quantities.ratio, "10%", True, "a phase passes when slower"),
    _Scale("success.min_requests", _number, 50, False, "a phase passes on fewer requests"),
    _Scale("success.share_tolerance", _number, 5, True, "a wrong share of the traffic is noticed later"),
    _Scale("hold.deadline", quantities.seconds, "10m", True, "a doubt may last longer"),
    _Scale("hold.reports", _number, 3, True, "more users have to complain"),
    _Scale("judge.false_alarms", quantities.percent, "1%", True, "more alarms without a cause are accepted"),
    _Scale("tick", quantities.seconds, "10s", True, "the evidence is looked at less often"),
    _Scale("baseline", quantities.seconds, "30s", False, "less is recorded before traffic moves"),
    _Scale("after.watch", quantities.seconds, 0, False, "it is watched for less time at 100 %"),
    _Scale("rolling.watch", quantities.seconds, None, False, "it is watched for less time after each batch"),
    _Scale("blue_green.warm", quantities.seconds, "1h", False, "the old colour is kept for less time"),
)
_BUG_TARGET = _Scale("metrics.bug.target", quantities.percent, "0.5%", True, "the bug may stay more frequent")
_WATCHED = {
    "metrics.latency": "nobody looks whether it is slower",
    "metrics.bug": "nobody looks whether the bug is gone",
    "metrics.tickets": "nobody looks at what users report",
    "logs": "nobody looks for new errors in the logs",
    "logs.bug": "nobody looks for the bug's text in the logs",
}


def less_careful(before: Any, after: Any) -> tuple[Loosened, ...]:
    """What the second plan takes less care of than the first, in the order of the sections that it concerns."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return ()
    found = [
        *_strategy(before, after),
        *_phases(before, after),
        *_batches(before, after),
        *(one for scale in _SCALES for one in _scale(scale, before, after)),
        *_answers(before, after),
        *_measures(before, after),
        *_checklist(before, after),
        *_people(before, after),
    ]
    return tuple(dict.fromkeys(found))


def _at(plan: Any, path: str) -> Any:
    for key in path.split("."):
        plan = plan.get(key) if isinstance(plan, Mapping) else None
    return plan


def _scale(scale: _Scale, before: Any, after: Any, prefix: str = "") -> Iterator[Loosened]:
    old, new = (_at(plan, scale.path) for plan in (before, after))
    old, new = (scale.usual if value is None else value for value in (old, new))
    was, now = scale.read(old), scale.read(new)
    if was is not None and now is not None and (now > was if scale.up else now < was):
        yield Loosened(prefix + scale.path, f"{scale.reason} ({old} -> {new})")


_STEP = {"canary": 0, "rolling": 1, "blue-green": 2}
"""By the size of the first step that users meet."""
_APPROVALS = ("none", "second", "each")


def _strategy(before: Any, after: Any) -> Iterator[Loosened]:
    was, now = (str(_at(plan, "strategy")) for plan in (before, after))
    if was in _STEP and now in _STEP and _STEP[now] > _STEP[was]:
        yield Loosened("strategy", f"the first step is larger ({was} -> {now})")
    if (_at(before, "drift") or "hold") == "hold" and _at(after, "drift") == "restore":
        yield Loosened("drift", "a weight that somebody else has changed is set again without asking")
    old, new = rows(_at(before, "blue_green.test")), rows(_at(after, "blue_green.test"))
    if old and new and (gone := [label for label in old if label not in new]):
        yield Loosened(f"blue_green.test[{gone[0]}]", "a test of the idle colour is gone")


def _batches(before: Any, after: Any) -> Iterator[Loosened]:
    """Of a rolling deployment."""
    if not isinstance(_at(before, "rolling"), Mapping) or not isinstance(_at(after, "rolling"), Mapping):
        return
    was, now = (_unavailable(plan) for plan in (before, after))
    if was is not None and now is not None and now > was:
        yield Loosened("rolling.max_unavailable", f"more servers are changed at a time ({was:g} -> {now:g})")
    asked, asks = (_at(plan, "rolling.approval") or "none" for plan in (before, after))
    if asked in _APPROVALS and asks in _APPROVALS and _APPROVALS.index(asks) < _APPROVALS.index(asked):
        yield Loosened("rolling.approval", f"fewer batches have to be approved ({asked} -> {asks})")
    for key, reason in (
        ("pool", "servers are changed while they take requests"),
        ("health", "a server is back without a look at its health"),
    ):
        if _at(before, f"rolling.{key}") is not None and _at(after, f"rolling.{key}") is None:
            yield Loosened(f"rolling.{key}", reason)


def _unavailable(plan: Any) -> int | None:
    """How many servers a batch has."""
    return strategies.at_once(_at(plan, "rolling.max_unavailable"), len(_list(plan, "rolling.servers")))


def _phases(before: Any, after: Any) -> Iterator[Loosened]:
    old, new = rows(before.get("phases")), rows(after.get("phases"))
    watch = _Scale("watch", quantities.seconds, None, False, "it is watched for less time")
    partner = partners(old, new)
    for label, row in old.items():
        if label in partner:
            other = new[partner[label]]
            yield from _scale(watch, row, other, f"phases[{label}].")
            if _at(row, "approval") is True and _at(other, "approval") is not True:
                yield Loosened(f"phases[{label}].approval", "nobody has to approve it")
        elif _at(row, "approval") is True:
            yield Loosened(f"phases[{label}].approval", "nobody has to approve it: the phase is gone")
    was, now = _weights(old), _weights(new)
    if not was or not now:
        return
    if now[0] > was[0]:
        yield Loosened("phases", f"the first share is larger ({was[0]:g}% -> {now[0]:g}%)")
    gone = _special(old) - _special(new)
    if gone > 0:
        yield Loosened("phases", f"fewer phases with a cohort or copies ({gone} fewer)")
    if len(now) < len(was):
        yield Loosened("phases", f"fewer phases ({len(was)} -> {len(now)})")
    elif _widest(now) > _widest(was) and now[0] <= was[0]:
        yield Loosened("phases", f"a larger step at once ({_widest(was):g} -> {_widest(now):g} points)")


def _special(phases: Mapping[str, Any]) -> int:
    return sum(_at(row, "cohort") is not None or _at(row, "mirror") is not None for row in phases.values())


def _weights(phases: Mapping[str, Any]) -> list[float]:
    found = [quantities.percent(_at(row, "weight")) for row in phases.values()]
    return [one for one in found if one is not None]


def _widest(weights: list[float]) -> float:
    return max(high - low for low, high in zip([0.0, *weights], weights, strict=False))


def _answers(before: Any, after: Any) -> Iterator[Loosened]:
    if (_at(before, "hold.then") or "rollback") == "rollback" and _at(after, "hold.then") == "ask":
        yield Loosened("hold.then", "a doubt that does not clear waits for a person instead of going back")
    if _at(after, "judge.pass_early") is True and _at(before, "judge.pass_early") is not True:
        yield Loosened("judge.pass_early", "a phase may pass before its time")
    for finding in TABLE:
        was, now = _answer(before, finding), _answer(after, finding)
        if was == "rollback" and now in ("hold", "ask"):
            yield Loosened(f"verdicts.{finding}", f"{MEANING[finding]}: {now} instead of going back")


def _answer(plan: Any, finding: str) -> Any:
    said = _at(plan, f"verdicts.{finding}")
    if isinstance(said, Mapping):
        said = said.get(str(plan.get("severity")))
    return TABLE[finding] if said is None else said


def _measures(before: Any, after: Any) -> Iterator[Loosened]:
    for path, reason in _WATCHED.items():
        within = path.rpartition(".")[0]
        if _watches(before, path) and not _watches(after, path) and (not within or _at(after, within)):
            yield Loosened(path, reason)
    if _at(before, "metrics.bug") and _at(after, "metrics.bug"):
        yield from _scale(_BUG_TARGET, before, after)
    yield from _texts(before, after)
    old, new = rows(_at(before, "metrics.guards")), rows(_at(after, "metrics.guards"))
    for label, row in old.items():
        path = f"metrics.guards[{label}]"
        if label not in new:
            yield Loosened(path, "nobody looks at it any more")
        else:
            yield from _guard(path, row, new[label])


def _watches(plan: Any, path: str) -> bool:
    within, _, name = path.rpartition(".")
    return _at(plan, path) is not None or (within == "metrics" and gives(_at(plan, "metrics.requests"), name))


def _texts(before: Any, after: Any) -> Iterator[Loosened]:
    if _at(before, "logs") is None or _at(after, "logs") is None:
        return
    ignored = [one for one in _list(after, "logs.ignore") if one not in _list(before, "logs.ignore")]
    if ignored:
        yield Loosened("logs.ignore", f"{len(ignored)} more kind(s) of log entries are left out")
    was, now = _list(before, "logs.tokens"), _list(after, "logs.tokens")
    if now and (not was or any(one not in now for one in was)):
        yield Loosened("logs.tokens", "lines without these texts are no longer looked at")


def _list(plan: Any, path: str) -> list[Any]:
    found = _at(plan, path)
    return found if isinstance(found, list) else []


def _guard(path: str, before: Any, after: Any) -> Iterator[Loosened]:
    was, now = (_at(row, "worse_than_control") for row in (before, after))
    if now == "off" and was != "off":
        yield Loosened(f"{path}.worse_than_control", "it is no longer compared with control")
    else:
        trigger = _Scale("worse_than_control", quantities.ratio, "1.5x", True, "more of it is let pass")
        yield from _scale(trigger, before, after, f"{path}.")
    floor = _Scale("floor", quantities.amount, None, True, "more of it is let pass")
    yield from _scale(floor, before, after, f"{path}.")
    limits = {"limit": (_at(before, "limit"), _at(after, "limit"))}
    old, new = (_at(row, "limits") or {} for row in (before, after))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        limits |= {f"limits.{name}": (old[name], new.get(name)) for name in old}
    for name, (high, higher) in limits.items():
        if high is not None and higher is None:
            yield Loosened(f"{path}.{name}", "it has no limit any more")
        elif (a := quantities.amount(high)) is not None and (b := quantities.amount(higher)) is not None and b > a:
            yield Loosened(f"{path}.{name}", f"more of it is let pass ({high} -> {higher})")
    kept = _list(after, "only")
    gone = [name for name in _list(before, "only") if name not in kept]
    if kept and (gone or not _list(before, "only")):
        yield Loosened(f"{path}.only", "fewer guards of the preset")


def _checklist(before: Any, after: Any) -> Iterator[Loosened]:
    old, new = rows(before.get("checklist")), rows(after.get("checklist"))
    for label, row in old.items():
        path, required = f"checklist[{label}]", _at(row, "required") is not False
        if not required:
            continue
        if label not in new:
            yield Loosened(path, "a required item is gone")
        elif _at(new[label], "required") is False:
            yield Loosened(f"{path}.required", "the rollout no longer waits for it")
        elif _at(row, "check") is not None and _at(new[label], "check") is None:
            yield Loosened(f"{path}.check", "a person ticks what was checked before")


def _people(before: Any, after: Any) -> Iterator[Loosened]:
    """Ways back, the window, and who is told."""
    gone = [one for one in _list(before, "rollback.methods") if one not in _list(after, "rollback.methods")]
    if gone and gone != ["traffic"]:
        yield Loosened("rollback.methods", "fewer ways back")
    if _at(before, "start") and not _at(after, "start"):
        yield Loosened("start", "it may start at any time")
    if len(_list(after, "notify")) < len(_list(before, "notify")):
        yield Loosened("notify", "fewer are told")
