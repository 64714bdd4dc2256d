"""Every port has a contract, and each of our drivers is held to it, and to those of what it offers besides."""

from __future__ import annotations

import importlib
import inspect
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import pilotage.drivers
from pilotage import testing
from pilotage.drivers import PORTS
from pilotage.drivers.about import PROTOCOLS, protocols

ROOT = Path(__file__).parents[2]
ONLY_LOOKS = ("deploy", "test")
"""A smoke test stands among the deployers and deploys nothing: nothing could be counted as deployed once."""
CONTRACTS = {name: one for name, one in vars(testing).items() if name.endswith("Contract")}


def our_drivers() -> list[tuple[str, str, str]]:
    """Port, name, and where the class is, of all that do what their port is for."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    return [
        (group.removeprefix("pilotage."), name, place)
        for group, drivers in points.items()
        for name, place in drivers.items()
        if (group.removeprefix("pilotage."), name) != ONLY_LOOKS
    ]


@cache
def contract_tests() -> list[type[Any]]:
    found = []
    for file in sorted((ROOT / "tests" / "drivers").glob("test_*.py")):
        module = importlib.import_module(f"tests.drivers.{file.stem}")
        found += [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    return [one for one in found if issubclass(one, tuple(CONTRACTS.values()))]


source = cache(inspect.getsource)


def held_by(kind: type[Any], classes: list[type[Any]]) -> list[type[Any]]:
    """The classes that name the driver, or are named after it: TestEnvoy for EnvoyTraffic."""
    return [one for one in classes if kind.__name__.startswith(one.__name__[4:]) or kind.__name__ in source(one)]


def contract_of(protocol: type[Any]) -> type[Any]:
    return CONTRACTS[f"{protocol.__name__}Contract"]


def unheld(port: str, kind: type[Any], classes: list[type[Any]]) -> list[str]:
    """The contracts that no test class of this driver inherits. One of another port's driver does not count."""
    own = [one for one in held_by(kind, classes) if issubclass(one, contract_of(PROTOCOLS[port]))]
    wanted = [contract_of(one) for one in protocols(port, kind)]
    return [one.__name__ for one in wanted if not any(issubclass(inherits, one) for inherits in own)]


@pytest.mark.parametrize(("port", "name", "place"), our_drivers())
def test_each_driver_is_held_to_the_contracts_of_what_it_does(port: str, name: str, place: str) -> None:
    module, _, kind = place.partition(":")
    assert unheld(port, getattr(importlib.import_module(module), kind), contract_tests()) == []


def test_every_protocol_has_its_contract() -> None:
    there = [one for one in vars(pilotage.drivers).values() if getattr(one, "_is_protocol", False)]
    ours = [one for one in there if one.__module__ == "pilotage.drivers" and one.__name__ != "Driver"]
    assert len(ours) >= 14
    assert [one.__name__ for one in ours if f"{one.__name__}Contract" not in CONTRACTS] == []
    assert set(PROTOCOLS) == set(PORTS)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_fixture_that_is_asked_for_is_explained(contract: type[Any]) -> None:
    tests = [one for name, one in inspect.getmembers(contract, inspect.isfunction) if name.startswith("test_")]
    given = {
        name
        for test in tests
        for name in inspect.signature(test).parameters
        if name not in ("self", "weight", "status")
    }
    words = contract.__doc__ or ""
    assert [name for name in given if f"`{name}`" not in words] == []


def test_a_driver_without_its_contract_would_be_seen() -> None:
    classes = contract_tests()
    drivers = {
        name: getattr(importlib.import_module(place.partition(":")[0]), place.partition(":")[2])
        for _, name, place in our_drivers()
        if name in ("envoy", "prometheus")
    }
    without = [one for one in classes if "Envoy" not in one.__name__ and "Prometheus" not in one.__name__]
    assert unheld("traffic", drivers["envoy"], without) == [
        contract_of(one).__name__ for one in protocols("traffic", drivers["envoy"])
    ]
    assert unheld("metrics", drivers["prometheus"], without) == [
        contract_of(one).__name__ for one in protocols("metrics", drivers["prometheus"])
    ]
