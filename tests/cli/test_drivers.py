"""`pilotage drivers`: what is installed is shown, ours and strangers', and one driver is called by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import BaseModel

from pilotage import planfile
from pilotage.cli.chosen import Chosen
from pilotage.cli.trying import tell
from pilotage.cli.verbs import Answer
from pilotage.core.errors import PlanError
from pilotage.core.model import Cohort, DriverRef
from pilotage.driverbook import example
from pilotage.drivers import DriverOptions, registry
from pilotage.drivers.about import About, Option, about, every
from pilotage.drivers.notify.console import ConsoleNotifier
from pilotage.handover import snapshots
from pilotage.handover.snapshots import Snapshot
from pilotage.planfile.document import read
from pilotage.testing import call
from tests.cli.terminal import Terminal
from tests.cli.test_commands import pilotage
from tests.drivers.served import Given, Request, Served, serve
from tests.planfile.plans import COMPLETE, without
from tests.proxies.traefik import traefik
from tests.servers import http_server, wait_until
from tests.stage import Stage

STRANGE = {
    "good": "class Good:\n    '''A ferry across the river. It is slow.'''\n    class Options: pass\n",
    "fails": "import no_such_library\n",
    "leaves": "import sys\nsys.exit('not on this machine')\n",
}


@pytest.fixture
def strangers(tmp_path: Path) -> str:
    """A folder with a stranger's package: three drivers, none of which is one."""
    folder = tmp_path / "site"
    info = folder / "strange-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    lines = [f"{name} = strange_{name}:Good" for name in STRANGE]
    (info / "entry_points.txt").write_text("\n".join(["[pilotage.traffic]", *lines]))
    for name, text in STRANGE.items():
        (folder / f"strange_{name}.py").write_text(text)
    return str(folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    (folder / "plan.yaml").write_text(stage.plan(more="notify: [{driver: console, path: said.log}]")["plan"])
    yield stage
    stage.close()


BY_OPTIONS = ("drivers", "try", "traffic/shell", "-o", 'set=["./set", "{weight}", "{key}"]', "-o", "read=[./read]")


def known_to_run(stage: Stage, service: str = "shop") -> None:
    """The state folder says that a rollout of this service is running."""
    plan = planfile.load(stage.plan(service=service)["plan"], directory=stage.folder)
    snapshots.keep(stage.folder.parent / "state", Snapshot(f"{service}-1", plan, 0.0, "tester"))


# ------------------------------------------------------------------ what is there


def test_every_driver_of_ours_says_what_it_is_in_a_line() -> None:
    found = every()
    assert [one for one in found if one.broken or len(one.line) < 20 or "\n" in one.line] == []
    assert {one.package for one in found if one.name in ("envoy", "slack")} == {"pilotage"}


def test_the_list_has_strangers_with_their_package_and_says_what_is_broken(tmp_path: Path, strangers: str) -> None:
    done = pilotage(tmp_path, "drivers", PYTHONPATH=strangers)
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("  ")}
    assert "no set_weight, read_weight" in lines["good"].replace("probe, close, ", "")
    assert "cannot be loaded: ModuleNotFoundError: No module named 'no_such_library' (from strange)" in lines["fails"]
    assert "cannot be loaded: SystemExit: not on this machine" in lines["leaves"]
    assert "Envoy" in lines["envoy"]
    assert "github-issues" in lines


def test_a_program_gets_everything_as_json(tmp_path: Path) -> None:
    (one,) = json.loads(pilotage(tmp_path, "drivers", "traffic/envoy", "--json").stdout)
    assert (one["port"], one["name"], one["package"]) == ("traffic", "envoy", "pilotage")
    key = next(option for option in one["options"] if option["name"] == "key")
    assert (key["type"], key["required"]) == ("text", True)
    assert "driver: envoy" in one["example"]
    listed = json.loads(pilotage(tmp_path, "drivers", "--json").stdout)
    assert {"traffic/envoy", "tracker/command"} <= {f"{one['port']}/{one['name']}" for one in listed}


def with_inner(options: Iterable[Option]) -> Iterator[Option]:
    for one in options:
        yield one
        yield from with_inner(one.options)


