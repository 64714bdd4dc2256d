"""An Argo Rollout as it was read: which weights its steps hold, which is in force, and what moves it to another.

Argo has no call for a weight. What `kubectl argo rollouts` does is done here too: `promote` and `retry` set the step,
the pauses and the abort in the object's status, `abort` its abort; the controller does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.kubernetes.changing import notes
from pilotage.drivers.kubernetes.cluster import Object

PROMOTED, ABORTED = "pilotage/promoted", "pilotage/aborted"
_WORKLOAD = "rollout.argoproj.io/workload-generation"
_SKIPPABLE = {"setWeight", "pause", "setCanaryScale"}


class ArgoRollout:
    """`who` is what errors call it. Raises PermanentError for one without a canary strategy."""

    def __init__(self, found: Object, who: str) -> None:
        self._who = who
        self._notes = notes(found)
        self._generation = str(found["metadata"].get("generation", ""))
        self._spec, self._status = _dict(found.get("spec")), _dict(found.get("status"))
        canary = _dict(self._spec.get("strategy")).get("canary")
        if not isinstance(canary, dict):
            raise PermanentError(f"{who} has no canary strategy: only that one has weights")
        self._canary = canary
        steps = canary.get("steps")
        self._steps: list[dict[str, Any]] = [_dict(one) for one in steps] if isinstance(steps, list) else []
        routing = _dict(canary.get("trafficRouting"))
        self._routed = bool(routing)
        self._total = int(routing.get("maxTrafficWeight") or 100)

    @property
    def seen(self) -> bool:
        """Whether the controller has looked at the object as it is now, and at the workload that it refers to."""
        known = str(self._status.get("workloadObservedGeneration") or "")
        workload = not known or self._notes.get(_WORKLOAD, known) == known
        return workload and bool(self._generation) and self._status.get("observedGeneration") == self._generation

    @property
    def paused(self) -> bool:
        """By somebody. Argo leaves the pods of such a one as they are, also when it is aborted."""
        return self._spec.get("paused") is True

    @property
    def current(self) -> str:
        """The hash of the newest version's pods."""
        return str(self._status.get("currentPodHash") or "")

    @property
    def weights(self) -> list[float]:
        """Percents that its steps hold: each a setWeight, and a pause without a duration right after it."""
        return [step["setWeight"] / self._total * 100 for _, step in self._held()]

    def weight(self) -> float:
        """The percent in force. Raises TemporaryError while the first version is not up yet."""
        stable = str(self._status.get("stableRS") or "")
        if not stable:
            raise TemporaryError(f"{self._who} has no stable version yet ({self.said})")
        if self.current == stable:
            return 100.0 if self._promoted().get("hash") == stable else 0.0
        if self._routed:
            weights = _dict(_dict(self._status.get("canary")).get("weights"))
            return float(_dict(weights.get("canary")).get("weight") or 0) / self._total * 100
        pods = int(self._status.get("replicas") or 0)
        return int(self._status.get("updatedReplicas") or 0) / pods * 100 if pods else 0.0

    def check_steps(self) -> None:
        """Raises PermanentError for steps that going forward would pass over."""
        others = sorted({kind for step in self._steps for kind in step} - _SKIPPABLE)
        if others:
            raise PermanentError(
                f"{self._who} has steps of the kind {listed(others)}. Pilotage goes straight to the step with the "
                "weight that it wants, past all others: only setWeight, pause and setCanaryScale may be there"
            )

    @property
    def said(self) -> str:
        """What the controller says of it."""
        words = f"{self._status.get('phase') or 'no phase'}: {self._status.get('message') or 'no message'}"
        return one_line(words, 200)

    def check_may(self, weight: float, version: str) -> None:
        """Raises PermanentError unless it can be brought to this weight, for the rollout of `version`."""
        stable = str(self._status.get("stableRS") or "")
        if self.current == stable:
            promoted = self._promoted()
            if weight == 0 and promoted.get("hash") == stable and version in ("", promoted.get("version")):
                raise PermanentError(
                    f"{self._who} is fully promoted, so that Argo has no other version to go back to. Deploy the "
                    "previous one again (kubectl argo rollouts undo). A last step with setWeight for 100 % and a pause "
                    "keeps the way back open"
                )
            if weight and self.weight() != weight:
                raise PermanentError(
                    f"{self._who} runs one version only, as the stable one: deploy the new one first, then it can get "
                    f"{weight:g} %"
                )
            return
        if not weight:
            return
        self.check_steps()
        if self.paused:
            raise PermanentError(f"{self._who} is paused by somebody (spec.paused): kubectl argo rollouts resume first")
        if self._status.get("abort") and self._notes.get(ABORTED) != self.current:
            raise PermanentError(
                f"{self._who} was aborted, and not by Pilotage ({self.said}): find out why, then kubectl argo rollouts "
                "retry"
            )
        if weight != 100 and self._step(weight) is None:
            known = listed([f"{one:g}" for one in self.weights], 10) or "none"
            raise PermanentError(
                f"{self._who} has no step with setWeight for {weight:g} % and a pause without a duration after it; its "
                f"steps hold {known}. Add the plan's weights, each with `- pause: {{}}` after it"
            )

    def note(self, weight: float, version: str) -> dict[str, str | None]:
        """The annotations that belong to this weight."""
        full = weight == 100 and self._step(weight) is None
        if self.current == self._status.get("stableRS"):
            return {} if weight else {PROMOTED: None}
        promoted = json.dumps({"hash": self.current, "version": version}) if full else None
        return {PROMOTED: promoted, ABORTED: self.current if self._aborts(weight) else None}

    def is_at(self, weight: float) -> bool:
        """Whether the controller has come to rest there."""
        if self.current == self._status.get("stableRS"):
            return self.weight() == weight
        if weight == 0:
            # Before the controller notes when, it may be at work on the step that was wanted a moment ago.
            aborted = bool(self._status.get("abort") and self._status.get("abortedAt"))
            rests = aborted or self._wanted() == 0
            return rests and not self._status.get("promoteFull") and self.weight() == 0
        step = self._step(weight)
        if step is None or self._status.get("abort") or self._status.get("currentStepIndex") != step + 1:
            return False
        paused = any(_dict(one).get("reason") == "CanaryPauseStep" for one in self._status.get("pauseConditions") or [])
        return paused and (not self._routed or abs(self.weight() - weight) < 1e-6)

    def towards(self, weight: float) -> dict[str, Any] | None:
        """What to set in its status; None when it is on its way there."""
        status = self._status
        if weight == 0:
            on_its_way = status.get("abort") and not status.get("promoteFull")
            return None if on_its_way or not self._aborts(0) else {"abort": True, "promoteFull": None}
        step = self._step(weight)
        if step is None:
            return None if status.get("promoteFull") else {"promoteFull": True, "abort": False}
        going = not status.get("abort") and not status.get("promoteFull")
        if going and status.get("currentStepIndex") in (step, step + 1):
            return None
        # A pause that the controller remembers and finds cleared would count as passed: then it would run on.
        cleared = {"pauseConditions": None, "controllerPause": False, "promoteFull": None}
        return {"abort": False, "abortedAt": None, "currentStepIndex": step, **cleared}

    def check_not_aborted(self) -> None:
        """Raises PermanentError when somebody, or an analysis, aborted it meanwhile."""
        if self._status.get("abort"):
            raise PermanentError(f"{self._who} was aborted meanwhile, and not by Pilotage ({self.said})")

    def _aborts(self, weight: float) -> bool:
        if weight or self.current == self._status.get("stableRS"):
            return False
        return bool(self._wanted() or self.weight() or self._status.get("promoteFull") or self._status.get("abort"))

    def _wanted(self) -> float:
        """The percent that its present step asks for."""
        index = self._status.get("currentStepIndex")
        if not self._steps or not isinstance(index, int) or index >= len(self._steps):
            return 100.0
        for step in reversed(self._steps[: index + 1]):
            if isinstance(step.get("setWeight"), int):
                return float(step["setWeight"]) / self._total * 100
        return 0.0

    def _held(self) -> list[tuple[int, dict[str, Any]]]:
        pairs = zip(self._steps, self._steps[1:], strict=False)
        return [(index, step) for index, (step, after) in enumerate(pairs) if _holds(step, after)]

    def _step(self, weight: float) -> int | None:
        for index, step in self._held():
            if abs(step["setWeight"] / self._total * 100 - weight) < 1e-6:
                return index
        return None

    def _promoted(self) -> dict[str, Any]:
        try:
            return _dict(json.loads(self._notes.get(PROMOTED, "")))
        except ValueError:
            return {}


def _holds(step: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    pause = after.get("pause")
    return isinstance(step.get("setWeight"), int) and isinstance(pause, dict) and not pause.get("duration")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
