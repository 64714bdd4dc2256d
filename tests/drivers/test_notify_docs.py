"""The channels that docs/drivers.md shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pilotage.drivers import Context, registry

TEXT = (Path(__file__).parents[2] / "docs" / "drivers.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S+) \(notify\)\n(.*?)(?=^## )", TEXT, re.M | re.S))
SHOWN = [
    channel
    for block in re.findall(r"```yaml\n(notify:\n.*?)```", TEXT, re.S)
    for channel in YAML(typ="safe").load(block)["notify"]
]


@pytest.mark.parametrize("channel", SHOWN, ids=lambda channel: channel["driver"])
def test_a_channel_that_is_shown_can_be_built(channel, tmp_path):
    kind = registry.find("notify", channel["driver"])
    options = {name: value for name, value in channel.items() if name != "driver"}
    assert kind(kind.Options.model_validate(options), Context(tmp_path, tmp_path))


def test_every_notifier_but_the_console_is_shown():
    assert {one["driver"] for one in SHOWN} == set(registry.names("notify")) - {"console"}


@pytest.mark.parametrize("name", sorted({one["driver"] for one in SHOWN}))
def test_every_option_has_its_row_and_none_is_made_up(name):
    rows = re.findall(r"^\| (`.*?) \|", SECTIONS[name], re.M)
    documented = {option for row in rows for option in re.findall(r"`(\w+)`", row)}
    assert documented == set(registry.find("notify", name).Options.model_fields)
