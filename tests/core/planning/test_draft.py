"""Brief -> plan file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage import planfile
from pilotage.core.brief.facts import (
    Conflict,
    ContactFact,
    Flag,
    Impact,
    Migration,
    PhaseFact,
    Suspicion,
    Traffic,
    Value,
    WindowFact,
)
from pilotage.core.errors import PlanError, Problem
from pilotage.core.model import Severity, Strategy
from pilotage.core.planning import draft
from pilotage.core.proposals import Proposal, Repository, Trace
from tests.core.planning.briefs import FIVE_MILLION, brief


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PlanError) as caught:
        planfile.load(text, directory=Path("/"))
    return caught.value.problems


def item(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in data["checklist"] if one["id"] == name)


REPOSITORY = Repository(
    root="/repo",
    is_git=True,
    branch="hotfix/npe",
    commit="3fa9c1d",
    main="main",
    github="shop/payment",
    tags=("2.4.1", "2.4.0", "2.3.9"),
    tag_here="2.4.1",
    proposals=(
        Proposal(
            "deploy",
            "deploy-sh",
            "shell",
            {"command": ["./deploy.sh", "{version}"]},
            (Trace("deploy.sh", 3, "VERSION=$1"),),
        ),
        Proposal(
            "traffic",
            "proxy",
            "envoy",
            {"runtime_dir": "runtime", "key": "payment.canary", "admin": "http://127.0.0.1:9901"},
            (Trace("envoy.yaml", 12, "runtime_key: payment.canary"),),
        ),
        Proposal(
            "traffic",
            "payment-fix",
            "flagd-file",
            {"file": "flags.json", "flag": "payment-fix", "on": "on", "off": "off"},
            (Trace("flags.json", 2),),
            0.9,
        ),
        Proposal(
            "checks",
            "build",
            "github-build",
            {"repository": "shop/payment", "commit": "3fa9c1d"},
            (Trace(".github/workflows/ci.yml"),),
        ),
    ),
)


def test_each_phase_says_what_it_gets_and_can_show() -> None:
    text = draft(brief()).text
    assert "10 % of 5M/day for 10 min = 3,472 requests: sees 0.3% -> 1.00% errors with 95 % power" in text


def test_a_phase_that_sees_too_little_comes_with_a_proposal() -> None:
    text = draft(brief(traffic=Traffic(5e4 / 86400))).text
    assert "sees only" in text or "too few" in text
    assert "% would see" in text or "min would see" in text or "synthetic requests" in text


def test_the_plan_states_its_false_alarm_budget() -> None:
    text = draft(brief()).text
    assert "# False alarms: at most 1.00% for each of 4 kinds of evidence that roll back, in each of 4 judged" in text


def test_the_same_brief_gives_the_same_bytes() -> None:
    assert draft(brief(), REPOSITORY).text == draft(brief(), REPOSITORY).text


def test_what_nobody_said_is_a_placeholder_and_nothing_else_is_wrong() -> None:
    found = problems(draft(brief(version=None, previous=None)).text)
    assert all(one.got.startswith("the placeholder") and one.line for one in found), found
    assert {"version", "previous", "metrics.errors.total"} <= {one.path for one in found}
    assert "service" not in {one.path for one in found}


def test_the_draft_names_its_open_places_as_the_loader_does() -> None:
    drafted = draft(brief(version=None, contacts=()))
    assert sorted(drafted.open) == sorted(one.path for one in problems(drafted.text))


@pytest.mark.parametrize(
    ("severity", "watch"), [(Severity.P0, "10m"), (Severity.P1, "15m"), (Severity.P2, "30m"), (None, "30m")]
)
def test_severity_sets_the_watch(severity: Severity | None, watch: str) -> None:
    data = draft(brief(severity=severity)).data
    assert [one["watch"] for one in data["phases"]] == [watch, watch, "30m"]
    assert data["after"] == {"watch": "1h", "tick": "1m"}


def test_a_p0_starts_now_a_p1_within_the_hour_a_p2_in_its_window() -> None:
    assert "start" not in draft(brief(severity=Severity.P0)).data
    assert draft(brief(severity=Severity.P1)).data["start"] == {"within": "1h"}
    window = draft(brief(severity=Severity.P2)).data["start"]
    assert all(str(window[key]).startswith("REPLACE_ME") for key in ("from", "until", "zone"))


def test_a_window_that_was_said_is_written_with_the_next_day_where_it_passes_midnight() -> None:
    said = WindowFact("2026-11-25", "22:00", "02:00", "Europe/Berlin", "2026-11-26")
    assert draft(brief(severity=Severity.P2, window=said)).data["start"] == {
        "from": "2026-11-25 22:00",
        "until": "2026-11-26 02:00",
        "zone": "Europe/Berlin",
    }


def test_what_a_window_lacks_is_asked_for_with_what_is_known() -> None:
    start = draft(brief(severity=Severity.P2, window=WindowFact(opens="22:00"))).data["start"]
    assert start["from"] == 'REPLACE_ME: date and time, such as "2026-11-25 22:00"; the brief says 22:00'


def test_phases_that_were_said_are_taken_and_end_at_a_hundred() -> None:
    said = (PhaseFact(5, 300.0), PhaseFact(25))
    assert draft(brief(phases=said)).data["phases"] == [
        {"weight": "5%", "watch": "5m"},
        {"weight": "25%", "watch": "10m"},
        {"weight": "100%", "watch": "30m"},
    ]


@pytest.mark.parametrize(
    ("facts", "strategy", "why"),
    [
        ({"strategy": None}, "canary", "the usual one for a hot-fix"),
        ({"strategy": None, "migration": Migration(True)}, "blue-green", "touches the database"),
        ({"strategy": None, "major": True}, "blue-green", "a major one"),
        ({"strategy": None, "stateful": True}, "rolling", "keeps state"),
        ({}, "canary", "asked for, and the usual one"),
    ],
)
def test_the_strategy_comes_with_its_reason(facts: dict[str, Any], strategy: str, why: str) -> None:
    (line,) = [one for one in draft(brief(**facts)).text.splitlines() if one.startswith("strategy:")]
    assert line.startswith(f"strategy: {strategy}  # ")
    assert why in line


def test_a_strategy_that_is_not_the_advised_one_is_said() -> None:
    warned = " ".join(draft(brief(migration=Migration(False))).warnings)
    assert "strategy canary was asked for; blue-green is advised: the change touches the database" in warned


# ------------------------------------------------------------------ blue-green


def test_blue_green_is_drafted_with_a_test_before_one_switch() -> None:
    data = draft(brief(strategy=Strategy.BLUE_GREEN, standby_s=7200.0)).data
    assert data["phases"] == [{"weight": "100%", "watch": "30m"}]
    assert "after" not in data
    colours = data["blue_green"]
    assert list(colours) == ["live", "idle", "test", "warm"]
    assert [str(colours[key]).startswith("REPLACE_ME") for key in ("live", "idle")] == [True, True]
    assert (colours["test"][0]["name"], colours["warm"]) == ("smoke", "2h")
    assert data["rollback"]["methods"] == ["switch"]
    assert "Release the old version's servers" in [one["text"] for one in data["follow_ups"]]


def test_the_colours_come_from_a_splitter_that_has_both_and_are_to_be_checked() -> None:
    split = Proposal(
        "traffic",
        "app",
        "haproxy",
        {"socket": "/run/haproxy.sock", "backend": "app", "canary": ["app-green"], "stable": ["app-blue"]},
        (Trace("haproxy.cfg", 9),),
    )
    drafted = draft(brief(strategy=Strategy.BLUE_GREEN, flag=Flag(False)), Repository(proposals=(split,)))
    assert (drafted.data["blue_green"]["live"], drafted.data["blue_green"]["idle"]) == ("blue", "green")
    assert "live: blue  # as haproxy.cfg shares it; check which one is live now" in drafted.text


def test_colours_that_were_only_seen_are_asked_for_by_name() -> None:
    script = Proposal("deploy", "d", "shell", {"command": ["./d.sh"]}, (Trace("d.sh", 2, "for c in blue green"),))
    live = draft(brief(strategy=Strategy.BLUE_GREEN), Repository(proposals=(script,))).data["blue_green"]["live"]
    assert live == "REPLACE_ME: the colour that runs now, blue or green (both seen in d.sh)"


# ------------------------------------------------------------------ rolling

POOL = Proposal(
    "pool",
    "app",
    "haproxy",
    {"socket": "/run/haproxy.sock", "backend": "app"},
    (Trace("haproxy.cfg", 9, "backend app"),),
    members=("a1", "a2"),
)


def test_rolling_is_drafted_server_by_server_without_shares_of_traffic() -> None:
    said = brief(strategy=Strategy.ROLLING, severity=Severity.P1)
    said = replace(said, servers=tuple(Value(one) for one in ("web1", "web2", "web3")))
    data = draft(said).data
    assert not {"phases", "traffic"} & set(data)
    assert (data["rolling"]["servers"], data["rolling"]["watch"]) == (["web1", "web2", "web3"], "15m")
    assert data["deploy"][0]["host"] == "{server}"
    assert data["rollback"]["methods"] == ["redeploy"]
    assert "Release the old version's servers" not in [one["text"] for one in data["follow_ups"]]


@pytest.mark.parametrize(("fleet", "count"), [(None, 3), (5, 5)])
def test_servers_that_nobody_named_are_asked_for(fleet: int | None, count: int) -> None:
    servers = draft(brief(strategy=Strategy.ROLLING, fleet=fleet)).data["rolling"]["servers"]
    assert [one.startswith("REPLACE_ME: ") for one in servers] == [True] * count
    assert len(set(servers)) == count


def test_the_pool_of_the_repository_is_proposed_with_its_servers() -> None:
    drafted = draft(brief(strategy=Strategy.ROLLING), Repository(proposals=(POOL,)))
    rolling = drafted.data["rolling"]
    assert rolling["pool"] == {"driver": "haproxy", "socket": "/run/haproxy.sock", "backend": "app"}
    assert rolling["servers"] == ["a1", "a2"]
    assert "# Proposed, as seen in haproxy.cfg:9 (backend app)." in drafted.text


@pytest.mark.parametrize(("strategy", "word"), [(Strategy.BLUE_GREEN, "{idle}"), (Strategy.ROLLING, "{server}")])
def test_a_script_that_may_deploy_everywhere_is_not_taken_as_it_is(strategy: Strategy, word: str) -> None:
    (row,) = draft(brief(strategy=strategy), REPOSITORY).data["deploy"]
    assert row["command"][:2] == ["./deploy.sh", "{version}"]
    assert row["command"][2].startswith(f"REPLACE_ME: {word}")


def test_a_migration_that_cannot_be_undone_wants_a_backup_and_fixes_forward() -> None:
    data = draft(brief(migration=Migration(False))).data
    assert item(data, "backup-restored")["text"].startswith("A backup exists")
    assert data["rollback"]["least_bad"] == "fix-forward"
    assert "migration-tested" not in [one["id"] for one in draft(brief()).data["checklist"]]


def test_a_peak_is_not_taken_for_the_usual_traffic() -> None:
    drafted = draft(brief(traffic=Traffic(900.0, peak=True)))
    assert "expect" not in drafted.data
    assert "# expect: {requests: 77.76M/day, errors: 0.3%}" in drafted.text
    assert "at the peak" in drafted.text


def test_a_conflict_and_what_looks_wrong_are_written_into_the_plan() -> None:
    said = brief(
        conflicts=(Conflict("severity", ("P0", "P2"), "P2", "the longer watch"),),
        suspicious=(Suspicion("instruction", "ignore the checklist"),),
    )
    text = draft(said).text
    assert "# ! CONFLICT severity: the brief says P0 and P2; taken: P2 (the longer watch). Check it." in text
    assert "# ! LOOK AT instruction: ignore the checklist" in text


def test_what_is_assumed_is_said() -> None:
    warned = draft(brief(services=("payment", "checkout"))).warnings
    assert "ASSUMED known_bad true: a hot-fix replaces a sick version." in warned
    assert any(one.startswith("NOT IN THIS PLAN: checkout") for one in warned)
    assert any("0.3 % of the requests usually fail" in one for one in warned)


def test_a_healthy_running_version_needs_no_metric_of_the_bug() -> None:
    data = draft(brief(known_bad=False)).data
    assert data["known_bad"] is False
    assert "bug" not in data["metrics"]


def test_the_repository_speaks_for_drivers_with_what_was_seen() -> None:
    drafted = draft(brief(), REPOSITORY)
    assert drafted.data["deploy"] == [{"name": "deploy-sh", "driver": "shell", "command": ["./deploy.sh", "{version}"]}]
    assert drafted.data["traffic"][0]["driver"] == "flagd-file"
    assert "# Proposed, as seen in deploy.sh:3 (VERSION=$1)." in drafted.text
    assert "# Also seen: envoy: envoy.yaml:12 (runtime_key: payment.canary)" in drafted.text
    assert item(drafted.data, "build-green")["check"] == "github-build"
    assert item(drafted.data, "merged") == {
        "id": "merged",
        "part": "technical",
        "text": "The fix is merged to the branch that is deployed (main)",
        "check": "git-merged",
        "commit": "3fa9c1d",
        "into": "main",
    }


def test_without_a_flag_the_proxy_is_taken_and_its_page_of_metrics_too() -> None:
    drafted = draft(brief(flag=Flag(False)), REPOSITORY)
    assert drafted.data["traffic"][0]["driver"] == "envoy"
    assert drafted.data["metrics"]["sources"] == {
        "proxy": {"driver": "scrape", "urls": ["http://127.0.0.1:9901/stats/prometheus"]}
    }
    assert drafted.data["metrics"]["requests"] == {"preset": "envoy", "source": "proxy"}
    assert "errors" not in drafted.data["metrics"]
    assert "the cluster in Envoy" in drafted.data["metrics"]["groups"]["canary"]


@pytest.mark.parametrize(("driver", "label"), [("haproxy", "server"), ("traefik", "service"), ("nginx", "label value")])
def test_a_proxy_that_counts_by_version_has_a_preset_on_prometheus(driver: str, label: str) -> None:
    seen = (
        Proposal("traffic", "proxy", driver, {"backend": "payment"}, (Trace("proxy.cfg", 1),)),
        Proposal("metrics", "prometheus", "prometheus", {"url": "http://localhost:9090"}, (Trace("p.yml", 1),)),
    )
    drafted = draft(brief(flag=Flag(False)), Repository(proposals=seen))
    metrics = drafted.data["metrics"]
    assert label in metrics["groups"]["canary"]
    if driver == "nginx":
        assert str(metrics["errors"]["total"]).startswith("REPLACE_ME")
        assert "requests" not in metrics
    else:
        select = {"select": 'proxy="payment"'} if driver == "haproxy" else {}
        assert metrics["requests"] == {"preset": driver, "source": "prometheus", **select}
        assert ("No latency: HAProxy's" in drafted.text) == (driver == "haproxy")


def test_versions_come_from_tags_where_the_brief_names_none_and_are_to_be_checked() -> None:
    drafted = draft(brief(version=None, previous=None), REPOSITORY)
    assert (drafted.data["version"], drafted.data["previous"]) == ("2.4.1", "2.4.0")
    assert any(one.startswith("ASSUMED version 2.4.1: the tag of the present commit") for one in drafted.warnings)


def test_without_a_version_no_previous_one_is_guessed() -> None:
    untagged = Repository(is_git=True, tags=("2.4.0",))
    assert str(draft(brief(version=None, previous=None), untagged).data["previous"]).startswith("REPLACE_ME")


def test_contacts_impact_regions_and_tickets_are_kept() -> None:
    data = draft(brief(tickets=("INC-42",), regions=("eu-west-1",), contacts=(ContactFact("tester", "Bo"),))).data
    assert (data["references"], data["regions"], data["impact"]) == (
        ["INC-42"],
        ["eu-west-1"],
        "45 % of checkouts failing",
    )
    assert data["contacts"][0]["role"] == "on-call"
    assert str(data["contacts"][0]["name"]).startswith("REPLACE_ME")
    assert item(data, "hotfix-tested")["text"] == "The hot-fix is tested, and approved by Bo"


TEXTS = st.text(max_size=60)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "summary": st.none() | TEXTS,
        "severity": st.none() | st.sampled_from(list(Severity)),
        "impact": st.builds(Impact, st.none() | st.floats(0, 1), TEXTS),
        "environment": st.none() | TEXTS,
        "traffic": st.none() | st.builds(Traffic, st.floats(1e-6, 1e6), st.booleans()),
        "flag": st.builds(Flag, st.booleans(), TEXTS),
        "migration": st.none() | st.builds(Migration, st.none() | st.booleans()),
        "version": st.none() | TEXTS,
        "services": st.lists(TEXTS, max_size=2).map(tuple),
        "tickets": st.lists(TEXTS, max_size=2).map(tuple),
        "contacts": st.lists(st.builds(ContactFact, st.just("tester"), TEXTS, TEXTS), max_size=2).map(tuple),
        "text": TEXTS,
        "strategy": st.none() | st.sampled_from(list(Strategy)),
        "fleet": st.none() | st.integers(2, 9),
        "window": st.none() | st.builds(WindowFact, TEXTS, TEXTS, TEXTS, TEXTS),
    },
)
PROPOSALS = st.builds(
    Proposal,
    st.sampled_from(["deploy", "traffic", "logs", "checks"]),
    TEXTS,
    st.sampled_from(["", "shell"]),
    st.dictionaries(st.text("abc", min_size=1), TEXTS, max_size=2),
    st.lists(st.builds(Trace, TEXTS, st.integers(0, 9), TEXTS), max_size=2).map(tuple),
    note=TEXTS,
)


@settings(deadline=None)
@given(FACTS, st.lists(PROPOSALS, max_size=3))
def test_the_written_text_reads_back_as_the_drafts_data_whatever_the_facts(
    facts: dict[str, Any], proposals: list[Proposal]
) -> None:
    drafted = draft(brief(**facts), Repository(proposals=tuple(proposals), notes=("a\nnote: 1",)))
    tree, twice = planfile.read(drafted.text)
    assert tree.plain() == drafted.data
    assert twice == []


@settings(deadline=None)
@given(st.floats(1e-4, 1e6))
def test_the_expected_traffic_is_always_one_that_the_loader_takes(per_s: float) -> None:
    drafted = draft(brief(traffic=Traffic(per_s)))
    assert not [one for one in problems(drafted.text) if one.path.startswith("expect")]


def test_five_million_a_day_reads_as_it_was_said() -> None:
    assert draft(brief(traffic=Traffic(FIVE_MILLION))).data["expect"]["requests"] == "5M/day"


def test_values_carry_where_they_come_from() -> None:
    text = draft(brief(text="P0! payment")).text
    assert 'severity: P0  # brief: "P"' in text
    answered = brief(severity=None)
    object.__setattr__(answered, "severity", Value(Severity.P1, source="answer"))
    assert "severity: P1  # as you said" in draft(answered).text


def test_a_draft_whose_places_are_filled_in_is_a_good_plan(tmp_path: Path) -> None:
    drafted = draft(brief(severity=Severity.P1, flag=Flag(False)), REPOSITORY)
    filled = drafted.text
    for path, value in {
        "metrics.groups.canary": "payment_canary",
        "metrics.groups.control": "payment_stable",
        "metrics.bug.total": 'checkouts_total{group=\\"$group\\"}',
        "metrics.bug.bad": 'null_pointers_total{group=\\"$group\\"}',
    }.items():
        head = f'{path.rpartition(".")[2]}: "'
        before, _, after = filled.partition(f"{head}REPLACE_ME")
        assert after, path
        filled = f'{before}{head}{value}"' + after[after.index("\n") :]
    assert "REPLACE_ME" not in filled.replace("Fill in every REPLACE_ME", "")
    plan = planfile.load(filled, directory=tmp_path)
    assert [phase.weight for phase in plan.phases] == [0, 10, 50, 100, 100]
    assert plan.preparation.start.within_s == 3600
    assert [way.method for way in plan.rollback.ways] == ["traffic", "redeploy", "revert"]
    assert [step.target for step in plan.rollback.ways[2].steps] == ["revert", "deploy-sh"]
    assert {"git-merged", "github-build", "freeze"} <= {one.check for one in plan.preparation.checklist}


FILLED = {
    "metrics.groups.canary": "new",
    "metrics.groups.control": "old",
    "metrics.errors.total": 'rq{g="$group"}',
    "metrics.errors.bad": 'rq5{g="$group"}',
    "metrics.latency.histogram": 'rq_time{g="$group"}',
    "metrics.bug.total": 'tries{g="$group"}',
    "metrics.bug.bad": 'npe{g="$group"}',
    "blue_green.live": "blue",
    "blue_green.idle": "green",
    "contacts[0].name": "Ann",
    "start.from": "2026-11-25 22:00",
    "start.until": "2026-11-26 02:00",
    "start.zone": "UTC",
}
"""What a person would write; everything else takes any text."""


def fill_in(value: Any, path: str = "") -> Any:
    if isinstance(value, dict):
        return {key: fill_in(one, f"{path}.{key}" if path else key) for key, one in value.items()}
    if isinstance(value, list):
        return [fill_in(one, f"{path}[{number}]") for number, one in enumerate(value)]
    if not str(value).startswith("REPLACE_ME"):
        return value
    if path.startswith("rolling.servers["):
        return f"web{path[len('rolling.servers[') : -1]}"
    if "{server}, in the way" in str(value):
        return "{server}"
    return FILLED.get(path, "http://127.0.0.1:9" if "url" in path else "filled")


@settings(deadline=None)
@given(
    strategy=st.sampled_from(list(Strategy)),
    severity=st.none() | st.sampled_from(list(Severity)),
    fleet=st.none() | st.integers(2, 9),
    flag=st.just(Flag(True, "payment-fix")),
    migration=st.none() | st.builds(Migration, st.none() | st.booleans()),
    known_bad=st.none() | st.booleans(),
    standby_s=st.none() | st.sampled_from([60.0, 7200.0]),
    seen=st.booleans(),
)
def test_a_draft_of_any_strategy_is_a_good_plan_once_its_places_are_filled_in(seen: bool, **facts: Any) -> None:
    found = replace(REPOSITORY, proposals=(*REPOSITORY.proposals, POOL)) if seen else Repository()
    if facts["severity"] is None:
        facts["severity"] = Severity.P0
    data = fill_in(draft(brief(**facts), found).data)
    plan = planfile.load(json.dumps(data), directory=Path("/"))
    assert plan.strategy is facts["strategy"]
    assert plan.phases[-1].weight == 100
