"""The agent by itself, with a model that is a function: tools, approvals, limits, what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from pilotage.agent import running
from pilotage.agent.jail import Jail
from pilotage.agent.limits import Limits
from pilotage.agent.planner import Run, asked, fill
from pilotage.agent.sheet import Sheet
from pilotage.core.brief import parse
from pilotage.repository import look
from tests.agent.shop import BRIEF, PREVIOUS, SECRET, VERSION, shop

Answer = Callable[[list[ModelMessage]], ToolCallPart]


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    repo = shop(tmp_path / "shop")
    return Sheet(parse(BRIEF), look(repo.path), repo.path, Jail(repo.path))


def scripted(*answers: ToolCallPart | Answer) -> tuple[FunctionModel, list[str]]:
    """What it is told by tools is kept."""
    told: list[str] = []
    left = list(answers)

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        told.extend(str(part.content) for part in messages[-1].parts if isinstance(part, ToolReturnPart))
        answer = left.pop(0) if len(left) > 1 else left[0]
        return ModelResponse(parts=[answer if isinstance(answer, ToolCallPart) else answer(messages)])

    return FunctionModel(model), told


def calls(tool: str, **given: object) -> ToolCallPart:
    return ToolCallPart(tool, json.dumps(given))


def fills(*fillings: dict[str, object]) -> ToolCallPart:
    return calls("fill_in", response=list(fillings))


def run(
    sheet: Sheet, *answers: ToolCallPart | Answer, confirm: Callable[[str], bool] | None = None
) -> tuple[Run, list[str]]:
    model, told = scripted(*answers)
    return fill(model, sheet, Limits(waits=()), lambda _: None, confirm), told


def test_an_approved_command_runs_once_as_its_arguments_without_secrets(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    monkeypatch.setenv("PLAIN_WORD", "plain")
    script = "import os, sys; print(sys.argv[1:], 'password=' + 'hunter2secret'); print(sorted(os.environ))"
    argv = ["python3", "-c", script, "a b; touch PWNED", "$(touch PWNED)"]
    shown: list[str] = []

    def yes(command: str) -> bool:
        shown.append(command)
        return True

    done, told = run(sheet, calls("run", argv=argv), fills(VERSION), confirm=yes)
    assert done.stopped == ""
    assert shown == [" ".join(json.dumps(one) for one in argv)]
    assert "Exit code 0" in told[0]
    assert "['a b; touch PWNED', '$(touch PWNED)']" in told[0]
    assert "hunter2secret" not in told[0]
    assert "PLAIN_WORD" in told[0]
    assert "ANTHROPIC_API_KEY" not in told[0]
    assert not (sheet.directory / "PWNED").exists()
    assert list(sheet.good) == ["version"]


@pytest.mark.parametrize("confirm", [None, lambda _: False])
def test_a_command_that_nobody_approves_does_not_run(sheet: Sheet, confirm: Callable[[str], bool] | None) -> None:
    done, told = run(sheet, calls("run", argv=["touch", "PWNED"]), fills(VERSION), confirm=confirm)
    assert done.stopped == ""
    assert "Go on without it" in told[0]
    assert not (sheet.directory / "PWNED").exists()


@pytest.mark.parametrize("argv", [[], ["x" * 5000], "touch PWNED", ["touch", 5], None])
def test_what_is_no_argument_list_is_never_shown_as_one(sheet: Sheet, argv: object) -> None:
    shown: list[str] = []

    def yes(command: str) -> bool:
        shown.append(command)
        return True

    run(sheet, calls("run", argv=argv), fills(VERSION), confirm=yes)
    assert shown == []
    assert not (sheet.directory / "PWNED").exists()


def test_what_is_shown_holds_nothing_that_a_terminal_would_obey() -> None:
    assert running.shown(["ls", "a\x1b[2Jb", "c\u202ed", 'e" "f']) == '"ls" "a\\u001b[2Jb" "c\\u202ed" "e\\" \\"f"'


def test_a_command_is_ended_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "WITHIN_S", 0.3)
    assert "It was ended after 0.3 s" in asyncio.run(running.run(["sleep", "30"], tmp_path))
    assert "could not be started" in asyncio.run(running.run(["no-such-program"], tmp_path))


def test_leaving_while_a_command_is_shown_keeps_what_is_filled_in(sheet: Sheet) -> None:
    def leaves(_: str) -> bool:
        raise KeyboardInterrupt

    wrong_too = fills(VERSION, {**PREVIOUS, "line": 1})
    done, _ = run(sheet, wrong_too, calls("run", argv=["touch", "PWNED"]), confirm=leaves)
    assert done.stopped == "it was interrupted"
    assert list(sheet.good) == ["version"]
    assert not (sheet.directory / "PWNED").exists()


def test_a_run_ends_after_its_time(sheet: Sheet) -> None:
    async def slow(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        await asyncio.Event().wait()
        raise AssertionError

    done = fill(FunctionModel(slow), sheet, Limits(seconds=0.2), lambda _: None)
    assert done.stopped.startswith("it took longer than")


def test_an_answer_of_another_shape_is_sent_back(sheet: Sheet) -> None:
    done, told = run(sheet, calls("fill_in", response="all of it"), calls("fill_in", nothing=1), fills(VERSION))
    assert done.stopped == ""
    assert len(told) == 2
    assert list(sheet.good) == ["version"]


def test_any_trouble_of_a_library_is_a_sentence(sheet: Sheet) -> None:
    def breaks(messages: list[ModelMessage]) -> ToolCallPart:
        raise RuntimeError(f"odd: password={SECRET}")

    done, _ = run(sheet, breaks)
    assert done.stopped == "RuntimeError: odd: password=(hidden)"


def test_a_tool_that_is_not_there_does_nothing(sheet: Sheet) -> None:
    done, _ = run(sheet, calls("write_file", path="x", text="y"), fills(VERSION))
    assert done.stopped == ""
    assert list(sheet.good) == ["version"]
    assert not (sheet.directory / "x").exists()


def test_what_the_parser_saw_in_files_of_secrets_is_not_told(tmp_path: Path) -> None:
    repo = shop(tmp_path / "shop")
    repo.write(".env.example", f"UNLEASH_URL=http://flags.example/{SECRET}\n")
    repo.write("package.json", '{"dependencies": {"unleash-client": "5.0.0"}}\n')
    seen = look(repo.path, hint="feature flag")
    assert any(SECRET in str(one.traces) for one in seen.proposals), "the parser does quote it"
    sheet = Sheet(parse(f"{BRIEF} With a feature flag."), seen, repo.path, Jail(repo.path))
    told = asked(sheet, Jail(repo.path))
    assert "unleash" in told
    assert SECRET not in told
