"""`strategy.canary.steps` -> phases: weights, watches, approvals, cohorts, copies."""

from __future__ import annotations

from collections.abc import Callable

from pilotage.importing.pieces import TICK_S, PhaseRow
from pilotage.importing.spots import Spot
from pilotage.planfile.phases import COHORT_NAME, COHORT_VALUE

MOST_STEPS = 200
KINDS = (
    "setWeight",
    "pause",
    "setCanaryScale",
    "analysis",
    "experiment",
    "plugin",
    "setHeaderRoute",
    "setMirrorRoute",
    "replicaProgressThreshold",
)
Lasting = Callable[[Spot], float | None]
"""How long an analysis takes, in seconds; None: nobody can say."""


class Steps:
    """Walks the steps once. What has no traffic yet (weight 0, no cohort, no copies) makes no phase."""

    def __init__(self, canary: Spot, most_weight: float, lasting: Lasting) -> None:
        self.canary = canary
        self.most_weight = most_weight
        self.lasting = lasting
        self.phases: list[PhaseRow] = []
        self.height = 0.0
        self.asked = False
        """A person has to approve before what comes next."""
        self.asked_at = ""
        self.cohorts: dict[str, PhaseRow] = {}
        self.mirrors: dict[str, float] = {}

    def walk(self) -> list[PhaseRow]:
        steps = self.canary.rows("steps")
        if len(steps) > MOST_STEPS:
            (self.canary.at("steps") or self.canary).wrong(f"at most {MOST_STEPS} steps", str(len(steps)))
            return []
        for step in steps:
            self._step(step)
        self._end()
        return self.phases

    def _step(self, step: Spot) -> None:
        if not isinstance(step.node.value, dict):
            step.wrong(f"a step: a mapping with one of {', '.join(KINDS)}")
            return
        kinds = [one for one in step.keys if one in KINDS]
        if len(kinds) > 1:
            step.wrong("one kind of step", " and ".join(kinds))
        elif not kinds and not step.keys:
            step.note("none", "an empty step: it does nothing", look=True)
        for kind in kinds[:1]:
            match kind:
                case "setWeight":
                    self._weight(step)
                case "pause":
                    self._pause(step)
                case "setHeaderRoute":
                    self._header(step)
                case "setMirrorRoute":
                    self._mirror(step)
                case "analysis":
                    self._analysis(step)

    def _weight(self, step: Spot) -> None:
        said = step.whole("setWeight", most=int(self.most_weight))
        spot = step.at("setWeight")
        if said is None or spot is None:
            return
        weight = said * 100.0 / self.most_weight
        if weight == 0 and self.height == 0:
            spot.note("nearest", "no phase: nobody gets the new version yet; both are recorded in `baseline`")
        elif weight < self.height:
            spot.note("none", f"a plan's weights rise; {weight:g} % after {self.height:g} % is left out", look=True)
        elif weight == self.height:
            spot.note("nearest", f"the weight is {weight:g} % already: no phase of its own")
        else:
            fresh = self._open_row() or self._new()
            fresh.weight = weight
            fresh.origins.append(_short(spot))
            self.height = weight

    def _open_row(self) -> PhaseRow | None:
        """The last row, while it is not watched yet and has no weight of its own."""
        last = self.phases[-1] if self.phases else None
        return last if last is not None and not last.watch_s and last.weight is None and not self.asked else None

    def _new(self) -> PhaseRow:
        cohort = next((one.cohort for one in self.cohorts.values()), None)
        row = PhaseRow(cohort=cohort, mirror=max(self.mirrors.values(), default=None), approval=self.asked)
        if self.asked:
            row.origins.append(self.asked_at)
        self.asked = False
        self.phases.append(row)
        return row

    def _pause(self, step: Spot) -> None:
        pause = step.mapping("pause")
        if pause is None:
            return
        if "duration" not in pause:
            self.asked, self.asked_at = True, _short(pause)
            pause.note("nearest", "waits for a person: an approval before the next phase (`approval: true`)")
            return
        seconds, spot = pause.seconds("duration"), pause.at("duration")
        if seconds is None or spot is None:
            return
        self._watched(spot, seconds)

    def _watched(self, spot: Spot, seconds: float) -> None:
        if not self.phases:
            spot.note("nearest", "nobody gets the new version yet: `baseline` records both before traffic moves")
            return
        row = self.phases[-1]
        row.watch_s += seconds
        row.origins.append(_short(spot))
        if 0 < row.watch_s < TICK_S:
            spot.note("nearest", f"a watch is one tick at least: {TICK_S:g}s")

    def _analysis(self, step: Spot) -> None:
        analysis = step.mapping("analysis")
        if analysis is None:
            return
        seconds = self.lasting(analysis)
        if not self.phases:
            analysis.note(
                "nearest", "before any traffic: the judge compares from the first phase on; ask in the checklist", True
            )
        elif seconds is None:
            analysis.note(
                "nearest", "its length is not said plainly: the phase's watch is taken, and judged throughout"
            )
        else:
            analysis.note("nearest", f"part of the phase's watch ({seconds:g} s), judged throughout")
            if seconds:
                self._watched(analysis, seconds)

    def _header(self, step: Spot) -> None:
        route = step.mapping("setHeaderRoute")
        if route is None:
            return
        name = route.text("name") or ""
        matches = route.rows("match")
        if not matches:
            self.cohorts.pop(name, None)
            return
        cohort = _cohort(route, matches)
        if cohort is None:
            return
        if self.cohorts.keys() - {name}:
            route.note("none", "a phase has one cohort: this second header route is left out", look=True)
            return
        self.cohorts[name] = PhaseRow(cohort=cohort)
        self._beside(route)

    def _mirror(self, step: Spot) -> None:
        route = step.mapping("setMirrorRoute")
        if route is None:
            return
        name = route.text("name") or ""
        if not route.rows("match"):
            self.mirrors.pop(name, None)
            return
        share = route.whole("percentage", most=100)
        self.mirrors[name] = 100.0 if share is None else float(share)
        if not self.mirrors[name]:
            del self.mirrors[name]
            route.note("none", "copies of 0 %: left out")
            return
        if any(_narrow(one) for one in route.rows("match")):
            spot = route.at("match") or route
            spot.note("none", "copies of some requests only: a plan copies a share of all. Think of what may not", True)
        self._beside(route)

    def _beside(self, spot: Spot) -> None:
        """Joins the row that is not watched yet, else begins one without a weight of its own."""
        last = self.phases[-1] if self.phases and not self.asked else None
        row = last if last is not None and not last.watch_s else self._new()
        row.cohort = next((one.cohort for one in self.cohorts.values()), None)
        row.mirror = max(self.mirrors.values(), default=None)
        row.origins.append(_short(spot))

    def _end(self) -> None:
        """Argo promotes after the last step: in a plan that is the phase of 100 %."""
        if self.height < 100:
            cohorts, self.cohorts, self.mirrors = self.cohorts, {}, {}
            last = self._new()
            last.weight = 100.0
            last.origins.append("the end of spec.strategy.canary.steps")
            self.cohorts = cohorts
        elif self.asked:
            spot = self.canary.at("steps") or self.canary
            spot.note("none", "a pause for a person at 100 %: the plan ends by itself; `pilotage rollback` still works")


def _cohort(route: Spot, matches: list[Spot]) -> dict[str, object] | None:
    names, values = set(), []
    for one in matches:
        name = one.text("headerName", pattern=COHORT_NAME, expected="a header's name")
        exact = one.text("headerValue", "exact", pattern=COHORT_VALUE, expected="a printable text")
        if name is None:
            return None
        names.add(name.lower())
        if exact is not None:
            values.append((name, exact))
    if len(names) != 1 or len(values) != len(matches):
        route.note(
            "none",
            "a cohort has one header and its exact values (`cohort: {header: X-Canary, is: [...]}`); prefixes, "
            "expressions and several headers are left out",
            look=True,
        )
        return None
    return {"header": values[0][0], "is": [value for _, value in values]}


def _narrow(match: Spot) -> bool:
    """Whether it is less than everything."""
    for key in match.keys:
        prefix = match.at(key, "prefix") if isinstance(match.node.value[key].value, dict) else None
        if key != "path" or prefix is None or prefix.node.value != "/":
            return True
    return False


def _short(spot: Spot) -> str:
    return spot.path.removeprefix("spec.strategy.canary.")
