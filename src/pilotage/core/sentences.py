"""What people read of an event: one plain sentence each."""

from __future__ import annotations

from pilotage.core import events as ev
from pilotage.core.quantities import duration
from pilotage.core.words import clock_time


def sentence(event: ev.Event) -> str:
    """One plain sentence."""
    match event:
        case ev.RolloutStarted(reason=reason):
            return "rollout started" + (f": {reason}" if reason else "")
        case ev.Deployed(target=target, version=version, took_s=took, detail=detail):
            return f"{target} on {version} ({took:.1f} s): {detail}"
        case ev.PhaseStarted(name=name):
            return f"phase {name} begins"
        case ev.WeightSet(target=target, wanted=wanted, in_force=in_force, took_s=took):
            return f"{target} sends {in_force:g} % to the canary ({wanted:g} % wanted; {took * 1000:.0f} ms)"
        case ev.WeightDrifted(target=target, reason=reason):
            return f"the weight of {target} is set again: {reason}"
        case ev.Released(target=target, version=version, detail=detail):
            return f"{target}: what {version} ran on is released: {detail}"
        case ev.ReleaseFailed(target=target, version=version, reason=reason):
            return f"{target}: what {version} ran on is not released, a person has to do it: {reason}"
        case ev.WatchStarted(watch_s=watch_s):
            return f"watching for {duration(watch_s)}"
        case ev.PhasePassed(name=name, verdict=verdict):
            return f"phase {name} passed: {verdict.reason}"
        case ev.Held(reason=reason):
            return f"held: {reason}"
        case ev.HoldCleared(reason=reason):
            return f"hold cleared: {reason}"
        case ev.PersonNeeded(reason=reason):
            return f"a person is needed: {reason}"
        case ev.Paused(reason=reason):
            return "paused" + (f": {reason}" if reason else "")
        case ev.Resumed(reason=reason):
            return "resumed" + (f": {reason}" if reason else "")
        case ev.TroubleReported(reason=reason):
            return "users report that it is worse" + (f": {reason}" if reason else "")
        case ev.ApprovalRequested(name=name):
            return f"phase {name} waits for an approval"
        case ev.Approved(reason=reason):
            return "approved" + (f": {reason}" if reason else "")
        case ev.PromotionForced(reason=reason):
            return "phase passed by a person before its time" + (f": {reason}" if reason else "")
        case ev.StepFailed(target=target, error=error, will=will):
            return f"{target} failed ({error}); {will}"
        case ev.RollbackStarted(reason=reason):
            return f"rolling back: {reason}"
        case ev.RolledBack(took_s=took, method=method):
            return f"rolled back in {took:.2f} s" + (f" by {method}" if method != "traffic" else "")
        case ev.LeastBadChosen(policy=policy, reason=reason):
            return f"not rolled back by itself, the plan says {policy}: {reason}"
        case ev.DirectRollback(method=method, detail=detail):
            return f"rolled back directly, without the coordinator{f', by {method}' if method else ''}: {detail}"
        case ev.Promoted(reason=reason):
            return f"promoted: {reason}"
        case ev.Failed(detail=detail):
            return f"Pilotage failed: {detail}"
        case _:
            return _before(event) or _after(event)


def _after(event: ev.Event) -> str:
    """What happens after a rollout, and beside it."""
    match event:
        case ev.Announced(text=text, audience=audience):
            return f"said to {audience}: {text}"
        case ev.RecoveryConfirmed(reason=reason, sick=sick):
            return f"{'back in the state of before' if sick else 'recovered'}: {reason}"
        case ev.RecoveryDoubtful(reason=reason):
            return f"not recovered: {reason}"
        case ev.InvestigationOpened(where=where):
            return f"the review's draft is written: {where}"
        case ev.FollowUpsPlanned(items=items):
            return f"{len(items)} follow-ups are planned" if len(items) != 1 else "1 follow-up is planned"
        case ev.FollowUpDue(text=text, who=who, times=times):
            return f"{'due' if times == 0 else 'still due'}: {text}" + (f" ({who})" if who else "")
        case ev.FollowUpDone(text=text, evidence=evidence):
            return f"done: {text}" + (f": {evidence}" if evidence else "")
        case ev.FollowUpFailed(text=text, evidence=evidence):
            return f"a follow-up does not hold: {text}: {evidence}"
        case ev.TicketOpened(text=text, where=where):
            return f"ticket opened, {where}: {text}"
        case ev.AftermathEnded(reason=reason):
            return reason
    raise AssertionError(event)


def _before(event: ev.Event) -> str:
    """What happens before a rollout."""
    match event:
        case ev.ChecklistPassed(items=items, late_s=late):
            overridden = [one.id for one in items if one.mark == "overridden"]
            done = sum(one.mark == "done" for one in items)
            said = f"checklist passed: {done} of {len(items)} items"
            said += f"; overridden: {', '.join(overridden)}" if overridden else ""
            return said + (f"; {duration(late)} after its deadline" if late >= 1 else "")
        case ev.PlanRegistered():
            return "Pilotage knows the plan"
        case ev.Ticked(item=item, note=note):
            return f"{item} ticked" + (f": {note}" if note else "")
        case ev.Unticked(item=item, note=note):
            return f"{item} no longer ticked" + (f": {note}" if note else "")
        case ev.ChecklistOverridden(item=item, text=text, reason=reason):
            return f"{item} overridden ({text}): {reason}"
        case ev.Rehearsed(failed=failed) if failed:
            return f"the rehearsal failed: {failed}"
        case ev.Rehearsed(targets=targets):
            return "rehearsed: " + ", ".join(f"{name} back in {seconds:.2f} s" for name, seconds in targets)
        case ev.StartScheduled(opens_at=opens_at):
            return f"starts when its window opens, {clock_time(opens_at)} UTC"
        case ev.StartOverdue(reason=reason):
            return f"the start is overdue: {reason}"
        case ev.StartRefused(reason=reason, final=final):
            return ("not started any more: " if final else "not started: ") + reason
        case ev.PlanClosed(reason=reason, rollout=rollout):
            return reason + (f" as {rollout}" if rollout else "")
    return ""
