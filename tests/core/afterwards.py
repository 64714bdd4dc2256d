"""A rollout that went back, with all that can be told of it; `text` chooses every text that comes from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pilotage.core import events as ev
from pilotage.core.judge import Judge
from pilotage.core.model import (
    Action,
    Baseline,
    Finding,
    LogCounts,
    LogSeen,
    LogSignature,
    Plan,
    Sample,
    Verdict,
    WayBack,
)
from pilotage.core.preparing import Preparation
from pilotage.core.sent import SentMessage
from tests.core.worlds import Group, plan, samples

BEGAN = 1_760_000_000.0
TEXTS = {
    "summary": "Checkout without an address no longer fails",
    "digest": "sha256:093012604fa2",
    "impact": "45 % of checkouts fail with a null pointer",
    "title": "NullPointerException at Checkout.address(Checkout.java:88)",
    "example": "2025-10-09T08:53:30Z ERROR NullPointerException\n  at Checkout.address(Checkout.java:88)",
    "override": "the CI is down, built by hand",
    "error": "the flag service answered HTTP 503",
    "direct": "flag file set to 0",
}
"""What a rollout's plan, logs, people and drivers say."""


@dataclass(frozen=True)
class Story:
    plan: Plan
    record: list[ev.Recorded]
    samples: list[Sample]
    verdicts: dict[tuple[int, int], Verdict]
    messages: list[SentMessage]


def story(text: Callable[[str], str] = lambda name: TEXTS.get(name, name)) -> Story:
    its = replace(
        plan(),
        service=text("payment"),
        environment=text("production"),
        version=text("2.4.1"),
        previous=text("2.4.0"),
        summary=text("summary"),
        digest=text("digest"),
        preparation=Preparation(impact=text("impact")),
        rollback=WayBack(()),
    )
    its = replace(its, phases=(replace(its.phases[0], name=text("10 %")),))
    taken = [replace(one, at=one.at + BEGAN) for one in samples(Group(20, 0.05), Group(180, 0.01), ticks=30)]
    logged = LogCounts(
        named=(LogSignature(1, text("title"), text("example"), critical=True),),
        seen=(LogSeen(1, 9, 0, 14, 0),),
        missing=text("control's log is gone"),
    )
    taken[1] = replace(taken[1], reading=replace(taken[1].reading, logs=logged))
    judge = Judge(its, 0, Baseline())
    verdicts: dict[tuple[int, int], Verdict] = {}
    for sample in taken:
        verdicts[0, sample.tick] = judge.observe(sample)
        if verdicts[0, sample.tick].action is Action.ROLLBACK:
            break
    place = max(verdicts)
    taken = [one for one in taken if one.tick <= place[1]]
    odd = Finding(text("guard memory"), Action.HOLD, text("memory is twice control's"), 2.0, 1.0)
    verdicts[place] = replace(verdicts[place], findings=(*verdicts[place].findings, odd))
    return Story(its, _record(text, verdicts[place], taken[-1].at), taken, verdicts, _messages(text, taken[-1].at))


def _record(text: Callable[[str], str], verdict: Verdict, turned: float) -> list[ev.Recorded]:
    checked = (
        ev.Checked("tested", "technical", text("The hot-fix is tested"), "done", True, text("Ann"), BEGAN - 300),
        ev.Checked("built", "technical", text("The build is green"), "overridden", evidence=text("override")),
        ev.Checked("rehearsed", "technical", "The way back is rehearsed", "done", evidence=REHEARSED),
    )
    planned = (
        ev.PlannedFollowUp("errors", turned + 900, text("Look at the error log"), text("on-call"), "logs"),
        ev.PlannedFollowUp("rca", turned + 86400, text("Hold the review"), text("owner"), ticket=True),
    )
    told: list[tuple[float, str, ev.Event]] = [
        (BEGAN - 2, text("Ann"), ev.RolloutStarted(text("start"))),
        (BEGAN - 2, "pilotage", ev.ChecklistPassed(checked)),
        (BEGAN - 2, text("Ann"), ev.ChecklistOverridden("built", text("The build is green"), text("override"))),
        (BEGAN - 1, "pilotage", ev.PhaseStarted(0, text("10 %"), 10)),
        (BEGAN - 0.9, "pilotage", ev.WeightSet(text("flag"), 10, 10, 0.02, "k")),
        (BEGAN, "pilotage", ev.WatchStarted(0, 600)),
        (turned, "pilotage", ev.RollbackStarted(0, verdict.reason, verdict)),
        (turned + 0.1, "pilotage", ev.StepFailed(text("flag"), text("error"), "the next way is tried: switch")),
        (turned + 0.4, "pilotage", ev.RolledBack(verdict.reason, 0.4, "switch")),
        (turned + 130, "pilotage", ev.RecoveryConfirmed(text("errors are at 1.0 % again"), 130)),
        (turned + 130, "pilotage", ev.FollowUpsPlanned(planned)),
        (turned + 910, "pilotage", ev.FollowUpDue("errors", text("Look at the error log"), text("on-call"))),
        (turned + 960, text("Ann"), ev.FollowUpDone("errors", text("Look at the error log"), text("nothing new"))),
        (turned + 970, "pilotage", ev.TicketOpened("rca", text("Hold the review"), text("#42"))),
    ]
    return [ev.Recorded("payment-1", number, at, by, event) for number, (at, by, event) in enumerate(told)]


REHEARSED = "rehearsed at 2025-10-09 08:50:00 by Ann: flag back in 0.02 s"


def _messages(text: Callable[[str], str], turned: float) -> list[SentMessage]:
    return [
        SentMessage(turned + 1, "incident", text("slack"), "rolled_back", text("payment: rolled back")),
        SentMessage(turned + 200, "stakeholders", text("e-mail"), "rolled_back", text("payment 2.4.1 was taken back")),
    ]
