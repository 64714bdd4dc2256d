"""The action's and the template's own steps, on a real coordinator, with a forge that answers as documented."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from pilotage.cli.client import running
from pilotage.cli.main import cli
from tests.ci.forges import GitHubComments, GitLabNotes
from tests.ci.runner import ACTION, ROOT, TEMPLATE, Ran, action, clean, job
from tests.stage import Local, Stage, local, wait_for

NO_INSTALL = {"install": ""}


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("ci") / "state") as here:
        yield here


def planned(stage: Stage, **how: str) -> Path:
    file = stage.folder / "plan.yaml"
    file.write_text(stage.plan(**how)["plan"])
    return file


def on(coordinator: Local) -> dict[str, str]:
    note = running(coordinator.state)
    assert note is not None
    return {"coordinator": note["url"], "token": note["token"]}


def test_both_are_valid_by_their_published_schemas() -> None:
    for schema, file in (("github-actions", "github/action.yml"), ("gitlab-ci", "gitlab/pilotage.yml")):
        asked = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
        more = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
        done = subprocess.run(
            [sys.executable, *asked, *more, str(ROOT / "integrations" / file)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_no_input_is_ever_text_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert set(step.get("env", {}).values()) <= {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    for name in (".pilotage", ".pilotage-check", ".pilotage-run"):
        lines = [*TEMPLATE[name].get("before_script", []), *TEMPLATE[name].get("script", [])]
        assert not [line for line in lines if "$[[" in line or "eval" in line or "sh -c" in line]


def test_every_input_is_used_and_every_output_is_written(stage: Stage, hub: GitHubComments) -> None:
    used = {value for step in ACTION["runs"]["steps"] for value in step.get("env", {}).values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}
    planned(stage)
    done = action(stage.folder, hub.environment, plan="plan.yaml", **NO_INSTALL)
    assert set(done.outputs) | {"rollout"} == set(ACTION["outputs"])


def test_a_good_plan_is_checked_without_a_coordinator(stage: Stage, hub: GitHubComments) -> None:
    planned(stage)
    done = action(stage.folder, hub.environment, plan="plan.yaml", **NO_INSTALL)
    assert (done.code, done.outputs) == (0, {"result": "0"}), done.err
    (posted,) = hub.comments
    assert "### shop 1.0 -> 2.0 in test: a good plan" in posted["body"]
    assert "# Deployment plan" in posted["body"]  # the whole of it
    assert done.summary == posted["body"]


def test_a_wrong_plan_ends_with_2_and_says_where(stage: Stage, hub: GitHubComments) -> None:
    file = planned(stage)
    file.write_text(file.read_text().replace("weight: 10%", "weight: 110%"))
    done = action(stage.folder, hub.environment, plan="plan.yaml", **NO_INSTALL)
    assert (done.code, done.outputs) == (2, {"result": "2"})
    assert "the plan is wrong" in hub.comments[0]["body"]
    assert "phases" in hub.comments[0]["body"]


def test_a_good_fix_is_promoted_and_the_report_is_in_one_comment(
    stage: Stage, hub: GitHubComments, coordinator: Local
) -> None:
    planned(stage, service="promoted")
    done = action(stage.folder, hub.environment, plan="plan.yaml", command="run", **on(coordinator), **NO_INSTALL)
    assert (done.code, done.outputs["result"]) == (0, "0"), done.err
    (posted,) = hub.comments
    assert "promoted 1.0 -> 2.0 in test: promoted" in posted["body"]
    assert "## Timeline" in posted["body"]
    written = [one.method for one in hub.requests if one.method != "GET"]
    assert written == ["POST", "PATCH"]  # under way, then how it ended
    assert stage.weight() == 100
    view = coordinator.view(done.outputs["rollout"])
    assert view["status"] == "promoted"


def test_a_bad_fix_goes_back_by_itself_and_the_job_ends_with_1(
    stage: Stage, lab: GitLabNotes, coordinator: Local
) -> None:
    planned(stage, service="back", phases="[{weight: 10%, watch: 30s}, {weight: 100%, watch: 2s}]")
    stage.error_rate["new"] = 0.5
    address = {
        f"PILOTAGE_{name}": value for name, value in zip(("URL", "TOKEN"), on(coordinator).values(), strict=True)
    }
    done = job(".pilotage-run", stage.folder, {**lab.environment, **address}, PILOTAGE_INSTALL="")
    assert done.code == 1, (done.out, done.err)
    (posted,) = lab.notes
    assert "back 1.0 -> 2.0 in test: rolled back" in posted["body"]
    assert lab.carried_out == []
    assert stage.weight() == 0


def test_a_phase_that_waits_for_a_person_ends_with_3(stage: Stage, hub: GitHubComments, coordinator: Local) -> None:
    planned(stage, service="waits", phases="[{weight: 10%, watch: 3s, approval: true}, {weight: 100%, watch: 2s}]")
    done = action(stage.folder, hub.environment, plan="plan.yaml", command="run", **on(coordinator), **NO_INSTALL)
    rollout = done.outputs["rollout"]
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "tester", "reason": "the test is over"})
    assert done.code == 3, done.out
    assert "A person is needed; now possible: approve" in hub.comments[0]["body"]


def test_a_checklist_that_is_open_ends_with_3_and_an_approval_is_asked_for(
    stage: Stage, hub: GitHubComments, coordinator: Local
) -> None:
    item = "checklist: [{id: approved, part: preparation, text: a second person agrees, check: approved}]"
    planned(stage, service="asks", more=item)
    done = action(stage.folder, hub.environment, plan="plan.yaml", command="run", **on(coordinator), **NO_INSTALL)
    assert (done.code, "rollout" in done.outputs) == (3, False), done.out
    (asked,) = [one for one in coordinator.api.get("/v1/approvals") if one["service"] == "asks"]
    assert f"{on(coordinator)['coordinator'].rstrip('/')}/plans/{asked['subject']}" in hub.comments[0]["body"]
    assert "An approval is asked for" in hub.comments[0]["body"]


def test_in_a_team_the_job_asks_somebody_else_approves_and_the_next_job_runs_it(
    stage: Stage, hub: GitHubComments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "settings.yaml"
    rules.write_text(
        "url: https://pilotage.shop.example\nlogin: {}\napprovals: {environments: ['*']}\n"
        f"roles:\n  - {{who: [anna], role: approver}}\nfolders: ['{stage.folder}']\n"
    )
    monkeypatch.setenv("PILOTAGE_SETTINGS", str(rules))
    elsewhere = tmp_path / "checkout" / "deploy"
    elsewhere.mkdir(parents=True)
    planned(stage, service="team").rename(elsewhere / "plan.yaml")
    with local(tmp_path / "state") as shared:
        about = {"kind": "token", "name": "ci-main", "scopes": ["plan:read", "rollout:write"], "lasts_s": 3600}
        grants = [{"role": "operator", "service": "team", "environment": "*"}]
        machine = shared.api.post("/v1/tokens", {**about, "grants": grants})["secret"]
        of_anna = {"kind": "person", "name": "anna", "scopes": ["plan:read", "approve"], "lasts_s": 3600}
        anna = shared.api.post("/v1/tokens", of_anna)["secret"]
        here = {**on(shared), "token": machine, "directory": str(stage.folder)}

        def ship(**more: str) -> Ran:
            given = {**here, **more}
            return action(
                elsewhere.parent, hub.environment, plan="deploy/plan.yaml", command="run", **given, **NO_INSTALL
            )

        away = ship(directory="")
        assert (away.code, "plans may not use the folder" in away.out) == (2, True)
        first = ship()
        assert (first.code, "An approval is asked for" in first.out) == (3, True)
        (asked,) = shared.api.get("/v1/approvals")
        answer = {"digest": asked["digest"], "yes": True, "reason": "read it"}
        for who, status in ((machine, 403), (anna, 200)):
            url = f"{here['coordinator'].rstrip('/')}/v1/plans/{asked['subject']}/approve"
            told = httpx.post(url, json=answer, headers={"Authorization": f"Bearer {who}"})
            assert told.status_code == status, told.text
        second = ship()
        assert second.code == 0, (second.out, second.err)
        (row,) = shared.api.get("/v1/rollouts")
        assert (row["id"], row["by"]) == (second.outputs["rollout"], "ci-main")
    assert len(hub.comments) == 1
    assert "promoted" in hub.comments[0]["body"]
    assert not any(one in hub.comments[0]["body"] for one in (machine, anna))


def test_a_job_that_is_cancelled_leaves_the_rollout_to_its_coordinator(
    stage: Stage, hub: GitHubComments, coordinator: Local
) -> None:
    planned(stage, service="cancelled", phases="[{weight: 10%, watch: 60s}, {weight: 100%, watch: 2s}]")
    note = on(coordinator)
    more = {"PILOTAGE_URL": note["coordinator"], "PILOTAGE_TOKEN": note["token"]}
    words = [sys.executable, "-m", "pilotage", "ci", "run", "plan.yaml"]
    job = subprocess.Popen(words, cwd=stage.folder, env={**clean(), **hub.environment, **more})
    wait_for(lambda: bool(coordinator.api.get("/v1/rollouts?q=cancelled")), 60)
    (row,) = coordinator.api.get("/v1/rollouts?q=cancelled")
    coordinator.until(row["id"], lambda view: view["status"] == "watching" and view["weight_in_force"] == 10)
    job.send_signal(signal.SIGINT)
    assert job.wait(30) == 130
    (row,) = coordinator.api.get("/v1/rollouts?q=cancelled")
    assert row["status"] == "watching"
    assert "cancelled 1.0 -> 2.0 in test: watching" in hub.comments[0]["body"]
    assert "This job has ended, and the rollout goes on." in hub.comments[0]["body"]
    coordinator.api.post(f"/v1/rollouts/{row['id']}/rollback", {"by": "tester", "reason": "the test is over"})


def test_a_coordinator_that_is_not_there_ends_with_4(stage: Stage, hub: GitHubComments) -> None:
    planned(stage)
    away = {"coordinator": "http://127.0.0.1:9", "token": "plt_none"}
    done = action(stage.folder, hub.environment, plan="plan.yaml", command="run", **away, **NO_INSTALL)
    assert done.code == 4
    assert "not started" in hub.comments[0]["body"]
    assert "no coordinator answers at http://127.0.0.1:9" in hub.comments[0]["body"]


def test_nothing_is_run_without_a_coordinator_that_outlives_the_job(stage: Stage, hub: GitHubComments) -> None:
    planned(stage)
    done = action(stage.folder, hub.environment, plan="plan.yaml", command="run", **NO_INSTALL)
    assert done.code == 2
    assert "needs a coordinator that outlives this job" in done.err
    assert hub.comments == []


def test_a_token_that_is_wrong_ends_with_2_and_stands_nowhere(
    stage: Stage, hub: GitHubComments, coordinator: Local
) -> None:
    planned(stage)
    wrong = {**on(coordinator), "token": "plt_" + "wr0ng" * 8}
    done = action(stage.folder, hub.environment, plan="plan.yaml", command="run", **wrong, **NO_INSTALL)
    assert done.code == 2
    said = done.out + done.err + done.summary + "".join(one["body"] for one in hub.comments)
    assert "token is not known" in said
    assert wrong["token"] not in said
    assert hub.token not in said


@pytest.mark.parametrize("comment", ["no", "yes"])
def test_a_forge_that_refuses_changes_no_exit_code(stage: Stage, hub: GitHubComments, comment: str) -> None:
    hub.may_write = False
    planned(stage)
    done = action(stage.folder, hub.environment, plan="plan.yaml", comment=comment, **NO_INSTALL)
    assert done.code == 0
    assert ("Nothing was posted: GitHub answered HTTP 403" in done.err) == (comment == "yes")
    assert bool(hub.requests) == (comment == "yes")


@pytest.mark.parametrize(
    "name",
    [
        "plan $(touch owned).yaml",
        'plan"; touch owned; ".yaml',
        "plan';touch owned;'.yaml",
        "--help",
        "plan.yaml\ntouch owned",
    ],
)
def test_shell_text_in_a_name_is_a_name(stage: Stage, hub: GitHubComments, lab: GitLabNotes, name: str) -> None:
    planned(stage).rename(stage.folder / name)
    done = action(stage.folder, hub.environment, plan=name, reason=name, directory=name, **NO_INSTALL)
    assert done.code == 0, done.err
    done = job(".pilotage-check", stage.folder, lab.environment, PILOTAGE_PLAN=name, PILOTAGE_INSTALL="")
    assert done.code == 0, done.err
    assert not (stage.folder / "owned").exists()


def test_a_command_that_there_is_not_is_refused(stage: Stage, hub: GitHubComments) -> None:
    planned(stage)
    for command in ("approve", "--help"):
        done = action(stage.folder, hub.environment, plan="plan.yaml", command=command, **NO_INSTALL)
        assert done.code == 2, (command, done.out)
        assert hub.comments == []


def test_lines_of_the_log_are_no_commands_to_the_runner(stage: Stage, hub: GitHubComments) -> None:
    file = planned(stage)
    file.write_text(file.read_text().replace("summary: a test", 'summary: "a\\n::set-env name=PATH::/tmp"'))
    out = action(stage.folder, hub.environment, plan="plan.yaml", **NO_INSTALL).out
    first, *between, last = [line for line in out.splitlines() if line.startswith("::")]
    word = first.removeprefix("::stop-commands::")
    assert len(word) == 32
    assert (between, last) == ([], f"::{word}::")
    assert out.splitlines()[0] == first


def test_what_is_installed_comes_before_what_is_there(stage: Stage, hub: GitHubComments) -> None:
    """A wheel of this test's own stands for ours: nothing is fetched."""
    wheel = stage.folder.parent / "pilotage-9.9-py3-none-any.whl"
    about = "pilotage-9.9.dist-info"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("standing_in.py", "import sys\ndef main(): print('ninety-nine', sys.argv[1:])\n")
        made.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: pilotage\nVersion: 9.9\n")
        made.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{about}/entry_points.txt", "[console_scripts]\npilotage = standing_in:main\n")
        made.writestr(f"{about}/RECORD", "")
    done = action(stage.folder, hub.environment, plan="a plan.yaml", install=str(wheel))
    assert done.code == 0, done.err
    assert "ninety-nine ['ci', '--comment', 'yes'" in done.out
    assert "'--', 'check', 'a plan.yaml']" in done.out


def test_by_hand_it_says_that_nothing_is_posted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(cli, ["ci", "check", str(planned(stage))])
    assert done.exit_code == 0
    assert "Nothing is posted: this is no job of GitHub Actions or GitLab CI." in done.output
