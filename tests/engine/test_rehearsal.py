"""Practising the ways back: every driver is really called, and nothing moves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pilotage import planfile
from pilotage.core.errors import Refused
from pilotage.core.model import Cohort
from pilotage.drivers import Context
from pilotage.drivers.traffic.flagd_file import FlagdFileTraffic
from pilotage.rehearsal import Rehearsal, rehearse
from pilotage.testing import call
from tests import servers
from tests.proxies.traefik import traefik
from tests.stage import Stage

DEPLOY = """#!{python} -S
import pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "deploy.log", "a") as log: log.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "--check" and (here / "gone").exists(): sys.exit(sys.argv[2] + " is not in the registry")
"""
SCRIPT = 'deploy:\n  - {name: script, driver: shell, command: ["./deploy", "{version}"], check: ["./deploy", "--check", "{version}"]}\n'  # noqa: E501


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    one = Stage(tmp_path)
    (tmp_path / "deploy").write_text(DEPLOY.format(python=sys.executable))
    (tmp_path / "deploy").chmod(0o755)
    try:
        yield one
    finally:
        one.close()


async def practised(stage: Stage, more: str) -> Rehearsal:
    plan = planfile.load(stage.plan("practised", more=more)["plan"], directory=stage.folder)
    return await rehearse(plan, stage.folder / "state")


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=T", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, *texts: str) -> str:
    """A bare remote and a clone, a commit for each text of one file; the second commit is returned."""
    git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(folder, "clone", "-q", "remote.git", "work")
    commits = []
    for text in texts:
        (folder / "work" / "app").write_text(text)
        git(folder / "work", "add", ".")
        git(folder / "work", "commit", "-qm", text)
        commits.append(git(folder / "work", "rev-parse", "HEAD"))
    git(folder / "work", "push", "-q", "origin", "HEAD:main")
    return commits[1]


async def test_every_driver_on_the_ways_back_is_called_and_timed_and_nothing_moves(
    stage: Stage, tmp_path: Path
) -> None:
    fix = repository(tmp_path, "one", "two")
    revert = f"revert: {{driver: git-revert, repository: work, commits: [{fix}], branch: main}}"
    done = await practised(stage, SCRIPT + f"rollback: {{methods: [traffic, redeploy, revert], {revert}}}")
    assert done.failed == ""
    assert [name for name, _ in done.targets] == ["splitter", "script", "revert"]
    assert all(seconds > 0 for _, seconds in done.targets)
    assert stage.weight() == 0
    assert [call.split()[1] for call in stage.calls()] == ["begin", "end"]
    assert (stage.folder / "deploy.log").read_text() == "--check 1.0\n"  # looked up, not deployed
    assert git(tmp_path / "remote.git", "show", "main:app") == "two"


async def test_a_previous_version_that_cannot_be_deployed_is_known_before_the_rollout(stage: Stage) -> None:
    (stage.folder / "gone").write_text("")
    done = await practised(stage, SCRIPT + "rollback: {methods: [traffic, redeploy]}")
    assert "1.0 is not in the registry" in done.failed
    assert [name for name, _ in done.targets] == ["splitter"]


async def test_a_revert_that_would_conflict_is_known_before_the_rollout(stage: Stage, tmp_path: Path) -> None:
    fix = repository(tmp_path, "one", "two", "three")
    revert = f"revert: {{driver: git-revert, repository: work, commits: [{fix}], branch: main}}"
    done = await practised(stage, f"rollback: {{methods: [traffic, revert], {revert}}}")
    assert "conflict" in done.failed
    assert "app" in done.failed
    assert git(tmp_path / "remote.git", "show", "main:app") == "three"


async def test_an_old_version_that_is_gone_is_known_before_the_rollout(stage: Stage) -> None:
    with servers.http_server() as page:
        probe = f'rollback: {{probe: {{check: http, url: "{page.url}"}}}}'
        assert (await practised(stage, probe)).failed == ""
        page.status = 503
        assert "what gets the traffic back is gone" in (await practised(stage, probe)).failed


async def test_a_feature_that_is_on_stays_on(stage: Stage) -> None:
    (stage.folder / "feature").write_text("100")
    for name in ("set", "read"):
        text = (stage.folder / name).read_text().replace('"weight', '"feature').replace("sys.argv[2]", '"feature"')
        (stage.folder / f"{name}-feature").write_text(text)
        (stage.folder / f"{name}-feature").chmod(0o755)
    feature = 'feature: {driver: shell, set: ["./set-feature", "{weight}"], read: ["./read-feature"]}'
    done = await practised(stage, f"rollback: {{least_bad: flag-off, {feature}}}")
    assert (done.failed, [name for name, _ in done.targets]) == ("", ["splitter", "feature"])
    assert (stage.folder / "feature").read_text() == "100"


async def test_the_cohort_and_the_copies_stay_as_they_are(stage: Stage) -> None:
    before = replace(call("before"), cohort=Cohort("header", "x-group", ("beta",)), mirror=20.0)
    with servers.http_server() as page, traefik(stage.folder / "traefik", page.url, page.url) as proxy:
        splitter = proxy.driver(stage.folder)
        await splitter.set_weight(0, before)
        ours = json.dumps([{"name": "splitter", "driver": "traefik", **proxy.options()}], default=str)
        text = re.sub(r"traffic:\n.*\n", lambda _: f"traffic: {ours}\n", stage.plan()["plan"])
        done = await rehearse(planfile.load(text, directory=stage.folder), stage.folder / "state")
        assert (done.failed, [name for name, _ in done.targets]) == ("", ["splitter"])
        assert (await splitter.read_cohort(), await splitter.read_mirror()) == (before.cohort, 20)


async def test_the_users_who_always_get_a_feature_stay_so(stage: Stage) -> None:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    (stage.folder / "flags.json").write_text(json.dumps({"flags": {"fix": flag}}))
    context = Context(stage.folder, stage.folder)
    flags = FlagdFileTraffic(FlagdFileTraffic.Options(file="flags.json", flag="fix"), context)
    beta = Cohort("user", "group", ("beta",))
    await flags.set_weight(100, replace(call("before"), cohort=beta))
    feature = "feature: {driver: flagd-file, file: flags.json, flag: fix}"
    assert (await practised(stage, f"rollback: {{least_bad: flag-off, {feature}}}")).failed == ""
    assert (await flags.read_weight(), await flags.read_cohort()) == (100, beta)


async def test_all_that_does_not_work_is_told_at_once(stage: Stage) -> None:
    (stage.folder / "gone").write_text("")
    (stage.folder / "broken").write_text("")
    done = await practised(stage, SCRIPT + "rollback: {methods: [traffic, redeploy]}")
    assert "splitter: " in done.failed
    assert "script: " in done.failed


async def test_a_splitter_that_sends_traffic_to_the_canary_is_left_alone(stage: Stage) -> None:
    (stage.folder / "weight").write_text("10")
    with pytest.raises(Refused, match="never moves traffic"):
        await practised(stage, "")
    assert stage.weight() == 10
