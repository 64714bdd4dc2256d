"""When a plan may start, seen from now and told in the plan's own time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pilotage.core.preparing import StartRule
from pilotage.core.quantities import duration


def may_start(rule: StartRule, now: float) -> tuple[bool, str]:
    """Whether it may start at `now` (Unix seconds), and a clause that says why or when."""
    if rule.opens_at is None or rule.closes_at is None:
        within = rule.within_s
        late = f"within {duration(within)} of becoming known; later is overdue" if within is not None else "at any time"
        return True, late
    zone = ZoneInfo(rule.zone)
    opens, closes = (datetime.fromtimestamp(at, zone) for at in (rule.opens_at, rule.closes_at))
    window = f"in the window {opens:%Y-%m-%d %H:%M} to {closes:%Y-%m-%d %H:%M} {rule.zone}"
    if now < rule.opens_at:
        return False, f"{window}, which opens in {about(rule.opens_at - now)}"
    if now >= rule.closes_at:
        return False, f"{window}, which passed {about(now - rule.closes_at)} ago: name another one"
    return True, f"{window}, which is open for {about(rule.closes_at - now)} more"


def about(seconds: float) -> str:
    """Whole minutes are enough here."""
    return duration(max(60.0, seconds // 60 * 60))
