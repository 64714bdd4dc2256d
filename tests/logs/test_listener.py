"""A rollout's listener: what it counts of both groups, what it notes, and that a restart changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from pilotage.core.errors import TemporaryError
from pilotage.core.model import DriverRef, LogCounts, LogField, LogSetup
from pilotage.drivers import DriverOptions, Piece
from pilotage.logs.live import Listener
from pilotage.logs.saved import Saved

REF = DriverRef("memory", {})
ERROR = "2026-11-23 10:00:00 ERROR [main] shop.pay - cannot charge 17\n"
OTHER = "2026-11-23 10:00:01 ERROR [main] shop.mail - cannot mail 4\n"
INFO = "2026-11-23 10:00:02 INFO all is well\n"


class Memory:
    """A source whose stream the test writes."""

    Options = DriverOptions

    def __init__(self) -> None:
        self.text = b""
        self.before = b""
        self.place = 0
        self.failing: str = ""
        self.unreadable: str = ""
        self.told: list[str] = []

    def write(self, *texts: str | bytes) -> None:
        self.text += b"".join(text.encode() if isinstance(text, str) else text for text in texts)

    async def read(self) -> list[Piece]:
        if self.failing:
            raise TemporaryError(self.failing)
        data = self.text[self.place : self.place + 1024 * 1024]
        offset, self.place = self.place, self.place + len(data)
        return [Piece("stream", "app.log", offset, data)] if data else []

    def continue_at(self, places: Mapping[str, int]) -> None:
        self.place = places.get("stream", 0)

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        if self.before:
            yield Piece("old", "app.log.1", 0, self.before, ended=True)

    def troubles(self) -> list[str]:
        told, self.told = self.told, []
        return told

    async def probe(self) -> str:
        if self.unreadable:
            raise TemporaryError(self.unreadable)
        return "ready"

    async def close(self) -> None:
        pass


class Stand:
    """Two sources (or one for both), a clock, and a listener."""

    def __init__(self, setup: LogSetup | None = None) -> None:
        self.setup = setup or LogSetup(canary=REF, control=REF)
        self.canary, self.control, self.both = Memory(), Memory(), Memory()
        self.at = 1000.0
        self.signatures: dict[int, object] = {}
        self.state = Saved().state
        self.restart(first=True)

    def restart(self, first: bool = False) -> None:
        sources = {"both": self.both} if self.setup.both else {"canary": self.canary, "control": self.control}
        self.listener = Listener(self.setup, sources, lambda: self.at)  # type: ignore[arg-type]
        if not first:
            self.listener.restore(Saved(tuple(self.signatures.values()), self.state))  # type: ignore[arg-type]

    async def tick(self) -> LogCounts:
        """Two polls, so that what was held back is counted, then what they have shown."""
        for _ in range(3):
            await self.listener.poll()
            self.at += 3
        counts, saved = await self.listener.counts()
        self.signatures |= {one.signature.number: one for one in saved.signatures}
        self.state = saved.state
        return counts


@pytest.fixture
def stand() -> Stand:
    return Stand()


def entries(counts: LogCounts) -> list[tuple[int, int]]:
    return [(one.canary_entries, one.control_entries) for one in counts.seen]


async def test_both_groups_are_counted_and_the_canarys_signatures_named_once(stand: Stand) -> None:
    stand.canary.write(INFO, ERROR)
    stand.control.write(INFO * 9, ERROR, OTHER)
    counts = await stand.tick()
    assert entries(counts) == [(1, 1), (0, 1)]
    assert (counts.canary_volume, counts.control_volume) == (len(INFO + ERROR), len(INFO * 9 + ERROR + OTHER))
    assert ["cannot charge" in one.title for one in counts.named] == [True]
    stand.canary.write(ERROR)
    later = await stand.tick()
    assert (entries(later), later.named) == ([(1, 0)], ())
    assert await stand.tick() == LogCounts()


async def test_entries_within_two_seconds_are_one_incident(stand: Stand) -> None:
    stand.canary.write(ERROR * 40)
    (seen,) = (await stand.tick()).seen
    assert (seen.canary, seen.canary_entries) == (1, 40)
    stand.canary.write(ERROR)
    (seen,) = (await stand.tick()).seen
    assert seen.canary == 1


async def test_after_a_restart_numbers_are_the_same_and_nothing_is_counted_twice(stand: Stand) -> None:
    stand.canary.write(ERROR)
    stand.control.write(OTHER)
    first = await stand.tick()
    stand.canary.write(ERROR, OTHER)
    stand.restart()
    second = await stand.tick()
    assert [one.number for one in second.seen] == [one.number for one in first.seen]
    assert entries(second) == [(1, 0), (1, 0)]
    assert ["cannot mail" in one.title for one in second.named] == [True]


async def test_what_was_counted_but_not_saved_is_counted_again(stand: Stand) -> None:
    await stand.tick()
    stand.canary.write(ERROR)
    await stand.listener.poll()
    stand.restart()
    assert entries(await stand.tick()) == [(1, 0)]


async def test_a_trace_that_is_still_being_written_is_one_entry_also_across_a_restart(stand: Stand) -> None:
    stand.canary.write("2026-11-23 10:00:00 ERROR shop - no\nTraceback (most recent call last):\n")
    await stand.listener.poll()
    counts, saved = await stand.listener.counts()
    assert counts.seen == ()
    stand.state = saved.state
    stand.canary.write('  File "/a.py", line 1, in charge\n    send()\nNoAnswer: x\n', INFO)
    stand.restart()
    (named,) = (await stand.tick()).named
    assert "NoAnswer" in named.title


async def test_history_is_what_control_knew(stand: Stand) -> None:
    stand.control.before = (OTHER + INFO * 20 + ERROR.replace("10:00:00", "12:00:00")).encode()
    await stand.listener.read_history()
    counts = await stand.tick()
    assert counts.history is not None
    assert [count for _, count in counts.history.incidents] == [1, 1]
    assert counts.history.seconds == pytest.approx(2 * 3600 - 1)
    stand.canary.write(OTHER)
    (seen,) = (await stand.tick()).seen
    assert seen.number in dict(counts.history.incidents)


async def test_a_field_tells_the_groups_of_one_stream_apart() -> None:
    stand = Stand(LogSetup(both=REF, field=LogField("kubernetes.labels.track", "new", "old")))

    def line(track: str, level: str = "error") -> str:
        return f'{{"level":"{level}","msg":"cannot charge","kubernetes":{{"labels":{{"track":"{track}"}}}}}}\n'

    stand.both.write(line("new"), line("old") * 3, line("third"), "not json ERROR\n", line("old", "info") * 4)
    counts = await stand.tick()
    assert entries(counts) == [(1, 3)]
    assert counts.control_volume > counts.canary_volume > 0


async def test_a_field_of_key_value_lines_too() -> None:
    stand = Stand(LogSetup(both=REF, field=LogField("version", "2.0", "1.0")))
    stand.both.write('level=error version=2.0 msg="cannot charge"\nlevel=error version="1.0" msg="cannot charge"\n')
    assert entries(await stand.tick()) == [(1, 1)]


async def test_the_plans_texts_the_bugs_own_is_counted_and_what_is_to_be_ignored_is_left_out() -> None:
    stand = Stand(LogSetup(canary=REF, control=REF, bug="cannot charge", ignore=("cannot mail",)))
    stand.canary.write(ERROR, OTHER, INFO)
    stand.control.write(OTHER, ERROR * 3)
    counts = await stand.tick()
    assert (entries(counts), counts.bug) == ([(1, 3)], (1, 1))
    assert counts.critical == (counts.seen[0].number,)


async def test_tokens_of_the_plans_own() -> None:
    stand = Stand(LogSetup(canary=REF, control=REF, tokens=("FEHLER",)))
    stand.canary.write("FEHLER: Karte abgelehnt\n", ERROR)
    assert entries(await stand.tick()) == [(1, 0)]


async def test_a_source_that_fails_or_cannot_be_read_is_missing_until_it_answers(stand: Stand) -> None:
    stand.canary.failing = "the log host is gone"
    assert (await stand.tick()).missing.startswith("canary: the log host is gone")
    stand.canary.failing, stand.control.unreadable = "", "stable.log cannot be read: permission denied"
    assert (await stand.tick()).missing == "control: stable.log cannot be read: permission denied"
    stand.control.unreadable = ""
    assert (await stand.tick()).missing == ""


async def test_what_is_odd_about_a_log_is_noted_once(stand: Stand) -> None:
    stand.canary.write(b"ERROR \xff\n", b"ERROR \x00\n", b"ERROR " + b"x" * 3_000_000 + b"\n", INFO)
    stand.canary.write(ERROR.replace("10:00", "12:00"), ERROR)
    stand.control.told = ["app.log was truncated"]
    notes = (await stand.tick()).notes
    for said in ("UTF-8", "NUL", "longer than 1 MiB", "times in the log go back", "app.log was truncated"):
        assert any(said in note for note in notes), said
    stand.canary.write(b"ERROR \xff\n")
    assert (await stand.tick()).notes == ()


async def test_secrets_do_not_reach_the_sample(stand: Stand) -> None:
    stand.canary.write("ERROR login failed for bob password=hunter2 token: abcdef123456\n")
    counts = await stand.tick()
    assert "hunter2" not in repr(counts)
    assert "abcdef123456" not in repr(counts)
