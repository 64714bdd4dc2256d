"""Each check that looks by itself, holding and not: real files, commands and pages."""

from __future__ import annotations

import asyncio

import pytest

from pilotage import planfile
from pilotage.core import events as ev
from pilotage.core.checklist import Seen
from pilotage.core.errors import PermanentError
from pilotage.core.model import Plan
from pilotage.drivers import Evidence, registry
from pilotage.drivers.metrics.scrape import ScrapeMetrics
from pilotage.readiness import REHEARSED_WITHIN_S, Surroundings, look
from pilotage.rehearsal import rehearse
from pilotage.store.gates import Freeze, HeldLock
from pilotage.store.versions import BadVersion
from tests.stage import Stage

NOW = 1_800_000_000.0
"""2027-01-15 08:00 UTC."""
WINDOW = 'start: {from: "2027-01-15 08:30", until: "2027-01-15 10:00", zone: Europe/Berlin}\n'


def plan_with(stage: Stage, check: str, more: str = "", options: str = "") -> Plan:
    item = f"checklist: [{{id: it, part: team, text: T, check: {check}{options}}}]\n"
    body = stage.plan("shop", more=item + more)
    return planfile.load(body["plan"], directory=stage.folder)


async def seen(stage: Stage, plan: Plan, **around: object) -> Seen:
    found, _ = await look(plan, stage.folder, Surroundings(**{"now": NOW, **around}))  # type: ignore[arg-type]
    return found["it"]


def rehearsed(at: float, failed: str = "") -> list[ev.Recorded]:
    return [ev.Recorded("p", 0, at, "ann", ev.Rehearsed((("splitter", 0.25),), failed=failed))]


async def test_drivers_and_metrics_hold_while_all_of_them_answer(stage: Stage) -> None:
    assert await seen(stage, plan_with(stage, "drivers")) == Seen(True, "2 drivers answer")
    assert await seen(stage, plan_with(stage, "metrics")) == Seen(True, "all series are there")


async def test_a_page_that_does_not_answer_fails_the_drivers_and_leaves_the_metrics_open(stage: Stage) -> None:
    stage.up = False
    drivers = await seen(stage, plan_with(stage, "drivers"))
    assert (drivers.holds, "app" in drivers.text) == (False, True)
    assert await seen(stage, plan_with(stage, "metrics")) == Seen(None, "not asked, as a driver does not answer")


async def test_traffic_on_the_canary_fails_the_drivers_but_the_metrics_were_read(stage: Stage) -> None:
    (stage.folder / "weight").write_text("5")
    assert "already sends 5 %" in (await seen(stage, plan_with(stage, "drivers"))).text
    assert (await seen(stage, plan_with(stage, "metrics"))).holds is True


async def test_a_misspelt_series_fails_the_metrics(stage: Stage) -> None:
    body = stage.plan("shop", more="checklist: [{id: it, part: team, text: T, check: metrics}]\n")
    plan = planfile.load(body["plan"].replace("'requests_total", "'request_total"), directory=stage.folder)
    found = await seen(stage, plan)
    assert (found.holds, "has no series for" in found.text) == (False, True)


@pytest.mark.parametrize(
    ("latency", "said"),
    [
        ("took_bucket", 'latency: app has no series for took_bucket{group="old"}. Is the selector right?'),
        ("requests_total", 'latency: requests_total{group="old"} gives no histogram: series with le labels'),
    ],
)
async def test_latency_that_could_never_be_judged_fails_the_metrics(stage: Stage, latency: str, said: str) -> None:
    body = stage.plan("shop", more="checklist: [{id: it, part: team, text: T, check: metrics}]\n")
    row = f"  latency: {{source: app, histogram: '{latency}{{group=\"$group\"}}', unit: s}}\nsuccess:"
    plan = planfile.load(body["plan"].replace("success:", row), directory=stage.folder)
    found = await seen(stage, plan)
    assert (found.holds, said in found.text) == (False, True), found.text


