"""What every driver is held to, and a call to try it with."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PilotageError
from pilotage.drivers import Call


def call(key: str, timeout_s: float = 10.0) -> Call:
    return Call(key=key, version="v2", previous="v1", timeout_s=timeout_s)


class EveryDriver:
    """What every port asks for. Your fixture: `driver`."""

    async def test_options_refuse_unknown_names(self, driver: Any) -> None:
        with pytest.raises(ValidationError, match="no_such_option"):
            type(driver).Options.model_validate({"no_such_option": 1})

    async def test_probe_answers_one_line(self, driver: Any) -> None:
        answer = await driver.probe()
        assert answer
        assert "\n" not in answer

    async def test_closing_twice_is_fine(self, driver: Any) -> None:
        await driver.close()
        await driver.close()


class UnreachableContract:
    """For a driver that talks to something. Your fixture: `unreachable`, one whose counterpart does not answer."""

    async def test_one_that_does_not_answer_is_named_at_probe(self, unreachable: Any) -> None:
        with pytest.raises(PilotageError, match=r"\S"):
            await unreachable.probe()
