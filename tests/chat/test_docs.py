"""The manifest and the settings in docs/chat.md are those that work."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

from ruamel.yaml import YAML

from pilotage.settings import load
from tests.chat.contract import Workspace

PAGE = (Path(__file__).parents[2] / "docs" / "chat.md").read_text(encoding="utf-8")


def blocks() -> list[str]:
    return [dedent(one) for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]


def test_the_manifest_asks_for_what_the_app_uses_and_no_more() -> None:
    manifest = YAML(typ="safe").load(blocks()[0])
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == Workspace().scopes
    assert list(manifest["oauth_config"]["scopes"]) == ["bot"]
    assert manifest["settings"]["interactivity"]["request_url"].endswith("/slack/actions")
    assert [one["url"].rsplit("/", 2)[1:] for one in manifest["features"]["slash_commands"]] == [["slack", "commands"]]
    assert "event_subscriptions" not in manifest["settings"]


def test_the_settings_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(blocks()[1])
    slack = load(file).slack
    assert slack is not None
    assert list(slack.users.values()) == ["ann@shop.example", "bob@shop.example"]


def test_every_setting_is_on_the_page() -> None:
    from pilotage.settings.chat import Slack

    table = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert set(Slack.model_fields) <= set(table)
