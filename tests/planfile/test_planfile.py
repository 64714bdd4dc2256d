import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage import planfile
from pilotage.core.errors import PlanError
from pilotage.core.model import Plan, Severity, Step, Way

HERE = Path("/plans")
GOOD = """\
pilotage: 1
service: payment
environment: production
version: "2.4.1"
previous: "2.4.0"
severity: P0
summary: payment null pointer hot-fix
strategy: canary
known_bad: true
baseline: 30s
tick: 10s
phases:
  - {weight: 10%, watch: 10m, approval: true}
  - {weight: 50%, watch: 10m}
  - {weight: 100%, watch: 30m}
after: {watch: 1h, tick: 1m}
deploy:
  - {name: rollout-script, driver: shell, command: ["./deploy.sh", "{version}"]}
traffic:
  - {name: proxy, driver: envoy, runtime_dir: runtime, key: payment.canary, admin: "http://127.0.0.1:9901"}
metrics:
  sources:
    proxy: {driver: scrape, urls: ["http://127.0.0.1:9901/stats/prometheus"]}
  groups: {canary: payment_canary, control: payment_stable}
  errors: {source: proxy, total: 'rq{c="$group"}', bad: 'rq5{c="$group"}'}
  latency: {source: proxy, histogram: 'time_bucket{c="$group"}', unit: ms}
  bug: {name: checkout null pointer, source: proxy, total: 'tries{c="$group"}', bad: 'npe{c="$group"}', target: 0.4%}
success: {errors: 0.5%, p95: 10%, min_requests: 50, share_tolerance: 5}
rollback_when: {errors: 2%, p95: 2x}
hold: {deadline: 10m, then: rollback}
notify:
  - {driver: webhook, url: {env: HOOK_URL}}
"""


@pytest.fixture(autouse=True, scope="module")
def hook_url():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK_URL", "http://127.0.0.1:1/very-secret")
        yield


def problems(text: str):
    with pytest.raises(PlanError) as caught:
        planfile.load(text, directory=HERE, file="plan.yaml")
    return caught.value.problems


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_a_good_plan_becomes_a_plan():
    plan = planfile.load(GOOD, directory=HERE)
    assert (plan.service, plan.version, plan.severity) == ("payment", "2.4.1", Severity.P0)
    assert [one.name for one in plan.phases] == ["baseline", "10 %", "50 %", "100 %", "after"]
    assert plan.phases[1].approval
    assert plan.rollback.ways == (Way("traffic", (Step("proxy", "set_weight", weight=0.0),)),)
    assert (plan.limits.errors_trigger, plan.limits.p95_success, plan.limits.p95_trigger) == (0.02, 1.1, 2.0)
    assert plan.limits.bug_target == pytest.approx(0.004)
    assert plan.digest.startswith("sha256:")
    assert plan.directory == "/plans"


def test_a_plan_may_change_what_findings_lead_to_also_by_severity():
    table = "verdicts: {latency-changed: {P0: ask, P2: hold}, bug-half-fixed: rollback, data-missing: {P2: ask}}\n"
    plan = planfile.load(GOOD + table, directory=HERE)
    assert plan.verdicts == {"latency-changed": "ask", "bug-half-fixed": "rollback"}


@pytest.mark.parametrize(
    ("more", "path", "expected"),
    [
        ("verdicts: {latency-chnged: hold}", "verdicts.latency-chnged", "latency-changed"),
        ("verdicts: {errors-worse: pass}", "verdicts.errors-worse", "rollback, hold, ask"),
        ("verdicts: {errors-worse: {P7: ask}}", "verdicts.errors-worse.P7", "P0, P1, P2"),
        ("judge: {false_alarms: 20%}", "judge.false_alarms", "between"),
        ("judge: {false_alarms: 0.00001%}", "judge.false_alarms", "between"),
        ("judge: {pass_early: maybe}", "judge.pass_early", "true or false"),
        ("judge: {}\nexpect: {}", "expect.requests", "the key requests"),
    ],
)
def test_a_mistake_in_the_table_is_named(more, path, expected):
    (problem,) = problems(GOOD + more + "\n")
    assert problem.path == path
    assert expected in f"{problem.expected} {problem.hint}"


