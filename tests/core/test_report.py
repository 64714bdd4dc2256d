"""What people read afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from pilotage.core import events as ev
from pilotage.core.comparison import comparison
from pilotage.core.model import Action, Verdict
from pilotage.core.quantities import duration
from pilotage.core.report import report
from pilotage.core.sentences import sentence
from pilotage.core.tally import Tally, tally
from tests.core.worlds import Group, plan, samples


def test_the_report_says_in_one_sentence_why_it_went_back() -> None:
    events: list[ev.Event] = [
        ev.RolloutStarted(),
        ev.WeightSet("proxy", 10, 10, 0.02, "k"),
        ev.RollbackStarted(0, "errors 40 %"),
        ev.RolledBack("errors 40 %", 0.1),
    ]
    record = [ev.Recorded("r", number, 100.0 + number, "pilotage", event) for number, event in enumerate(events)]
    text = report(plan(), record, [], {(0, 1): Verdict(Action.ROLLBACK, "errors 40 %")})
    assert "**Rolled back to 1: errors 40 %.**" in text
    assert "Time to detect: 1.0 s" in text
    assert "| 1970-01-01 00:01:43 | pilotage | rolled back in 0.10 s |" in text


def test_text_from_outside_cannot_break_the_table() -> None:
    record = [ev.Recorded("r", 0, 0.0, "eve", ev.RolloutStarted("a | b\n| c [x](y) <script>"))]
    line = next(line for line in report(plan(), record, [], {}).splitlines() if "rollout started" in line)
    assert line == "| 1970-01-01 00:00:00 | eve | rollout started: a \\| b \\| c \\[x\\](y) \\<script> |"


def test_the_comparison_has_the_canary_beside_control() -> None:
    table = comparison(plan(known_bad=True), tally(samples(Group(5, 0.0), Group(45, 0.1, bug=0.4), ticks=10)))
    assert table.columns == ("metric", "baseline", "10 %")
    assert [row[0] for row in table.rows] == ["requests", "error rate", "p50", "p95", "p99", "null pointer"]
    assert table.rows[0][2] == "500"
    assert table.rows[1][2].startswith("0.00% (control ")


def test_every_event_has_a_sentence() -> None:
    verdict = Verdict(Action.WATCH, "")
    for kind in get_args(ev.Event):
        values: dict[str, Any] = {
            "verdict": verdict,
            "weight": 1.0,
            "wanted": 1.0,
            "in_force": 1.0,
            "took_s": 1.0,
            "watch_s": 1.0,
        }
        values |= {"opens_at": 0.0, "due_at": 0.0, "late_s": 60.0, "final": True, "targets": (("flag", 0.1),)}
        values |= {"items": (ev.Checked("a", "team", "b", "overridden"),)}
        needed = {name: values.get(name, "x") for name in kind.__match_args__ if name != "kind"}
        assert sentence(kind(**needed))


def test_durations_read_like_speech() -> None:
    assert [duration(seconds) for seconds in (0, 59, 90, 3600)] == ["0 s", "59 s", "1 min 30 s", "1 h"]


def test_time_to_detect_counts_from_the_phases_first_traffic_to_the_canary() -> None:
    """Two splitters are shifted one after the other, and an earlier phase shifted before them."""
    events: list[ev.Event] = [
        ev.RolloutStarted(),
        ev.PhaseStarted(0, "10 %", 10),
        ev.WeightSet("proxy", 10, 10, 0.02, "k"),
        ev.PhaseStarted(0, "10 %", 10),
        ev.WeightSet("proxy", 50, 50, 0.02, "k"),
        ev.WeightSet("flag", 50, 50, 0.02, "k"),
        ev.RollbackStarted(0, "errors 40 %"),
        ev.WeightSet("flag", 0, 0, 0.02, "k"),
        ev.RolledBack("errors 40 %", 0.1),
    ]
    record = [ev.Recorded("r", number, 100.0 + number, "pilotage", event) for number, event in enumerate(events)]
    assert "Time to detect: 2.0 s after the phase's first traffic" in report(plan(), record, [], {})


def test_without_traffic_to_the_canary_there_was_nothing_to_detect() -> None:
    events: list[ev.Event] = [ev.RolloutStarted(), ev.PhaseStarted(0, "baseline", 0), ev.RollbackStarted(0, "asked")]
    record = [ev.Recorded("r", number, 100.0 + number, "ann", event) for number, event in enumerate(events)]
    assert "Time to detect" not in report(plan(), record, [], {})


def test_a_phases_name_is_text_in_its_heading() -> None:
    one = plan()
    named = replace(one, phases=(replace(one.phases[0], name="10 % <b> [x](y)"),))
    text = report(named, [], [], {(0, 1): Verdict(Action.WATCH, "x")})
    assert "### 10 % \\<b> \\[x\\](y): WATCH at tick 1" in text


def test_the_picture_is_linked_when_there_is_one() -> None:
    assert "](<report.svg>)" in report(plan(), [], [], {}, "report.svg")
    assert "](<a(b).svg>)" in report(plan(), [], [], {}, "a\n>(b)<.svg")
    assert "![" not in report(plan(), [], [], {})


def test_the_time_before_the_rollout_is_in_no_column() -> None:
    taken = list(samples(Group(5, 0.0), Group(45, 0.1), ticks=10))
    past = [
        replace(one, tick=one.tick - 11, at=one.at - 700) for one in samples(Group(0, 0.0), Group(900, 0.5), ticks=10)
    ]
    assert comparison(plan(), tally([*past, *taken])) == comparison(plan(), tally(taken))
    assert "tick -1" not in report(plan(), [], past, {(0, -1): Verdict(Action.WATCH, "history")})


def test_a_table_that_grows_look_by_look_is_the_table_of_all_samples() -> None:
    taken = list(samples(Group(5, 0.01), Group(45, 0.1), ticks=30))
    later = [replace(one, phase=1, at=one.at + 1000) for one in samples(Group(20, 0.02), Group(30, 0.1), ticks=10)]
    two = replace(plan(), phases=(*plan().phases, replace(plan().phases[0], name="50 %", weight=50.0)))
    grown = Tally()
    for sample in [*taken, *later]:
        grown.take(sample)
        if sample.tick % 7 == 0:
            comparison(two, grown)  # looking changes nothing
    assert comparison(two, grown) == comparison(two, tally([*taken, *later]))
    assert grown.place == (1, 10)