@pytest.mark.parametrize("one", every(), ids=lambda one: f"{one.port}/{one.name}")
def test_every_option_of_ours_says_what_it_means_in_one_short_line(one: About) -> None:
    meanings = {option.name: option.meaning for option in with_inner(one.options)}
    assert {name: said for name, said in meanings.items() if not 5 < len(said) <= 90 or said.endswith(".")} == {}


def test_a_driver_shows_types_in_plain_words() -> None:
    options = {one.name: one for one in about("deploy", "git-revert").options}
    assert options["push"].type == "direct or branch"
    assert options["mainline"].type == "whole number from 1 to 16"
    assert {one.name: one.type for one in about("notify", "webhook").options}["url"] == "text or secret reference"


class Box(BaseModel):
    lid: Box | None = None


class Packed(ConsoleNotifier):
    class Options(DriverOptions):
        boxes: list[Box] | None = None


def test_options_within_options_are_told_and_one_that_holds_itself_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (router,) = [one for one in about("traffic", "traefik").options if one.name == "router"]
    assert [one.name for one in router.options if one.required] == ["rule"]
    point = EntryPoint("packed", f"{__name__}:Packed", "pilotage.notify")
    monkeypatch.setattr(registry, "_of", lambda port: {"packed": point})
    (boxes,) = about("notify", "packed").options
    assert [(one.name, one.options) for one in boxes.options] == [("lid", ())]


def test_on_a_narrow_terminal_lines_are_cut_between_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = on_a_terminal(tmp_path, "drivers", "deploy/ssh")
    assert max(map(len, shown)) <= 60
    assert '                   path, default "~/.ssh/known_hosts"' in shown
    at = shown.index("user               whom to log in as; without it the name of")
    assert shown[at + 1 : at + 3] == [" " * 19 + "the coordinator's own user", " " * 19 + "text, optional"]
    listed = on_a_terminal(tmp_path, "drivers")
    assert max(map(len, listed)) <= 60
    assert all(line.startswith("  ") or line.endswith(":") for line in listed if line)


def on_a_terminal(folder: Path, *arguments: str) -> list[str]:
    terminal = Terminal(folder, *arguments)
    try:
        assert terminal.ended() == 0
        return terminal.shown.split("\n\ndeploy:\n  - ")[0].splitlines()
    finally:
        terminal.close()


def test_in_a_pipe_what_belongs_together_stays_on_a_line(tmp_path: Path) -> None:
    done = pilotage(tmp_path, "drivers", "traffic/nginx", COLUMNS="60")
    (check,) = [one for one in about("traffic", "nginx").options if one.name == "check"]
    assert f"check      {check.meaning}\n" in done.stdout
    assert '           list of text, default ["nginx", "-t"]\n' in done.stdout


def test_what_a_driver_offers_besides_is_said() -> None:
    assert about("metrics", "prometheus").offers == ("past", "ages", "paces", "delays")
    assert about("deploy", "shell").offers == ("rehearsal",)
    assert about("traffic", "shell").offers == ()


@pytest.mark.parametrize("one", every(), ids=lambda one: f"{one.port}/{one.name}")
def test_the_example_is_a_part_of_a_plan_where_only_placeholders_are_to_be_filled_in(one: About) -> None:
    text = example(one)
    section = next(iter(read(text)[0].plain()))
    rest = without(COMPLETE, section)
    if section == "rolling":
        rest = without(rest, "phases", "traffic").replace("strategy: canary", "strategy: rolling")
    with pytest.raises(PlanError) as refused:
        planfile.load(f"{rest}{text}", directory=Path(__file__).parent, secrets=False)
    place = {"metrics": "metrics.sources", "pool": "rolling.pool"}.get(one.port, section)
    of_section = [problem for problem in refused.value.problems if problem.path.startswith(place)]
    assert of_section
    assert [problem for problem in of_section if "REPLACE_ME" not in problem.got] == []


def test_a_slip_in_the_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    done = pilotage(tmp_path, "drivers", "envoi")
    assert done.returncode == 2
    assert 'Did you mean "envoy"' in done.stderr


# ------------------------------------------------------------------ by hand


def test_looking_asks_for_nothing_and_leaves_nothing(stage: Stage) -> None:
    done = pilotage(stage.folder, *BY_OPTIONS, "read")
    assert (done.returncode, done.stdout) == (0, "0 % to the canary\n")
    assert list((stage.folder.parent / "state").iterdir()) == []