def test_the_false_alarm_rate_and_early_promotion_are_the_plans_to_choose():
    plan = planfile.load(GOOD + "judge: {false_alarms: 0.1%, pass_early: true}\n", directory=HERE)
    assert (plan.limits.alpha, plan.limits.pass_early) == (pytest.approx(0.001), True)


@pytest.mark.parametrize(("written", "per_s"), [("58/s", 58), ("5M/day", 5e6 / 86400), ("3.6k/h", 1), ("120 / min", 2)])
def test_what_the_service_usually_gets_is_a_rate(written, per_s):
    plan = planfile.load(GOOD + f"expect: {{requests: {written}, errors: 0.2%}}\n", directory=HERE)
    assert plan.expected is not None
    assert (plan.expected.requests_per_s, plan.expected.errors) == (pytest.approx(per_s), pytest.approx(0.002))


@pytest.mark.parametrize("written", ["58", "0/s", "fast", "5M", "-3/s", "1/s/s"])
def test_a_rate_that_is_none_is_refused(written):
    (problem,) = problems(GOOD + f"expect: {{requests: {written}}}\n")
    assert (problem.path, "5M/day" in problem.expected) == ("expect.requests", True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('command: ["./deploy.sh", "{version}"]', 'command: "./deploy.sh"', "a list, such as"),
        ('command: ["./deploy.sh", "{version}"]', 'command: ["x", "{vrsion}"]', "only the placeholders {version}"),
        ('command: ["./deploy.sh", "{version}"]', "command: []", "a list with a command and its arguments"),
        ("key: payment.canary", "key: 7", "text (in quotes"),
        (
            'driver: shell, command: ["./deploy.sh", "{version}"]',
            'driver: kubernetes, deployment: Payment, image: "x:{version}"',
            "the Deployment's name (of the form ^[a-z0-9]",
        ),
        ('urls: ["http://127.0.0.1:9901/stats/prometheus"]', "urls: []", "a list of at least 1"),
        ('stats/prometheus"]', 'stats/prometheus"], timeout_s: 0', "a number above 0"),
        (
            "url: {env: HOOK_URL}",
            "url: 5",
            "text (in quotes where it looks like a number, true or false) or a reference",
        ),
    ],
)
def test_what_a_driver_expected_is_said_in_plain_words(old, new, expected):
    (problem,) = problems(changed(old, new))
    assert expected in problem.expected
    assert not any(word in str(problem) for word in ("Input", "should", "validation", "class"))


def test_secrets_stay_references():
    plan = planfile.load(GOOD, directory=HERE)
    assert plan.notify[0].ref.options == {"url": {"env": "HOOK_URL"}}
    assert "very-secret" not in repr(plan)


