"""What counts as a filling: an open place, a value that holds, a line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotage import planfile
from pilotage.agent.jail import Jail
from pilotage.agent.sheet import Filling, Sheet, Wrong
from pilotage.core.brief import parse
from pilotage.repository import look
from tests.agent.shop import BRIEF, ON_CALL_IS, VERSION, said, shop


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    repo = shop(tmp_path / "shop")
    return Sheet(parse(BRIEF), look(repo.path), repo.path, Jail(repo.path))


def filling(**given: object) -> Filling:
    return Filling(**{**VERSION, **given})  # type: ignore[arg-type]


def wrong(sheet: Sheet, **given: object) -> str:
    with pytest.raises(Wrong) as caught:
        sheet.offer(filling(**given))
    assert not sheet.good
    return str(caught.value)


@pytest.mark.parametrize("place", ["service", "severity", "phases[0].weight", "strategy", "hold.then", "", "x.y[3]"])
def test_what_is_said_is_locked(sheet: Sheet, place: str) -> None:
    assert "it is not open" in wrong(sheet, place=place)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"line": 0}, "has 12 lines, not 0"),
        ({"line": 99}, "has 12 lines, not 99"),
        ({"quoted": 'tag: "9.9"'}, "it stands on no line"),
        ({"quoted": ""}, "expected `quoted`"),
        ({"file": "../outside/notes.txt"}, "is not shown"),
        ({"file": ".env", "line": 1}, "is not shown"),
        ({"file": "no-such.yaml"}, "cannot be read"),
        ({"file": "brief", "line": 0}, "the brief does not say what you quote"),
        ({"value": "2.4.2"}, "does not hold the value '2.4.2'"),
        ({"value": "tag"}, "expected a version"),
        ({"value": "REPLACE_ME: later"}, "not a placeholder"),
        ({"value": " "}, "not a placeholder"),
        ({"value": "2.4.1\x1b[2J"}, "control characters"),
        ({"value": "token=abcdef123456"}, "without secrets"),
        ({"value": "x" * 5000}, "at most 2000"),
    ],
)
def test_a_citation_has_to_be_true_and_speak_for_the_value(
    sheet: Sheet, given: dict[str, object], expected: str
) -> None:
    assert expected in wrong(sheet, **given)


def test_blanks_of_a_line_do_not_matter(sheet: Sheet) -> None:
    sheet.offer(filling(quoted='  tag:   "2.4.1" '))
    assert list(sheet.good) == ["version"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{driver: nonesuch, name: traffic}", "nonesuch"),
        ("{driver: shell, name: traffic}", "set"),
        ("- traffic", "a mapping"),
        ("{driver: shell, set: [&a x], read: [*a]}", "anchor"),
        ('{driver: shell, set: ["sh", "-c", "x"], read: ["./ops/traffic.sh"]}', "not sh"),
        ('{driver: shell, set: ["/usr/bin/curl", "x"], read: ["./ops/traffic.sh"]}', "not curl"),
        ('{driver: shell, set: ["./ops/traffic.sh", "{weight}"], read: ["./made-up.sh"]}', "script of the repository"),
        ('{driver: shell, set: ["./ops/traffic.sh", "{weight}"], read: ["../outside/x.sh"]}', "script of the repo"),
        ("{driver: flagd-file, file: /etc/passwd, flag: traffic, on: a, off: b}", "expected a path of the repository"),
        ("{driver: unleash, url: 'https://traffic', token: {file: /etc/shadow}, feature: traffic}", "no secret but"),
        ("{driver: unleash, url: 'https://traffic', token: {env: AWS_KEY}, feature: traffic}", "no secret but"),
    ],
)
def test_a_driver_is_one_of_ours_with_the_teams_own_scripts(sheet: Sheet, value: str, expected: str) -> None:
    where = {"file": "ops/traffic.sh", "line": 2, "quoted": "traffic.sh set WEIGHT"}
    assert expected in wrong(sheet, place="traffic[0]", value=value, **where)


def test_facts_and_places_stand_in_the_plan_that_the_loader_reads(sheet: Sheet) -> None:
    for one in (VERSION, ON_CALL_IS):
        sheet.offer(Filling(**one))  # type: ignore[arg-type]
    urls = said("metrics.sources.app.urls[0]", "http://127.0.0.1:8080/metrics", "config/app.yaml", 3, "port: 8080")
    sheet.offer(Filling(**urls))  # type: ignore[arg-type]
    brief, drafted = sheet.completed()
    data = planfile.outline(drafted.text, directory=sheet.directory).data
    assert data == drafted.data
    assert data["version"] == "2.4.1"
    assert data["metrics"]["sources"]["app"]["urls"] == ["http://127.0.0.1:8080/metrics"]
    assert data["contacts"][0] == {"role": "on-call", "name": "Ann Example", "reach": "@ann"}
    assert brief.version is not None
    assert brief.version.source == "model"
    assert "as config/app.yaml:3 (port: 8080) says" in drafted.text
    assert sum(one.startswith("FILLED IN") for one in drafted.warnings) == 3


def test_two_values_that_do_not_fit_each_other_are_not_both_taken(sheet: Sheet) -> None:
    sheet.offer(filling())
    with pytest.raises(Wrong, match="previous would stay open"):
        sheet.offer(filling(place="previous"))


def test_text_of_a_file_cannot_leave_its_comment(tmp_path: Path) -> None:
    repo = shop(tmp_path / "shop")
    repo.write("deploy/odd.yaml", 'tag: "2.4.1" # \u2028severity: P2\n')
    sheet = Sheet(parse(BRIEF), look(repo.path), repo.path, Jail(repo.path))
    sheet.offer(filling(file="deploy/odd.yaml", line=1, quoted='tag: "2.4.1" # severity: P2', why="so\nseverity: P2"))
    assert planfile.outline(sheet.completed()[1].text, directory=repo.path).data["severity"] == "P0"
