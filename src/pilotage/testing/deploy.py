"""Deployers, and those that can rehearse."""

from __future__ import annotations

from typing import Any

from pilotage.drivers import Deployer, Rehearses
from pilotage.testing.every import EveryDriver, call


class DeployerContract(EveryDriver):
    """Your fixtures: `driver`, which can deploy v2, and `deployed`, which lists the versions really deployed, in order,
    as a callable."""

    async def test_a_deploy_says_what_it_did(self, driver: Deployer, deployed: Any) -> None:
        assert await driver.deploy("v2", call("a"))
        assert deployed() == ["v2"]

    async def test_the_same_call_twice_deploys_once(self, driver: Deployer, deployed: Any) -> None:
        await driver.deploy("v2", call("a"))
        await driver.deploy("v2", call("a"))
        assert deployed() == ["v2"]

    async def test_probe_deploys_nothing(self, driver: Deployer, deployed: Any) -> None:
        await driver.probe()
        assert deployed() == []


class RehearsesContract:
    """For a deployer that tries first; `driver` and `deployed` as in `DeployerContract`."""

    async def test_a_rehearsal_says_what_it_found_and_deploys_nothing(self, driver: Any, deployed: Any) -> None:
        offers = isinstance(driver, Rehearses)
        assert offers
        said = await driver.rehearse("v2", call("a"))
        assert said.strip()
        assert "\n" not in said
        assert deployed() == []

    async def test_and_is_not_taken_for_the_deploy(self, driver: Any, deployed: Any) -> None:
        await driver.rehearse("v2", call("a"))
        await driver.deploy("v2", call("a"))
        assert deployed() == ["v2"]