@pytest.mark.parametrize(
    ("old", "new", "path", "line", "says"),
    [
        ("service:", "servise:", "servise", 2, 'Did you mean "service"?'),
        ("service: payment", "service: -rf", "service", 2, "a name"),
        ('version: "2.4.1"', "version: 2.4", "version", 4, 'Quote it: "2.4".'),
        ('version: "2.4.1"', 'version: "--force"', "version", 4, "a version"),
        ('previous: "2.4.0"', 'previous: "2.4.1"', "previous", 5, "another version"),
        ("severity: P0", "severity: p0", "severity", 6, "P0, P1, P2"),
        ("strategy: canary", "strategy: canari", "strategy", 8, 'Did you mean "canary"?'),
        ("strategy: canary", "strategy: canary\nrolling: {watch: 1m}", "rolling", 9, "strategy: rolling with"),
        ("known_bad: true", "known_bad: yes", "known_bad", 9, "true or false"),
        ("tick: 10s", "tick: 0s", "tick", 11, "at least 0.5s"),
        ("tick: 10s", "tick: 10", "tick", 11, "a duration"),
        ("weight: 50%", "weight: 5%", "phases[1].weight", 14, "more than the phase before (10%)"),
        ("weight: 50%", "weight: 50", "phases[1].weight", 14, "Write 50%."),
        ("weight: 50%", "wieght: 50%", "phases[1].wieght", 14, 'Did you mean "weight"?'),
        ("weight: 100%", "weight: 90%", "phases[2].weight", 15, "100% in the last phase"),
        ("weight: 100%", "weight: 120%", "phases[2].weight", 15, "at most 100%"),
        ("watch: 30m", "watch: 5s", "phases[2].watch", 15, "at least one tick"),
        ("watch: 30m", "watch: soon", "phases[2].watch", 15, "a duration"),
        ("driver: envoy", "driver: envoi", "traffic[0].driver", 20, 'Did you mean "envoy"?'),
        ("name: proxy, driver", "name: rollout-script, driver", "traffic[0].name", 20, "a name of its own"),
        (", key: payment.canary", "", "traffic[0].key", 20, "the option key"),
        ("key: payment.canary", "key: a, kex: b", "traffic[0].kex", 20, "the unknown option"),
        ("proxy: {driver: scrape", "proxy: {driver: scrap", "metrics.sources.proxy.driver", 23, "scrape"),
        ("control: payment_stable", "control: 'a\"} or x'", "metrics.groups.control", 24, "a label"),
        ("errors: {source: proxy", "errors: {source: proxi", "metrics.errors.source", 25, 'Did you mean "proxy"?'),
        ("'rq5{c=\"$group\"}'", "rq5", "metrics.errors.bad", 25, "$group"),
        ("unit: ms", "unit: minutes", "metrics.latency.unit", 26, "one of s, ms"),
        ("  bug:", "  # bug:", "metrics.bug", 22, "known_bad: false"),
        ("target: 0.4%", "target: 0.4", "metrics.bug.target", 27, "a percentage"),
        ("min_requests: 50", "min_requests: many", "success.min_requests", 28, "a whole number"),
        ("errors: 2%", "errors: 0.1%", "rollback_when.errors", 29, "a trigger above success.errors"),
        ("p95: 2x", "p95: twice", "rollback_when.p95", 29, "2x"),
        ("deadline: 10m", "deadline: 0s", "hold.deadline", 30, "at least"),
        ("deadline: 10m", "deadline: -1s", "hold.deadline", 30, "a duration"),
        ("then: rollback", "then: pray", "hold.then", 30, "rollback, ask"),
        ("env: HOOK_URL", "env: NO_SUCH_HOOK", "notify[0].url", 32, "NO_SUCH_HOOK is not set"),
        ("env: HOOK_URL", "file: /" + "x" * 5000, "notify[0].url", 32, "cannot be"),
        ("pilotage: 1", "pilotage: 2", "pilotage", 1, "format version 1"),
    ],
)
def test_a_mistake_is_answered_with_path_line_and_expectation(old, new, path, line, says):
    found = problems(changed(old, new))
    assert [(one.path, one.line) for one in found] == [(path, line)], found
    assert says in str(found[0])


def test_all_mistakes_come_at_once():
    found = problems(changed("tick: 10s", "tick: x").replace("weight: 50%", "weight: 5%").replace("P0", "P9"))
    assert [one.path for one in found] == ["severity", "tick", "phases[1].weight"]


