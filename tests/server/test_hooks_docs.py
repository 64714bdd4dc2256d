"""docs/hooks.md is what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from pilotage.server.hooks.alerts import report
from pilotage.settings import load
from pilotage.webhooks.signing import headers, key_of
from tests.server.receiver import SECRET

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "hooks.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_of_settings_are_settings(tmp_path: Path) -> None:
    webhooks, hooks = (one for one in blocks("yaml") if one.startswith(("webhooks:", "hooks:")))
    (tmp_path / "settings.yaml").write_text(webhooks + hooks)
    settings = load(tmp_path / "settings.yaml")
    assert [one.name for one in settings.webhooks] == ["ops", "warehouse"]
    assert {name: one.kind for name, one in settings.hooks.items()} == {
        "ci": "built",
        "alerts": "firing",
        "shop-tickets": "reports",
    }


def test_the_example_of_a_message_is_one() -> None:
    schema = json.loads((DOCS / "webhook.schema.json").read_text())
    message = json.loads(next(one for one in blocks("json") if '"type"' in one))
    Draft202012Validator(schema).validate(message)
    assert set(schema["$defs"]["About"]["required"]) == set(message["data"]["about"])


@pytest.fixture
def verified() -> Any:
    """The function on the page, as a reader would paste it."""
    there: dict[str, Any] = {}
    exec(blocks("python")[0], there)
    return there["verified"]


def test_the_receivers_function_takes_our_messages_and_no_others(verified: Any) -> None:
    body, at = '{"type": "ping", "text": "schön"}'.encode(), 1_800_014_400.0
    sent = headers(key_of(SECRET), "evt_1", at, body)
    assert verified(SECRET, sent, body, at)
    assert verified(SECRET, {**sent, "webhook-signature": f"v1,AAAA {sent['webhook-signature']}"}, body, at + 299)
    assert not verified(SECRET, sent, body + b" ", at)
    assert not verified(SECRET, sent, body, at + 301)
    assert not verified(SECRET, sent, body, at - 301)
    assert not verified(SECRET, {**sent, "webhook-id": "evt_2"}, body, at)
    assert not verified(SECRET, {**sent, "webhook-timestamp": str(int(at) + 1)}, body, at)
    assert not verified("whsec_" + "A" * 43 + "=", sent, body, at)
    assert not verified(SECRET, {}, body, at)


def test_the_ticket_systems_body_is_understood() -> None:
    body = json.loads(next(one for one in blocks("json") if '"count"' in one))
    told = report(body, "*", "*")
    assert told.text == "14 reports: cannot pay with a card (https://tickets.shop.example/7)"
    assert (told.service, told.environment, told.key) == ("shop", "production", "INC-7")


def test_alertmanagers_configuration_can_be_read() -> None:
    found = YAML(typ="safe").load(next(one for one in blocks("yaml") if "alertmanager.yml" in one))
    assert found["receivers"][0]["webhook_configs"][0]["url"].endswith("/v1/hooks/alerts")
