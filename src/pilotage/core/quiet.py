"""When a message is sent: at once, when it is no longer quiet, or only as a line in the next one.

Pure: the record and what was sent come in, a decision comes out; so it is the same after a restart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum

from pilotage.core import events as ev
from pilotage.core.announcing import URGENT, gets
from pilotage.core.model import Channel, Quiet

FLAPS_S = 300.0
"""A hold that repeats so soon after one that was told is not told again."""
TOO_OLD_S = 2 * 86400.0
"""Nobody wants last week's news as if it were new."""


class Turn(StrEnum):
    SEND = "send"
    SKIP = "skip"
    """Not for this channel, told already, or told as a line of a later message (`passed_over`)."""
    WAIT = "wait"
    """It is quiet, and nothing urgent has come after it."""


def is_quiet(quiet: Quiet | None, at: float, zone: tzinfo) -> bool:
    """Whether an instant (Unix seconds) lies in the quiet hours, by the clock on the wall in `zone` (quiet.zone's).

    `begins` is within, `ends` is not; where `ends` comes first, they go on over midnight.
    """
    if quiet is None:
        return False
    local = datetime.fromtimestamp(at, zone)
    minute = local.hour * 60 + local.minute
    if quiet.begins < quiet.ends:
        return quiet.begins <= minute < quiet.ends
    return minute >= quiet.begins or minute < quiet.ends


def decide(
    channel: Channel, record: Sequence[ev.Recorded], number: int, sent: Collection[int], now: float, zone: tzinfo
) -> Turn:
    """What to do now with the event at `number`, which is next. `record` has the events in their order, none missing.

    `sent` are the numbers of those that were sent on this channel. What happened in quiet hours and is not urgent waits
    for their end, or for something urgent; of several only the last becomes a message.
    """
    one = record[number]
    if not _told(channel, record, number, sent) or now - one.at > TOO_OLD_S:
        return Turn.SKIP
    quiet = is_quiet(channel.quiet, now, zone)
    if one.event.kind in URGENT or not (quiet or is_quiet(channel.quiet, one.at, zone)):
        return Turn.SEND
    later = [other for other in record[number + 1 :] if _told(channel, record, other.number, sent)]
    if quiet:
        return Turn.SKIP if any(other.event.kind in URGENT for other in later) else Turn.WAIT
    return Turn.SKIP if later else Turn.SEND


def passed_over(
    channel: Channel, record: Sequence[ev.Recorded], number: int, sent: Collection[int]
) -> list[ev.Recorded]:
    """What this channel should have been told since the last message, and what the one at `number` therefore says."""
    first = max((one + 1 for one in sent if one < number), default=0)
    return [one for one in record[first:number] if _told(channel, record, one.number, sent)]


def _told(channel: Channel, record: Sequence[ev.Recorded], number: int, sent: Collection[int]) -> bool:
    told = gets(channel, record[number].event)
    return told and not _flaps(record, number, sent) and not _is_over(record, number)


def _is_over(record: Sequence[ev.Recorded], number: int) -> bool:
    """A rollback that has ended before its beginning was told: its end says it all."""
    if not isinstance(record[number].event, ev.RollbackStarted):
        return False
    return any(isinstance(other.event, ev.RolledBack) for other in record[number + 1 :])


def _flaps(record: Sequence[ev.Recorded], number: int, sent: Collection[int]) -> bool:
    """A hold shortly after one of the same phase that was sent."""
    one = record[number]
    if not isinstance(one.event, ev.Held):
        return False
    for other in reversed(record[:number]):
        if isinstance(other.event, ev.Held) and other.event.phase == one.event.phase and other.number in sent:
            return one.at - other.at < FLAPS_S
    return False