def test_acting_without_a_terminal_needs_yes_and_says_what_would_be_done(stage: Stage) -> None:
    done = pilotage(stage.folder, *BY_OPTIONS, "set", "10%")
    assert done.returncode == 2
    assert "sends 10 % of the traffic to the canary" in done.stderr
    assert "--yes" in done.stderr
    assert stage.weight() == 0


def test_acting_reads_back_tells_the_time_and_is_noted(stage: Stage) -> None:
    done = pilotage(stage.folder, *BY_OPTIONS, "set", "10", "--yes", "--reason", "to see it move")
    assert (done.returncode, stage.weight()) == (0, 10)
    assert "read back: 10 %" in done.stdout
    assert " s)" in done.stderr
    (line,) = (stage.folder.parent / "state" / "by-hand.jsonl").read_text().splitlines()
    noted = json.loads(line)
    assert (noted["call"], noted["reason"], noted["outcome"]) == ("set 10", "to see it move", "done")


def test_a_weight_set_by_hand_keeps_the_cohort_and_the_copies(stage: Stage) -> None:
    before = replace(call("before"), cohort=Cohort("header", "x-group", ("beta", "staff")), mirror=20.0)
    with http_server() as page, traefik(stage.folder / "traefik", page.url, page.url) as proxy:
        asyncio.run(proxy.driver(stage.folder).set_weight(10, before))
        options = [f"-o{name}={json.dumps(value, default=str)}" for name, value in proxy.options().items()]
        done = pilotage(stage.folder, "drivers", "try", "traefik", *options, "set", "25", "--yes")
        seen = pilotage(stage.folder, "drivers", "try", "traefik", *options, "read", "--json")
    kept = "besides, by header x-group: beta, staff; copies of 20 % of the requests"
    assert (done.returncode, done.stdout) == (0, f"set to 25 %\nread back: 25 %; {kept}\n"), done.stderr
    answer = json.loads(seen.stdout)["answer"]
    cohort = {"kind": "header", "name": "x-group", "values": ["beta", "staff"]}
    assert answer == {"weight": 25, "cohort": cohort, "mirror": 20}


def test_each_call_by_hand_has_a_key_of_its_own_and_leaves_no_journal(stage: Stage) -> None:
    for _ in range(2):
        assert pilotage(stage.folder, *BY_OPTIONS, "set", "10", "--yes").returncode == 0
    begun = [line for line in (stage.folder / "calls.log").read_text().splitlines() if line.endswith("begin")]
    assert len(set(begun)) == 2
    assert list((stage.folder.parent / "state" / "calls").iterdir()) == []


def test_a_person_at_a_terminal_is_asked(stage: Stage) -> None:
    for answer, code, weight in (("n", 130, 0), ("y", 0, 10)):
        terminal = Terminal(stage.folder, "drivers", "try", "plan.yaml", "splitter", "set", "10")
        try:
            terminal.answer("Do it?", answer)
            assert (terminal.ended(), stage.weight()) == (code, weight)
        finally:
            terminal.close()


def test_a_target_of_a_plan_goes_by_the_name_that_the_plan_gives_it(stage: Stage) -> None:
    assert pilotage(stage.folder, "drivers", "try", "plan.yaml", "splitter", "set", "25", "--yes").returncode == 0
    assert stage.weight() == 25
    seen = pilotage(stage.folder, "drivers", "try", "plan.yaml", "app", "read", "requests_total", "none_such")
    assert seen.returncode == 1
    assert "requests_total: 2 series" in seen.stdout
    assert 'group="new"' in seen.stdout
    assert "none_such: no series" in seen.stdout
    assert pilotage(stage.folder, "drivers", "try", "plan.yaml", "console", "send", "All well", "--yes").returncode == 0
    assert "All well" in (stage.folder / "said.log").read_text()


