"""Blue-green, rolling, cohorts, copies, some splitters at a time: what is asked of a plan, and how it is told."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pilotage import planfile
from pilotage.core.errors import PlanError, Problem
from pilotage.core.model import Cohort, DriverRef, Plan, Step, Target
from pilotage.drivers import DriverOptions, registry
from pilotage.planfile.document import read
from pilotage.planfile.schema import schema

COMMON = """\
pilotage: 1
service: payment
environment: production
version: "2.4.1"
previous: "2.4.0"
severity: P0
summary: payment null pointer hot-fix
known_bad: false
baseline: 0s
metrics:
  sources: {proxy: {driver: scrape, urls: ["http://127.0.0.1:9901/stats/prometheus"]}}
  groups: {canary: "new", control: "old"}
  errors: {source: proxy, total: 'rq{c="$group"}', bad: 'rq5{c="$group"}'}
"""
PROXY = 'driver: shell, set: [./traffic.sh, "{weight}"], read: [./traffic.sh]'
BLUE_GREEN = (
    COMMON.replace('"new"', '"{idle}"').replace('"old"', '"{live}"')
    + f"""\
strategy: blue-green
phases: [{{weight: 100%, watch: 30m, approval: true}}]
deploy: [{{name: colour, driver: shell, command: [./deploy.sh, "{{idle}}", "{{version}}"]}}]
traffic: [{{name: proxy, {PROXY}}}]
blue_green:
  live: blue
  idle: green
  test: [{{check: http, url: "http://{{idle}}.internal/healthz", within: 2m, name: smoke}}]
  warm: 2h
  tick: 30s
  release: {{driver: shell, command: [./scale.sh, "{{live}}", "0"]}}
"""
)
ROLLING = (
    COMMON
    + """\
strategy: rolling
rolling:
  servers:
    [{name: web1, host: 10.0.0.1, port: 22}, {name: web2, host: 10.0.0.2, port: 22}, {name: web3, host: x, port: 1}]
  watch: 5m
  approval: second
  health: {check: http, url: "http://{host}:8080/healthz"}
deploy: [{driver: shell, command: [./deploy.sh, "{server}", "{host}", "{version}"], timeout_s: "{port}"}]
"""
)
CANARY = (
    COMMON
    + """\
strategy: canary
phases:
  - {cohort: {header: X-Canary, is: ["yes", beta]}, watch: 5m}
  - {mirror: 10%, watch: 5m}
  - {weight: 10%, watch: 10m, on: [script-eu, eu]}
  - {weight: 100%, watch: 10m}
deploy:
  - {name: script-us, driver: shell, command: [./us.sh]}
  - {name: script-eu, driver: shell, command: [./eu.sh]}
