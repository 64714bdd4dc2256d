"""The plan as people read it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pilotage import planfile
from pilotage.core.brief.facts import Migration, WindowFact
from pilotage.core.documents import plan_document
from pilotage.core.model import Severity, Strategy
from pilotage.core.planning import draft
from tests.core.planning.briefs import brief
from tests.planfile import test_strategies as strategies

SECTIONS = [
    "In short",
    "What to type",
    "Before the first request moves",
    "Phases",
    "What is watched",
    "A phase passes when",
    "It goes back, or holds",
    "Rollback",
    "Messages",
    "Afterwards",
    "Who",
]


def document(**facts: Any) -> str:
    return plan_document(draft(brief(**facts)).data)


def test_it_has_its_sections_in_the_order_in_which_they_are_needed() -> None:
    assert re.findall(r"^## (.*)$", document(), re.MULTILINE) == SECTIONS


def test_it_says_in_short_what_will_happen_and_how_to_stop_it() -> None:
    text = document()
    assert "2.4.1 gets 10 % of the traffic for 10 min, then 50 % of the traffic for 10 min, then 100 % of" in text
    assert "At any moment `pilotage rollback` sends everybody back to 2.4.0" in text
    assert "this takes about 1 h 50 min" in text


def test_open_places_are_named_first() -> None:
    text = document(version=None)
    assert text.index("still to be filled in") < text.index("## In short")
    assert '> - `version`: the version to bring out, such as "2.4.1"' in text
    assert "REPLACE_ME" not in text


def test_a_window_is_shown_with_its_zone() -> None:
    said = WindowFact("2026-11-25", "22:00", "23:30", "Europe/Berlin")
    shown = document(severity=Severity.P2, window=said)
    assert "P2: starts in its window: 2026-11-25 22:00 to 2026-11-25 23:30 (Europe/Berlin)" in shown


def test_the_way_back_can_be_taken_alone() -> None:
    text = plan_document(
        {
            "previous": "2.4.0",
            "deploy": [{"driver": "shell", "command": ["./deploy.sh", "{version}"]}],
            "traffic": [
                {"name": "flag", "driver": "flagd-file", "file": "flags.json", "flag": "fix"},
                {"name": "proxy", "driver": "shell", "set": ["./traffic.sh", "set", "{weight}"]},
            ],
            "rollback": {"methods": ["traffic", "redeploy", "revert"], "least_bad": "flag-off"},
        }
    )
    assert "weight 0 at `proxy` (set `./traffic.sh set 0`), then `flag` (file `flags.json`, flag `fix`)." in text
    assert "**Redeploy 2.4.0**, when the traffic cannot be moved: `./deploy.sh 2.4.0`." in text
    assert "The broken feature is switched off altogether" in text


def test_only_what_the_plan_measures_can_send_it_back() -> None:
    text = plan_document({"metrics": {"errors": {"source": "app"}}, "rollback_when": {"errors": "3%"}})
    assert "(the limit: 3%)" in text
    assert "slower" not in text
    assert "no log is watched by this plan" in text


def test_the_plans_own_table_of_verdicts_is_told() -> None:
    text = plan_document({"severity": "P0", "verdicts": {"errors-worse": {"P0": "ask", "P2": "hold"}}})
    assert "It holds and asks a person at once for:\n\n- more errors than control" in text


def test_text_from_the_brief_stays_text() -> None:
    text = document(summary="a | b](http://x) <script> `rm` *x*\n# Heading")
    assert "<script>" not in text.replace("\\<script>", "")
    assert "\n# Heading" not in text
    assert "](http" not in text.replace("\\](http", "")


def test_a_migration_shows_in_the_checklist_and_in_the_way_back() -> None:
    text = document(migration=Migration(False))
    assert "A backup exists and was restored once" in text
    assert "Fix forward" in text


LEAVES: Any = st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.just("REPLACE_ME: x")
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["watch", "weight", "name", "driver", "command", "text", "after", "bug", "from", "methods"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
KEYS = [
    "service",
    "phases",
    "traffic",
    "metrics",
    "checklist",
    "contacts",
    "follow_ups",
    "start",
    "rollback",
    "verdicts",
]


@given(st.dictionaries(st.sampled_from([*KEYS, "deploy", "notify", "regions", "expect", "hold", "tick"]), TREES))
def test_any_tree_gives_a_document(data: dict[str, Any]) -> None:
    assert plan_document(data).startswith("# Deployment plan")


def test_the_document_of_a_file_is_that_of_its_draft() -> None:
    drafted = draft(brief(version=None))
    outline = planfile.outline(drafted.text, directory=Path("/"))
    assert plan_document(outline.data) == plan_document(drafted.data)
    assert {one.path for one in outline.open} == set(drafted.open)


# ------------------------------------------------------------------ the other strategies


def section(text: str, title: str) -> str:
    return text[text.index(f"## {title}") :].split("\n## ")[0]


def written(plan: str) -> str:
    return plan_document(planfile.read(plan)[0].plain())


def test_blue_green_reads_as_a_test_a_switch_and_a_warm_colour() -> None:
    text = written(strategies.BLUE_GREEN)
    assert "2.4.1 is deployed to green, which gets no traffic yet, and tested there: smoke (http)." in text
    assert "Green gets all of the traffic at once (after a person's approval), and is watched for 30 min." in text
    phases = section(text, "Phases")
    assert [line.split(" | ")[0] for line in phases.splitlines() if line.startswith("| ")][2:] == [
        "| test green",
        "| switch to green",
        "| after",
    ]
    assert "After that, blue is released by `shell`." in phases
    assert "**Switch back** to blue, which runs 2.4.0 and is kept warm for that" in section(text, "Rollback")


def test_rolling_reads_server_by_server() -> None:
    text = written(strategies.ROLLING)
    assert "2.4.1 is deployed to web1, then web2 (after a person's approval), then web3." in text
    phases = section(text, "Phases")
    assert "| web2 | 2 of 3 servers | 5 min |" in phases
    assert "not taken out of rotation, as the plan names no pool" in phases
    assert "traffic" not in section(text, "In short")
    assert "**Redeploy 2.4.0** on the servers that were changed, the last one first" in section(text, "Rollback")


def test_cohorts_copies_and_names_are_said_in_words() -> None:
    phases = section(written(strategies.CANARY), "Phases")
    assert (
        "| 1 | requests whose header X-Canary is yes or beta | 5 min | what it gets is not known beforehand |" in phases
    )
    assert "| 2 | a copy of 10 % of the requests, whose answers are dropped |" in phases
    assert "| 3 | 10 % of the traffic at script-eu, eu |" in phases


def test_a_draft_of_any_strategy_can_be_read() -> None:
    for strategy in Strategy:
        text = document(strategy=strategy)
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
        assert "REPLACE_ME" not in text