def test_interrupted_it_says_that_what_was_begun_may_go_on(stage: Stage) -> None:
    wait = "touch began; until [ -e go ]; do sleep 0.05; done; touch deployed"
    deploy = ("drivers", "try", "deploy/shell", "-o", f'command=[sh, -c, "{wait}"]', "deploy", "2.0", "--yes")
    state = stage.folder.parent / "state"
    begun = subprocess.Popen(
        [sys.executable, "-m", "pilotage", *deploy],
        cwd=stage.folder,
        env={**os.environ, "PILOTAGE_STATE": str(state)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((stage.folder / "began").exists, "the command's begin")
        begun.send_signal(signal.SIGINT)
        _, said = begun.communicate(timeout=30)
    finally:
        begun.kill()
        (stage.folder / "go").touch()
    assert (begun.returncode, "may go on" in said, "`probe`" in said) == (130, True, True), said
    assert json.loads((state / "by-hand.jsonl").read_text())["outcome"] == "interrupted"
    wait_until((stage.folder / "deployed").exists, "the command's end")


POOL = (
    "pool/shell",
    "-o",
    "drain=[cp, drained, states]",
    "-o",
    "ready=[cp, well, states]",
    "-o",
    "states=[cat, states]",
)
LOOKS = ("deploy/shell", "-o", "command=[touch, done]", "-o", 'check=[test, -e, "{version}"]')


@pytest.mark.parametrize(
    ("words", "code", "seen"),
    [
        ((*LOOKS, "rehearse", "set"), 0, "knows set"),
        (("checks/command", "-o", "command=[test, -e, gone]", "look"), 1, "does not hold"),
        (("checks/command", "-o", "command=[test, -e, set]", "look"), 0, "holds"),
        (("logs/files", "-o", "paths=[app.log]", "read"), 0, "payment failed"),
        (("tracker/command", "-o", 'command=[echo, T-1, "{title}"]', "open", "Fix it", "--yes"), 0, "T-1 Fix it"),
        ((*POOL, "states"), 0, "web2: ready"),
        ((*POOL, "drain", "web1", "--yes"), 0, "read back: web1 is drained"),
    ],
)
def test_every_port_has_its_verbs(stage: Stage, words: tuple[str, ...], code: int, seen: str) -> None:
    (stage.folder / "app.log").write_text("ERROR payment failed token=planted-7f3a9c\n")
    (stage.folder / "states").write_text("web1 ready\nweb2 ready\n")
    (stage.folder / "drained").write_text("web1 drained\nweb2 ready\n")
    done = pilotage(stage.folder, "drivers", "try", *words)
    assert (done.returncode, seen in done.stdout, "planted" in done.stdout) == (code, True, False), done.stderr


def test_a_name_that_the_plan_does_not_have_is_answered_with_those_it_has(stage: Stage) -> None:
    done = pilotage(stage.folder, "drivers", "try", "plan.yaml", "spliter", "read")
    assert done.returncode == 2
    assert 'Did you mean "splitter"' in done.stderr
    assert "metrics/app" in done.stderr


def test_a_command_that_fails_is_a_sentence_and_the_exit_code_is_1(stage: Stage) -> None:
    (stage.folder / "broken").touch()
    done = pilotage(stage.folder, *BY_OPTIONS, "set", "10", "--yes")
    assert done.returncode == 1
    assert "the splitter is broken" in done.stderr
    assert "Traceback" not in done.stderr
    answer = json.loads(pilotage(stage.folder, *BY_OPTIONS, "set", "10", "--yes", "--json").stdout)
    assert (answer["ok"], "the splitter is broken" in answer["error"]) == (False, True)


def test_what_was_done_stays_said_when_it_cannot_be_read_back(stage: Stage) -> None:
    deploy = ("drivers", "try", "deploy/shell", "-o", 'command=[touch, "{version}"]', "-o", "check=[test, -e, gone]")
    done = pilotage(stage.folder, *deploy, "deploy", "2.0", "--yes")
    assert (done.returncode, (stage.folder / "2.0").exists()) == (1, True)
    assert "it could not be read back" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((*BY_OPTIONS, "reed"), 'Did you mean "read"'),
        ((*BY_OPTIONS, "set"), "set WEIGHT"),
        ((*BY_OPTIONS, "set", "110"), "a weight from 0 to 100"),
        ((*BY_OPTIONS, "set", "10", "--override"), "--reason"),
        (("drivers", "try", "shell", "read"), "of several ports: say which, traffic/shell or"),
        (("drivers", "try", "traffic/shell", "-o", "reed=x", "read"), 'Did you mean "read"'),
        (("drivers", "try", "traffic/shell", "-o", "set=[x", "read"), "-o set: expected valid YAML"),
        (("drivers", "try", "traffic/shell", "-o", "set", "read"), "KEY=VALUE"),
        (("drivers", "try", "traffic/shell", "-o", "set=5", "read"), "expected a list"),
        (("drivers", "try", "checks/http", "-o", "url=x", "-o", "timeout_s=soon", "look"), "expected a number"),
        (("drivers", "try", "plan.yaml", "splitter"), "got no verb"),
        (("drivers", "try", "none.yaml", "splitter", "read"), "a plan file that can be read"),
    ],
)
def test_a_slip_is_answered_with_what_was_expected(stage: Stage, words: tuple[str, ...], expected: str) -> None:
    done = pilotage(stage.folder, *words)
    assert (done.returncode, stage.weight()) == (2, 0)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_secret_is_a_reference_and_in_nothing_that_is_said_or_kept(stage: Stage) -> None:
    planted = "planted-7f3a9c"
    script = ("-o", f"command=[{sys.executable}, -c, \"import os; exit('no ' + os.environ['KEY'])\"]")
    hook = ("drivers", "try", "notify/webhook", "-o", "url=http://127.0.0.1:9/", "-o", "secret={env: KEY}")
    assert pilotage(stage.folder, *hook, "send", "x", "--yes", KEY=planted).returncode == 1
    said = pilotage(stage.folder, "drivers", "try", "checks/command", *script, "look", KEY="token=" + planted)
    assert planted not in said.stdout + said.stderr
    assert pilotage(stage.folder, *hook, "probe", KEY="").returncode == 2
    for file in (stage.folder.parent / "state").rglob("*"):
        assert not file.is_file() or planted not in file.read_text()


