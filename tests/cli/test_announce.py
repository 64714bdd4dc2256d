"""`announce`: every message before it is sent, and a person's own words; and what `check` says of templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pilotage.cli import announce as command
from pilotage.cli.main import cli
from pilotage.core.errors import PlanError
from tests.stage import PLAN

NOTIFY = """
notify:
  - {driver: console, path: said.log}
  - {driver: console, path: status.log, audience: status-page}
  - {driver: console, path: few.log, audience: pager, only: [failed]}
messages: {templates: words}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    phases = "[{weight: 10%, watch: 3s}, {weight: 100%, watch: 2s}]"
    text = PLAN.format(service="shop", phases=phases, hold="20s", then="ask", more=NOTIFY, port=9)
    (tmp_path / "words").mkdir()
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    return file


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["announce", *map(str, words)])


def test_a_preview_shows_each_channels_messages_and_sends_nothing(plan: Path) -> None:
    said = run(plan, "--preview").output
    assert "== console, for incident" in said
    assert "[held] shop 2.0: held at 10 %" in said
    assert "[promoted] shop: the fix is in place" in said
    assert said.count("[failed]") == 2
    assert "[phase_passed] shop: " not in said
    assert not list(plan.parent.glob("*.log"))


def test_a_preview_for_one_audience_and_kind_as_json_with_the_teams_words(plan: Path) -> None:
    (plan.parent / "words" / "promoted.md.j2").write_text("# Done: {{ summary }}\nby {{ by }}")
    (found,) = json.loads(run(plan, "--preview", "--audience", "status-page", "--kind", "promoted", "--json").output)
    assert found == {
        **{"channel": 1, "driver": "console", "audience": "status-page", "kind": "promoted"},
        **{"title": "Done: a test", "text": "by ann"},
    }


def test_an_audience_without_a_channel_is_shown_without_one_and_what_is_not_sent_is_said(plan: Path) -> None:
    assert "== no channel of this plan, for stakeholders" in run(plan, "--preview", "--audience", "stakeholders").output
    assert run(plan, "--preview", "--audience", "pager", "--kind", "held").output == "Nothing of that is sent.\n"


@pytest.mark.parametrize("words", [("announce", "--preview"), ("check",)])
def test_a_template_that_is_wrong_is_refused_with_file_line_and_a_suggestion(
    plan: Path, words: tuple[str, ...]
) -> None:
    (plan.parent / "words" / "held.md.j2").write_text("# Held\n{{ sentance }}")
    (plan.parent / "words" / "rolled_bak.md.j2").write_text("# Back")
    done = CliRunner().invoke(cli, [words[0], str(plan), *words[1:]])
    assert isinstance(done.exception, PlanError)
    first, second = str(done.exception).splitlines()
    assert first.startswith("line 2: words/held.md.j2: expected a value that held has, got sentance.")
    assert second.endswith("Did you mean rolled_back.md.j2?")


@pytest.mark.parametrize(
    "words",
    [
        ("x",),
        ("x", "--preview", "--text", "y"),
        ("x", "--text", "y", "--kind", "held"),
        ("x", "--text", "y", "--audience", "all"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_words_are_handed_to_the_coordinator_with_a_name_and_the_answer_says_through_what(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class OwnApi:
        def post(self, path: str, body: dict[str, str]) -> dict[str, object]:
            asked.append((path, body))
            return {"id": "shop-1", "message": "noted", "through": ["slack (incident)", "email (stakeholders)"]}

    monkeypatch.setattr(command, "Api", OwnApi)
    monkeypatch.setattr(command, "whoami", lambda: "ann")
    said = run("latest", "--text", "it works", "--audience", "incident").output
    assert asked == [("/v1/rollouts/latest/announce", {"by": "ann", "text": "it works", "audience": "incident"})]
    assert said == "shop-1: noted; through slack (incident), email (stakeholders)\n"