@pytest.mark.parametrize(("pace", "holds"), [(60.0, False), (0.7, True), (None, True)])
async def test_samples_that_come_seldom_need_longer_ticks(
    stage: Stage, pace: float | None, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticks are of half a second."""

    async def paces(_: object, selectors: list[str]) -> list[float | None]:
        return [pace for _ in selectors]

    monkeypatch.setattr(ScrapeMetrics, "paces", paces, raising=False)
    found = await seen(stage, plan_with(stage, "metrics"))
    assert found.holds is holds
    if not holds:
        assert 'requests_total{group="old"} has a new sample every 60 s, but a tick is 0.5 s: write `every_s: 60`' in (
            found.text
        )


async def test_errors_by_a_label_that_nobody_has_fail_the_metrics(stage: Stage) -> None:
    """The counter is there, so the selector looks right; yet no error could ever be counted by it."""
    body = stage.plan("shop", more="checklist: [{id: it, part: team, text: T, check: metrics}]\n")
    bad = """bad: 'requests_total{group="$group",kode=~"5.."}'"""
    plan = planfile.load(body["plan"].replace("""bad: 'errors_total{group="$group"}'""", bad), directory=stage.folder)
    found = await seen(stage, plan)
    assert found.holds is False
    assert "errors: app has no label kode on requests_total{group=" in found.text


@pytest.mark.parametrize("role", ["on-call", "escalation"])
async def test_a_role_holds_when_the_contacts_name_somebody(stage: Stage, role: str) -> None:
    somebody = f"contacts: [{{role: {role}, name: Ann, reach: '+49 1'}}]\n"
    assert await seen(stage, plan_with(stage, role, somebody)) == Seen(True, "Ann +49 1")
    assert await seen(stage, plan_with(stage, role)) == Seen(False, f"the plan's contacts name nobody as {role}")


async def test_a_rehearsal_counts_for_a_day_and_only_when_it_worked(stage: Stage) -> None:
    plan = plan_with(stage, "rehearsed")
    assert await seen(stage, plan) == Seen(False, "not rehearsed yet")
    good = await seen(stage, plan, record=rehearsed(NOW - REHEARSED_WITHIN_S))
    assert good == Seen(True, "rehearsed at 2027-01-14 08:00 UTC by ann: splitter in 0.25 s")
    assert (await seen(stage, plan, record=rehearsed(NOW - REHEARSED_WITHIN_S - 1))).holds is False
    failed = await seen(stage, plan, record=[*rehearsed(NOW - 60), *rehearsed(NOW - 30, "splitter: broken")])
    assert (failed.holds, "failed: splitter: broken" in failed.text) == (False, True)


async def test_a_window_holds_between_its_ends_and_is_told_in_its_zone(stage: Stage) -> None:
    plan = plan_with(stage, "window", WINDOW)
    assert (await seen(stage, plan)).holds is True
    early, late = await seen(stage, plan, now=NOW - 3600), await seen(stage, plan, now=NOW + 3600)
    assert (early.holds, late.holds) == (False, False)
    assert "08:30 to 2027-01-15 10:00 Europe/Berlin, which opens in 30 min" in early.text
    assert "which passed 1 min ago" in late.text
    assert await seen(stage, plan_with(stage, "window")) == Seen(True, "no window is asked for")


async def test_a_freeze_names_owner_reason_and_end(stage: Stage) -> None:
    plan = plan_with(stage, "freeze")
    assert (await seen(stage, plan)).holds is True
    freeze = Freeze("a1", "", "", "the sale", "Bo", NOW, NOW + 3600)
    found = await seen(stage, plan, freezes=[freeze])
    assert found == Seen(False, "every service is frozen by Bo until 2027-01-15 09:00 UTC: the sale (freeze a1)")


async def test_a_lock_and_an_active_rollout_stand_in_the_way(stage: Stage) -> None:
    plan = plan_with(stage, "lock")
    assert (await seen(stage, plan)).holds is True
    locked = await seen(stage, plan, lock=HeldLock("shop", "test", "the database moves", "Bo", NOW))
    assert (locked.holds, "locked by Bo since 2027-01-15 08:00 UTC: the database moves" in locked.text) == (False, True)
    assert await seen(stage, plan, active="shop-1 runs") == Seen(False, "shop-1 runs")


async def test_a_version_that_was_rolled_back_is_named_with_its_rollout_time_and_reason(stage: Stage) -> None:
    plan = plan_with(stage, "version")
    assert await seen(stage, plan) == Seen(True, "it was not rolled back before")
    found = await seen(stage, plan, bad=BadVersion("2.0", "shop-0114-0800-1a", "errors 4.1% above 2.0%", NOW))
    assert found == Seen(
        False, "2.0 was rolled back at 2027-01-15 08:00 UTC as shop-0114-0800-1a: errors 4.1% above 2.0%"
    )


async def test_channels_are_asked_side_by_side_and_what_is_wrong_is_named_with_its_audience(stage: Stage) -> None:
    rows = [
        "{driver: console, path: said.log, audience: pager}",
        "{driver: console, path: no-such-folder/said.log, audience: stakeholders}",
        "{driver: console, path: nor-this/said.log}",
    ]
    good = await seen(stage, plan_with(stage, "channels", f"notify: [{rows[0]}]\n"))
    assert good == Seen(True, f"console (pager): announcements go to {stage.folder / 'said.log'}")
    bad = await seen(stage, plan_with(stage, "channels", f"notify: [{', '.join(rows)}]\n"))
    assert bad.holds is False
    assert "console (stakeholders): refused" in bad.text
    assert "console (incident): refused" in bad.text
    assert "pager" not in bad.text
    assert await seen(stage, plan_with(stage, "channels")) == Seen(True, "no channel is asked for")
    assert not (stage.folder / "said.log").exists()


async def test_channels_that_hang_cost_their_limit_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Failing):
        async def probe(self) -> str:
            await asyncio.Event().wait()
            raise AssertionError

    build = registry.build
    monkeypatch.setattr("pilotage.readiness.CHANNEL_WITHIN_S", 0.3)
    monkeypatch.setattr(
        registry, "build", lambda port, *about: Hanging(*about) if port == "notify" else build(port, *about)
    )
    plan = plan_with(stage, "channels", "notify: [{driver: console}, {driver: console}, {driver: console}]\n")
    began = asyncio.get_running_loop().time()
    found = await seen(stage, plan)
    assert asyncio.get_running_loop().time() - began < 3
    assert found == Seen(False, "; ".join(["console (incident): console did not answer within 0.3 s"] * 3))


async def test_a_template_that_is_wrong_stands_against_a_start(stage: Stage) -> None:
    (stage.folder / "words").mkdir()
    (stage.folder / "words" / "held.md.j2").write_text("# Held\n\n{{ resaon }}\n")
    plan = plan_with(stage, "drivers", "messages: {templates: words}\n")
    _, answers = await look(plan, stage.folder, Surroundings(NOW))
    assert (answers.drivers, answers.metrics) == ((), ())
    assert answers.problems == (
        "line 3: words/held.md.j2: expected a value that held has, got resaon. Did you mean reason?",
    )


async def test_logs_hold_when_controls_can_be_read_and_the_canarys_may_be_born_later(stage: Stage) -> None:
    def logs(control: str) -> str:
        return (
            f"logs: {{canary: {{driver: files, paths: [new.log]}}, control: {{driver: files, paths: [{control}]}}}}\n"
        )

    (stage.folder / "old.log").write_text("INFO up\n")
    found = await seen(stage, plan_with(stage, "logs", logs("old.log")))
    assert found.holds is True
    assert "canary: not there yet" in found.text
    missing = await seen(stage, plan_with(stage, "logs", logs("none.log")))
    assert (missing.holds, "control: " in missing.text) == (False, True)
    assert await seen(stage, plan_with(stage, "logs")) == Seen(False, "the plan names no logs")


async def test_a_teams_own_command_answers_and_its_secrets_are_not_shown(stage: Stage) -> None:
    file = stage.folder / "built"
    plan = plan_with(stage, "command", options=", command: [./built]")
    missing = await seen(stage, plan)
    assert (missing.holds, "no such command" in missing.text) == (False, True)
    file.write_text("#!/bin/sh\necho password=hunter22-7f3a 'https://me:s3cr3t-9@host/x'\nexit 3\n")
    file.chmod(0o755)
    found = await seen(stage, plan)
    assert found.holds is False
    assert "ended with 3: password=(hidden)" in found.text
    assert not {"hunter22-7f3a", "s3cr3t-9"} & set(found.text.replace("@", " ").replace(":", " ").split())
    file.write_text("#!/bin/sh\necho green\n")
    assert await seen(stage, plan) == Seen(True, "./built ended with 0: green")


class Failing:
    """A stranger's check that does what its class says."""

    error: Exception = RuntimeError("boom")

    def __init__(self, options: object, context: object) -> None: ...

    async def look(self) -> Evidence:
        raise self.error

    async def close(self) -> None:
        raise OSError("cannot even close")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermanentError("the CI refused the token"), "the CI refused the token"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (RuntimeError("api_key=abcdef123456789"), "RuntimeError: api_key=(hidden)"),
        (ValueError(), "ValueError"),
    ],
)
async def test_a_check_that_raises_has_failed_with_its_sentence(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    plan = plan_with(stage, "command", options=", command: [./built]")
    failing = type("One", (Failing,), {"error": error})
    build = registry.build
    monkeypatch.setattr(
        registry, "build", lambda port, *about: failing(*about) if port == "checks" else build(port, *about)
    )
    assert await seen(stage, plan) == Seen(False, said)


async def test_a_check_that_never_answers_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage.folder / "built").write_text("#!/bin/sh\nsleep 60\n")
    (stage.folder / "built").chmod(0o755)
    monkeypatch.setattr("pilotage.readiness.LOOK_WITHIN_S", 0.3)
    found = await seen(stage, plan_with(stage, "command", options=", command: [./built]"))
    assert found == Seen(None, "command did not answer within 0.3 s")


async def test_a_rehearsal_that_takes_too_long_is_ended_and_sets_nothing_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilotage.rehearsal.WITHIN_S", 0.7)
    (stage.folder / "slow").write_text("5")
    done = await rehearse(plan_with(stage, "rehearsed"), stage.folder)
    assert done.failed == "splitter did not answer within 0.7 s"
    assert [call.split()[1] for call in stage.calls()] == ["begin"]
    assert not list((stage.folder / "calls").iterdir())