def test_a_secret_that_json_writes_otherwise_is_hidden_in_it_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    planted = 'plan"ted\\7f3a9c'
    monkeypatch.setenv("KEY", planted)
    chosen = Chosen("checks", DriverRef("http", {"headers": {"X-Key": {"env": "KEY"}}}), "up", tmp_path)
    seen = {"text": f"it says {planted}", planted: [planted, 1, None]}
    tell(chosen, Answer([], seen), "", 0.1, json_out=True)
    assert json.loads(capsys.readouterr().out)["answer"] == {
        "text": "it says (hidden)",
        "(hidden)": ["(hidden)", 1, None],
    }


# ------------------------------------------------------------------ while a rollout is running


def test_a_running_rollout_is_not_fought_by_accident(stage: Stage) -> None:
    known_to_run(stage)
    for words in (BY_OPTIONS, ("drivers", "try", "plan.yaml", "splitter")):
        done = pilotage(stage.folder, *words, "set", "10", "--yes")
        assert (done.returncode, stage.weight()) == (2, 0)
        assert "shop-1 is running (shop in test)" in done.stderr
    assert pilotage(stage.folder, *BY_OPTIONS, "read").returncode == 0
    why = ("--override", "--reason", "the coordinator is gone")
    assert pilotage(stage.folder, *BY_OPTIONS, "set", "10", "--yes", *why).returncode == 0
    assert stage.weight() == 10


def test_another_services_rollout_does_not_stand_in_the_way_of_a_plan(stage: Stage) -> None:
    known_to_run(stage, service="basket")
    assert pilotage(stage.folder, "drivers", "try", "plan.yaml", "splitter", "set", "10", "--yes").returncode == 0


@dataclass
class Coordinator(Served):
    status: str = "watching"

    def answer(self, request: Request) -> Given:
        return 200, {}, [{"id": "shop-7", "service": "shop", "environment": "test", "status": self.status}]


def test_a_coordinator_elsewhere_is_asked_and_its_silence_is_no_yes(stage: Stage) -> None:
    act = ("drivers", "try", "plan.yaml", "splitter", "set", "10", "--yes")
    with serve(Coordinator()) as coordinator:
        refused = pilotage(stage.folder, *act, PILOTAGE_URL=coordinator.url)
        assert (refused.returncode, "shop-7 is running" in refused.stderr) == (2, True)
        coordinator.status = "promoted"
        assert pilotage(stage.folder, *act, PILOTAGE_URL=coordinator.url).returncode == 0
    silent = pilotage(stage.folder, *act, PILOTAGE_URL=coordinator.url)
    assert (silent.returncode, "is not known" in silent.stderr) == (2, True)
