"""A rollout in one big sentence and the one after it: is it good, what share, what next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core import events as ev
from pilotage.core.model import Phase, Plan
from pilotage.core.state import Status

View = dict[str, Any]

TONES: dict[str, str] = {
    Status.STARTING: "info",
    Status.SHIFTING: "info",
    Status.WATCHING: "info",
    Status.HELD: "wait",
    Status.PAUSED: "wait",
    Status.AWAITING_APPROVAL: "wait",
    Status.ROLLING_BACK: "bad",
    Status.ROLLED_BACK: "bad",
    Status.FAILED: "bad",
    Status.PROMOTED: "good",
}
SIGNS = {"good": "✓", "wait": "!", "bad": "✗", "info": "▸"}


@dataclass(frozen=True)
class Headline:
    """`tone`: good, info, wait or bad. `then` is what comes, `until` (Unix seconds) when; None: no time runs.

    `said` is what a screen reader hears when it changes, and nothing else of the page.
    """

    tone: str
    word: str
    sentence: str
    then: str = ""
    until: float | None = None
    person: bool = False

    @property
    def sign(self) -> str:
        return SIGNS[self.tone]

    @property
    def said(self) -> str:
        return f"{self.word}. {self.sentence}"


def headline(view: View, plan: Plan, record: Sequence[ev.Recorded]) -> Headline:
    status, share = Status(view["status"]), _share(view)
    tone, person = TONES[status], view["needs_person"]
    reason = _clause(view["reason"])
    match status:
        case Status.STARTING:
            return Headline(tone, "Starting", f"No traffic has moved to {plan.version} yet.")
        case Status.SHIFTING:
            return Headline(
                tone, "Shifting", f"Moving to {_wanted(view)}{reason}.", "Then it is watched.", person=person
            )
        case Status.WATCHING:
            return _watching(view, plan, share)
        case Status.HELD:
            return _held(view, plan, record, share)
        case Status.PAUSED:
            return Headline(tone, "Paused", f"{share}{reason}.", "No time runs until somebody resumes it.", person=True)
        case Status.AWAITING_APPROVAL:
            asked = plan.phases[view["asked_phase"] if view["asked_phase"] is not None else view["phase"]]
            sentence = f"{share}. The next phase, {_named(asked)}, needs a person's approval."
            return Headline(tone, "Waits for approval", sentence, "It stays as it is until then.", person=True)
        case Status.ROLLING_BACK:
            then = "A person has to look at it." if person else "It goes on until the traffic is really back."
            return Headline(
                tone, "Going back", f"All traffic goes back to {plan.previous}{reason}.", then, person=person
            )
        case Status.ROLLED_BACK:
            took = next((one.event.took_s for one in reversed(record) if isinstance(one.event, ev.RolledBack)), None)
            quick = f" in {took:.2f} s" if took is not None else ""
            return Headline(tone, "Rolled back", f"All traffic is on {plan.previous} again{quick}{reason}.")
        case Status.PROMOTED:
            return Headline(tone, "Promoted", f"{plan.version} has all traffic{reason}.")
        case Status.FAILED:
            return Headline(
                tone,
                "Failed",
                f"Pilotage itself failed at {share}{reason}.",
                "A person has to look at it.",
                person=True,
            )
    raise AssertionError(status)


def _watching(view: View, plan: Plan, share: str) -> Headline:
    judged = plan.phases[view["phase"]].judged
    how, sentence = _judged(view) if judged else ("Recording", "what is normal is recorded before anything moves")
    tone = {"In doubt": "wait", "Good so far": "good"}.get(how, "info")
    sampled, left = view["sampled_at"], view["time_left_s"]
    until = None if sampled is None or left is None else float(round(sampled + left))
    return Headline(tone, how, f"{share}: {sentence.rstrip('.')}.", _then(view, plan), until, view["needs_person"])


def _judged(view: View) -> tuple[str, str]:
    """One or two words, and the rest of the sentence, from the findings of the last tick."""
    findings = view["findings"]
    against = [one for one in findings if one["action"] in ("HOLD", "ROLLBACK")]
    open_ones = [one for one in findings if one["action"] == "WATCH"]
    if against:
        return "In doubt", against[0]["sentence"]
    if not findings:
        return "Watching", "nothing is known yet"
    if open_ones:
        many = f"{len(open_ones)} of {len(findings)} checks are not known yet"
        return "Watching", f"nothing against it so far, {many}"
    return "Good so far", f"all {len(findings)} checks are met"


def _then(view: View, plan: Plan) -> str:
    following = view["phase"] + 1
    if following >= len(plan.phases):
        return f"{plan.version} is promoted, if it stays good."
    phase = plan.phases[following]
    where = _named(phase)
    if phase.approval:
        return f"it waits for an approval of {where}."
    return f"it goes on to {where}, if it stays good."


def _named(phase: Phase) -> str:
    """Its name, and its share where the name does not say it."""
    return phase.name if f"{phase.weight:g}" in phase.name else f"{phase.name} ({phase.weight:g} %)"


def _held(view: View, plan: Plan, record: Sequence[ev.Recorded], share: str) -> Headline:
    sentence = f"{share}{_clause(view['reason'])}."
    if view["needs_person"]:
        return Headline("wait", "Held", sentence, "A person decides: resume, promote or roll back.", person=True)
    held = next((one for one in reversed(record) if isinstance(one.event, ev.Held)), None)
    then = "it goes back by itself" if plan.hold.then == "rollback" else "a person is asked"
    if held is None:
        return Headline("wait", "Held", sentence)
    return Headline("wait", "Held", sentence, f"{then}, unless it clears.", held.at + plan.hold.deadline_s)


def _share(view: View) -> str:
    if not view["share_known"]:
        return f"phase {view['phase_name']}"
    return f"{view['weight_in_force']:g} % of the traffic on {view['version']}"


def _wanted(view: View) -> str:
    if not view["share_known"]:
        return f"phase {view['phase_name']}"
    return f"{view['weight_wanted']:g} % on {view['version']}"


def _clause(reason: str) -> str:
    return f": {reason.rstrip('.')}" if reason else ""