traffic: [{name: eu, driver: able}, {name: us, driver: able}]
"""
)


class Able:
    """A splitter that knows headers, and copies; it is only built."""

    class Options(DriverOptions):
        """None."""

    cohorts = frozenset({"header"})

    def __init__(self, options: Options, context: object) -> None: ...

    async def read_cohort(self) -> Cohort | None: ...

    async def read_mirror(self) -> float: ...


class Faulty(Able):
    def __init__(self, options: Able.Options, context: object) -> None:
        raise RuntimeError("not today")


@pytest.fixture(autouse=True)
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry._of
    more = {one: EntryPoint(one, f"{__name__}:{one.title()}", "pilotage.traffic") for one in ("able", "faulty")}
    monkeypatch.setattr(registry, "_of", lambda port: {**real(port), **(more if port == "traffic" else {})})


def load(text: str) -> Plan:
    return planfile.load(text, directory=Path("/plans"))


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PlanError) as caught:
        load(text)
    return caught.value.problems


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


# ------------------------------------------------------------------ good ones


def test_blue_green_deploys_and_tests_the_idle_colour_then_switches_and_keeps_the_old_one_warm() -> None:
    plan = load(BLUE_GREEN)
    assert [(one.name, one.weight, one.watch_s, one.tick_s) for one in plan.phases] == [
        ("test green", 0.0, 10.0, 10.0),
        ("switch to green", 100.0, 1800.0, 10.0),
        ("blue kept warm", 100.0, 7200.0, 30.0),
    ]
    assert [step.target for step in plan.phases[0].steps] == ["colour", "smoke"]
    assert plan.phases[1].steps == (Step("proxy", "set_weight", weight=100.0),)
    assert plan.phases[1].approval


def test_the_colours_are_filled_in_wherever_they_are_spoken_of() -> None:
    plan = load(BLUE_GREEN)
    by_name = {one.name: one.ref for one in plan.targets}
    assert by_name["colour"].options["command"] == ["./deploy.sh", "green", "{version}"]
    assert by_name["smoke"] == DriverRef(
        "test", {"check": "http", "options": {"url": "http://green.internal/healthz"}, "within_s": 120.0}
    )
    assert (plan.measures.canary, plan.measures.control) == ("green", "blue")
    assert plan.release is not None
    assert plan.release.target == Target(
        "release-blue", "deploy", DriverRef("shell", {"command": ["./scale.sh", "blue", "0"]})
    )
    assert plan.release.step.version == "2.4.0"


def test_blue_green_keeps_the_old_colour_for_an_hour_where_nothing_is_said() -> None:
    plan = load(changed(changed(BLUE_GREEN, "  warm: 2h\n", ""), "  tick: 30s\n", ""))
    assert (plan.phases[-1].watch_s, plan.phases[-1].tick_s) == (3600.0, 60.0)


def test_a_test_without_a_name_is_called_by_its_number() -> None:
    plan = load(changed(BLUE_GREEN, ", name: smoke", ""))
    assert [one.name for one in plan.targets] == ["colour", "proxy", "test-1"]


def test_rolling_is_a_phase_for_each_server_with_its_own_words() -> None:
    plan = load(ROLLING)
    assert [(one.name, round(one.weight), one.approval) for one in plan.phases] == [
        ("web1", 33, False),
        ("web2", 67, True),
        ("web3", 100, False),
    ]
    (server,) = plan.targets[1].ref.options["servers"]
    assert server == {
        "name": "web2",
        "deploy": [{"driver": "shell", "command": ["./deploy.sh", "web2", "10.0.0.2", "{version}"], "timeout_s": 22}],
        "health": {"check": "http", "url": "http://10.0.0.2:8080/healthz"},
    }


@pytest.mark.parametrize(
    ("size", "batches"),
    [("1", ["web1", "web2", "web3"]), ("2", ["web1+web2", "web3"]), ("67%", ["web1+web2", "web3"]), ("1%", 3)],
)
def test_a_batch_is_a_number_of_servers_or_a_share_rounded_down(size: str, batches: list[str] | int) -> None:
    plan = load(changed(ROLLING, "  watch: 5m", f"  max_unavailable: {size}\n  watch: 5m"))
    names = [one.name for one in plan.phases]
    assert names == batches or len(names) == batches


def test_cohorts_copies_and_some_splitters_first() -> None:
    plan = load(CANARY)
    assert [one.name for one in plan.phases] == [
        "header X-Canary",
        "10 % copied",
        "script-eu, eu 10 %",
        "100 %",
    ]
    assert plan.phases[0].steps[-1].cohort == Cohort("header", "X-Canary", ("yes", "beta"))
    assert plan.phases[1].steps[-1].mirror == 10.0
    assert [step.target for step in plan.phases[2].steps] == ["eu"]
    assert [one.share_known for one in plan.phases] == [False, False, False, True]


@pytest.mark.parametrize(
    ("text", "method"), [(CANARY, "traffic"), (BLUE_GREEN, "switch"), (ROLLING, "redeploy")], ids=str.__len__
)
def test_each_strategy_has_its_own_first_way_back(text: str, method: str) -> None:
    assert [one.method for one in load(text).rollback.ways] == [method]
    assert load(f"{text}rollback: {{methods: [{method}]}}\n").rollback.ways == load(text).rollback.ways


@pytest.mark.parametrize("said", ["hold", "restore"])
def test_what_is_done_about_a_changed_weight_is_the_plans_to_choose(said: str) -> None:
    assert (load(CANARY).drift, load(f"{CANARY}drift: {said}\n").drift) == ("hold", said)


# ------------------------------------------------------------------ mistakes

SERVERS = ROLLING[ROLLING.index("[{name: web1") : ROLLING.index("\n  watch: 5m")]
TEST = '  test: [{check: http, url: "http://{idle}.internal/healthz", within: 2m, name: smoke}]\n'
RELEASE = '  release: {driver: shell, command: [./scale.sh, "{live}", "0"]}\n'

MISTAKES = [
    # blue-green
    (BLUE_GREEN, BLUE_GREEN[BLUE_GREEN.index("blue_green:") :], "", "blue_green", "the key blue_green"),
    (BLUE_GREEN, "  live: blue\n", "", "blue_green.live", "the key live"),
    (BLUE_GREEN, "  live: blue\n", '  live: ""\n', "blue_green.live", "a name of letters"),
    (BLUE_GREEN, "idle: green", "idle: blue", "blue_green.idle", "another colour than the live one"),
    (BLUE_GREEN, TEST, "", "blue_green.test", "the key test"),
    (BLUE_GREEN, TEST, "  test: []\n", "blue_green.test", "a list of checks"),
    (BLUE_GREEN, "check: http", "check: htpp", "blue_green.test[0].check", 'Did you mean "http"?'),
    (BLUE_GREEN, "within: 2m", "within: soon", "blue_green.test[0].within", "a duration"),
    (BLUE_GREEN, "name: smoke", "name: colour", "blue_green.test[0].name", "a name of its own"),
    (BLUE_GREEN, "url:", "ulr:", "blue_green.test[0].ulr", 'Did you mean "url"?'),
    (BLUE_GREEN, "warm: 2h", "warm: 5s", "blue_green.warm", "at least one tick (30s)"),
    (BLUE_GREEN, "  warm: 2h", "  wram: 2h", "blue_green.wram", 'Did you mean "warm"?'),
    (BLUE_GREEN, "approval: true}", "approval: true}, {weight: 100%, watch: 1m}", "phases[1].weight", "more than"),
    (BLUE_GREEN, "[{weight: 100%", "[{weight: 10%, watch: 1m}, {weight: 100%", "phases", "one phase of 100%"),
    (BLUE_GREEN, "weight: 100%", "weight: 50%", "phases[0].weight", "100% in the last phase"),
    (BLUE_GREEN, "weight: 100%", "weight: 100%, on: [proxy]", "phases[0]", "the switch moves everything"),
    (BLUE_GREEN, "strategy:", "after: {watch: 1h}\nstrategy:", "after", "nothing here with strategy blue-green"),
    (BLUE_GREEN, "strategy:", "rollback: {methods: [redeploy]}\nstrategy:", "rollback.methods", "as the first method"),
    (
        BLUE_GREEN,
        "strategy:",
        "rollback: {methods: [switch, revert], revert: {name: smoke, driver: shell, command: [./x]}}\nstrategy:",
        "rollback.revert",
        "no other driver of the plan",
    ),
    (
        BLUE_GREEN,
        "strategy:",
        "rollback: {methods: [switch, revert], revert: {name: release-blue, driver: shell, command: [x]}}\nstrategy:",
        "rollback.revert",
        "no other driver of the plan",
    ),
    (
        BLUE_GREEN,
        "{driver: shell, command: [./scale",
        "{driver: shell, comand: [./scale",
        "blue_green.release.comand",
        "",
    ),
    (
        BLUE_GREEN,
        "driver: shell, command: [./deploy.sh",
        'driver: "{live}", command: [./deploy.sh',
        "deploy[0].driver",
        "",
    ),
    (BLUE_GREEN, "strategy:", "rolling: {servers: [a, b], watch: 1m}\nstrategy:", "rolling", "strategy: rolling with"),
    # rolling
    (ROLLING, ROLLING[ROLLING.index("rolling:\n") : ROLLING.index("deploy:")], "", "rolling", "the key rolling"),
    (ROLLING, "name: web2", "name: web1", "rolling.servers[1]", "each server once"),
    (
        ROLLING,
        SERVERS,
        '[{name: web1, host: "", port: 1}, {name: w, host: h, port: 1}]',
        "rolling.servers[0].host",
        "a text",
    ),
    (ROLLING, SERVERS, "[{name: w, host: h, port: 1}]", "rolling.servers", "two servers at least"),
    (ROLLING, SERVERS, "[]", "rolling.servers", "servers in their order"),
    (ROLLING, "name: web2, ", "", "rolling.servers[1].name", "the server's name"),
    (ROLLING, "name: web2", 'name: "web 2"', "rolling.servers[1].name", "a name of letters"),
    (ROLLING, ", port: 22}, {name: web2", "}, {name: web2", "rolling.servers[0]", "the word port, as other servers"),
    (ROLLING, "port: 22", "port: [22]", "rolling.servers[0].port", "a text in one line, or a whole number"),
    (ROLLING, "port: 22", "port: true", "rolling.servers[0].port", "a text in one line, or a whole number"),
    (ROLLING, "http://{host}:8080", "http://{hots}:8080", "rolling.health.url", 'Did you mean "host"?'),
    (ROLLING, "  watch: 5m\n", "", "rolling.watch", "the key watch"),
    (ROLLING, "watch: 5m", "watch: 5s", "rolling.watch", "at least one tick"),
    (
        ROLLING,
        "watch: 5m",
        "watch: 5m\n  max_unavailable: 3",
        "rolling.max_unavailable",
        "fewer servers than the fleet",
    ),
    (ROLLING, "watch: 5m", "watch: 5m\n  max_unavailable: 100%", "rolling.max_unavailable", "fewer servers than"),
    (ROLLING, "watch: 5m", "watch: 5m\n  max_unavailable: 0", "rolling.max_unavailable", "a number of servers from 1"),
    (ROLLING, "watch: 5m", "watch: 5m\n  max_unavailable: 0%", "rolling.max_unavailable", "a number of servers from 1"),
    (
        ROLLING,
        "watch: 5m",
        "watch: 5m\n  max_unavailable: 1.5",
        "rolling.max_unavailable",
        "a number of servers from 1",
    ),
    (ROLLING, "approval: second", "approval: third", "rolling.approval", "none, second, each"),
    (ROLLING, "watch: 5m", "watch: 5m\n  drain_within: 5", "rolling.drain_within", "a duration"),
    (ROLLING, "watch: 5m", "watch: 5m\n  pool: {driver: none}", "rolling.pool.driver", "one of"),
    (ROLLING, "check: http", "check: htpp", "rolling.health.check", 'Did you mean "http"?'),
    (ROLLING, "command:", "comand:", "deploy[0].comand", 'Did you mean "command"?'),
    (ROLLING, 'timeout_s: "{port}"', 'timeout_s: "{host}"', "deploy[0].timeout_s", "a number"),
    (ROLLING, 'timeout_s: "{port}"', 'timeout_s: "{prot}"', "deploy[0].timeout_s", 'Did you mean "port"?'),
    (ROLLING, 'timeout_s: "{port}"', 'timeout_s: "{thing}"', "deploy[0].timeout_s", "a number"),
    (ROLLING, '"{server}"', '"{sever}"', "deploy[0].command[1]", 'Did you mean "server"?'),
    (ROLLING, '"{server}"', '"{thing}"', "deploy[0].command", "only the placeholders"),
    (ROLLING, "deploy:", "deply:", "deply", 'Did you mean "deploy"?'),
    (
        ROLLING,
        "deploy:",
        f"traffic: [{{name: proxy, {PROXY}}}]\ndeploy:",
        "traffic",
        "nothing here with strategy rolling",
    ),
    (ROLLING, "deploy:", "phases: [{weight: 100%, watch: 1m}]\ndeploy:", "phases", "rolling.watch is how long"),
    (ROLLING, "deploy:", "rollback: {methods: [traffic]}\ndeploy:", "rollback.methods", "redeploy as the first"),
    (ROLLING, "deploy:", "rollback: {methods: [redeploy, switch]}\ndeploy:", "rollback.methods", "redeploy and revert"),
    (ROLLING, "deploy:", "rollback: {afterwards: [traffic]}\ndeploy:", "rollback.afterwards", "redeploy and revert"),
    (ROLLING, "deploy:", "rollback: {afterwards: [redeploy]}\ndeploy:", "rollback.afterwards", "revert only"),
    (
        ROLLING,
        "deploy: [",
        'deploy: [{name: all, driver: shell, command: [./deploy, "{version}"]}, ',
        "deploy[0]",
        "a word of the server in it",
    ),
    # canary
    (CANARY, "header: X-Canary", "cookie: canary", "phases[0].cohort", "a splitter that knows cohorts by cookie"),
    (CANARY, "header: X-Canary", "user: id, header: X", "phases[0].cohort", "one of header, cookie, user"),
    (CANARY, "header: X-Canary, ", "", "phases[0].cohort", "one of header, cookie, user"),
    (CANARY, "header: X-Canary", 'header: "X Canary"', "phases[0].cohort.header", "a name of letters"),
    (CANARY, 'is: ["yes", beta]', 'is: "yes"', "phases[0].cohort.is", "values such as"),
    (CANARY, '"yes", beta', "yes, 1", "phases[0].cohort.is[1]", 'Quote it: "1".'),
    (CANARY, ', is: ["yes", beta]', "", "phases[0].cohort.is", "the key is"),
    (CANARY, "mirror: 10%", "mirror: 0%", "phases[1].mirror", "above 0%"),
    (CANARY, "on: [script-eu, eu]", "on: [script-eu, ue]", "phases[2].on[1]", "one of script-us, script-eu, eu, us"),
    (CANARY, "on: [script-eu, eu]", "on: [eu, eu]", "phases[2].on[1]", "each name once"),
    (CANARY, "on: [script-eu, eu]", "on: [script-eu]", "phases[2].on", "a splitter from traffic among them"),
    (CANARY, "on: [script-eu, eu]", "on: []", "phases[2].on", "names from deploy and traffic"),
    (
        CANARY,
        "weight: 100%, watch: 10m",
        "weight: 100%, watch: 10m, on: [us]",
        "phases",
        "the last phase of each splitter",
    ),
    (CANARY, "weight: 100%", "weight: 10%", "phases[3].weight", "more than the phase before"),
    (CANARY, "weight: 100%", "weight: 90%", "phases[3].weight", "100% in the last phase"),
    (CANARY, "{mirror: 10%, watch: 5m}", "{watch: 5m}", "phases[1].weight", "the key weight"),
    (CANARY, "strategy:", "blue_green: {live: a, idle: b}\nstrategy:", "blue_green", "strategy: blue-green with"),
    (CANARY, "strategy:", "rollback: {methods: [redeploy]}\nstrategy:", "rollback.methods", "traffic (or switch)"),
    (CANARY, "strategy:", "drift: ignore\nstrategy:", "drift", "hold, restore"),
]


@pytest.mark.parametrize(("text", "old", "new", "path", "says"), MISTAKES)
def test_a_mistake_is_told_once_at_its_place(text: str, old: str, new: str, path: str, says: str) -> None:
    found = problems(changed(text, old, new))
    assert [one.path for one in found if one.path == path] == [path], found
    assert says in " ".join(str(one) for one in found if one.path == path)
    assert all(one.line for one in found)


@pytest.mark.parametrize("key", ["version", "previous", "key", "server", "weight", "a-b", "9"])
def test_a_servers_word_shadows_none_of_the_drivers(key: str) -> None:
    found = problems(changed(ROLLING, SERVERS, f'[{{name: a, "{key}": x}}, {{name: b, "{key}": y}}]'))
    assert [one.path for one in found][:2] == [f"rolling.servers[{number}].{key}" for number in (0, 1)]
    assert "a word of its own" in found[0].expected


def test_what_is_wrong_for_one_server_is_told_for_that_one() -> None:
    (problem,) = problems(changed(ROLLING, "host: x, port: 1", "host: x, port: 0"))
    assert (problem.path, problem.got) == ("deploy[0].timeout_s", "0")


@pytest.mark.parametrize("able", ["cohort: {header: X-Canary, is: [a]}", "mirror: 10%"])
def test_a_splitter_that_cannot_do_it_is_told_before_the_rollout(able: str) -> None:
    envoy = 'driver: envoy, runtime_dir: r, key: k, admin: "http://127.0.0.1:9901"'
    phases = f"phases: [{{{able}, watch: 1m}}, {{weight: 100%, watch: 1m}}]\n"
    plan = f"{COMMON}strategy: canary\ntraffic: [{{DRIVER}}]\n{phases}"
    load(plan.replace("DRIVER", "driver: able"))
    for driver in (envoy, "driver: faulty"):
        (problem,) = problems(plan.replace("DRIVER", driver))
        assert problem.path.startswith("phases[0].")
        assert "a splitter that" in problem.expected


def test_what_a_splitter_can_do_is_not_guessed_while_something_else_is_wrong() -> None:
    assert [one.path for one in problems(changed(CANARY, "severity: P0", "severity: P9"))] == ["severity"]


@pytest.mark.parametrize(("text", "old", "new", "path", "says"), MISTAKES)
def test_the_schema_marks_nothing_that_the_loader_takes(text: str, old: str, new: str, path: str, says: str) -> None:
    valid = Draft202012Validator(schema())
    assert valid.is_valid(read(text)[0].plain())
    structure = ("the key", "nothing here", "a list of", "two servers", "one of none", "one of hold", "one of header")
    if any(structure_said in str(one) for one in problems(changed(text, old, new)) for structure_said in structure):
        assert not valid.is_valid(read(changed(text, old, new))[0].plain())
