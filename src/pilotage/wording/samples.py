"""One event of each kind that is announced, as it might be: to try templates with, and to show what will be sent."""

from __future__ import annotations

from collections.abc import Mapping

from pilotage.core import events as ev
from pilotage.core.model import Action, Verdict

_WORSE = "errors 4.1% (3.2% to 5.2%, n=2,310) is above 2.0%"
_FINE = "errors 0.2% (0.1% to 0.4%, n=2,310) is below 0.5%, no worse than control"
_SHARED = "both versions fail: errors 6.0% in the new one, 5.8% in control"

SAMPLES: Mapping[str, ev.Event] = {
    one.kind: one
    for one in (
        ev.RolloutStarted("the fix is tested on staging"),
        ev.PhasePassed(0, "10%", Verdict(Action.PROMOTE, _FINE)),
        ev.WeightDrifted(0, "proxy", "it sends 0 % to the canary though 10 % was set: it was restarted"),
        ev.Held(0, "no data from the metrics for 30 s"),
        ev.ApprovalRequested(0, "50%"),
        ev.PersonNeeded(0, "held for 10 min, and the plan says ask"),
        ev.LeastBadChosen(0, "hold", _SHARED),
        ev.RollbackStarted(0, _WORSE),
        ev.RolledBack(_WORSE, 0.8),
        ev.DirectRollback("the coordinator did not answer", 1_795_644_900.0, "traffic", "proxy reads 0 % back", 0.4),
        ev.RecoveryConfirmed("errors are at 0.2% again, as before the rollout", 130.0),
        ev.RecoveryDoubtful("errors are still at 1.9%, 0.2% before the rollout", 300.0),
        ev.Promoted("all phases passed"),
        ev.Released("release-blue", "1.0", "./scale ended well", 2.1),
        ev.ReleaseFailed("release-blue", "1.0", "./scale ended with 1: quota exceeded"),
        ev.Failed("the record cannot be written; the traffic is where it was, 10 % on the new version"),
        ev.InvestigationOpened("reviews/payment-1125-221502-7c1a.md"),
        ev.FollowUpDue("error-budget", "Look at the error budget", "on-call", 0),
        ev.FollowUpFailed("fix-holds", "The fix holds under load", "null pointer 0.7% is above 0.4%", "on-call"),
        ev.TicketOpened("root-cause", "Find the root cause", "https://tickets.example/PAY-1240"),
        ev.StartOverdue(1_795_643_000.0, "it was to start within 1 h, and has not"),
        ev.StartRefused("build-green: the pipeline is still running", False, ("build-green",)),
        ev.Announced("Checkout works again in Europe.\nNext word at 23:00 UTC.", "incident"),
    )
}