def test_a_secret_written_into_the_plan_is_refused_and_not_repeated():
    found = problems(changed('prometheus"]}', 'prometheus"], token: hunter2}'))
    assert [(one.path, one.line) for one in found] == [("metrics.sources.proxy.token", 23)]
    assert "{env: NAME}" in str(found)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty file"),
        ("just text", "a mapping"),
        ("- a\n- b", "a mapping"),
        ("a: [", "valid YAML"),
        ("\ta: 1", "valid YAML"),
        ("a: &x 1\nb: *x", "anchors"),
        ("a: !!python/object:os.system x", "tags"),
        ("a: \x00", "control character"),
        ('a: "\\e[31m"', "control character"),
        ("a: 1\n---\nb: 2", "one YAML document"),
        ("[" * 5000, "levels"),
        ("a: " + "x" * 200_000, "characters"),
        ("\ud800", "control character"),
        ("? {a: b}\n: c", "text as a key"),
        ("9" * 5000, "a mapping"),
    ],
    ids=range(15),
)
def test_text_that_is_no_plan_is_refused_in_one_sentence(text, says):
    assert says in str(problems(text)[0])


def test_a_key_written_twice_is_refused():
    assert [(one.path, one.line) for one in problems(changed("tick: 10s", "tick: 10s\ntick: 20s"))] == [("tick", 12)]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (
            "  groups: {canary: payment_canary,",
            "  groups: {canary: x, canary: payment_canary,",
            "metrics.groups.canary",
        ),
        ("unit: ms}", "unit: ms}\n  latency: {}", "metrics.latency"),
        ("weight: 50%,", "weight: 50%, weight: 60%,", "phases[1].weight"),
    ],
)
def test_a_key_written_twice_is_named_with_its_whole_path(old, new, path):
    assert [one.path for one in problems(changed(old, new))] == [path]


@pytest.mark.parametrize("written", ['"5"', "true", "[5]", "5s"])
def test_an_options_type_is_the_one_it_asks_for(written):
    (problem,) = problems(changed('prometheus"]}', f'prometheus"], timeout_s: {written}}}'))
    assert (problem.path, problem.expected) == ("metrics.sources.proxy.timeout_s", "a number")


@pytest.mark.parametrize(
    "reference", ["env: hunter2-planted", "env: ghp_hunter2hunter2hunter2hunter2", "file: hunter2"]
)
def test_a_secret_in_the_place_of_its_name_is_not_repeated(reference):
    (problem,) = problems(changed("env: HOOK_URL", reference))
    assert problem.path == "notify[0].url"
    assert "named there" in problem.got
    assert "hunter2" not in str(problem)


def test_a_message_is_one_line_whatever_the_plan_says():
    for problem in problems(GOOD + '"a\\nb\u2028": 1\n"' + "x" * 5000 + '": 2\n'):
        assert str(problem).isprintable()
        assert len(str(problem)) < 1200


def test_a_file_that_is_not_utf_8_or_not_there_is_refused(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(PlanError, match="UTF-8"):
        planfile.load_file(path)
    with pytest.raises(PlanError, match="No such file"):
        planfile.load_file(tmp_path / "none.yaml")


def only_plan_errors(text: str) -> None:
    try:
        answer: Plan | PlanError = planfile.load(text, directory=HERE)
    except PlanError as error:
        answer = error
    assert isinstance(answer, Plan) or answer.problems


@given(st.text())
def test_any_text_gives_a_plan_error(text):
    only_plan_errors(text)


JUNK = [
    "",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "\n",
    "- ",
    "'",
    '"',
    "*a",
    "&a ",
    "!x ",
    "null",
    "1e999",
    "-1",
    "%",
    "0x",
    "\t",
    "𝟙%",
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(), st.lists(st.sampled_from(JUNK) | st.text(max_size=4), min_size=1, max_size=4))
def test_a_damaged_plan_gives_a_plan_or_a_plan_error(seed, pieces):
    rng, text = random.Random(seed), GOOD
    for piece in pieces:
        start = rng.randrange(len(text))
        text = text[:start] + piece + text[start + rng.randrange(12) :]
    only_plan_errors(text)


@given(
    st.sampled_from(GOOD.splitlines()), st.sampled_from(["null", "[]", "{}", "3", "true", "x", "[[1]]", "{a: 1}", "''"])
)
def test_any_value_of_the_wrong_kind_gives_a_plan_or_a_plan_error(line, value):
    only_plan_errors(GOOD.replace(line, line.split(":")[0] + ": " + value, 1))
