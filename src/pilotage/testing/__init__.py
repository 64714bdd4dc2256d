"""The contract every driver is held to. Inherit the class of your port, give it your driver, run pytest::

    class TestMyProxy(TrafficContract):
        @pytest.fixture
        async def driver(self, tmp_path):
            driver = MyProxy(MyProxy.Options(...), Context(tmp_path, tmp_path))
            yield driver
            await driver.close()

Needs pytest and pytest-asyncio with ``asyncio_mode = "auto"``. Use the real thing behind the driver, not a mock.

There is one contract for each Protocol of `pilotage.drivers`, called after it (`Traffic`: `TrafficContract`). Inherit
your port's, beside it those of what your driver offers besides, and what fits of `FaultsContract` (for one that calls a
service over HTTP), `UnreachableContract`, `RepeatsContract`, `ThreadContract` and `CredentialsContract`. Each says
which fixtures and attributes are yours to give; all need `driver`, a fresh one for each test, ready to be called.
"""

from __future__ import annotations

from pilotage.testing.checks import CheckContract
from pilotage.testing.deploy import DeployerContract, RehearsesContract
from pilotage.testing.every import UnreachableContract, call
from pilotage.testing.faults import ClockContract, FaultsContract
from pilotage.testing.logs import LogsContract
from pilotage.testing.metrics import AgesContract, DelaysContract, HistoryContract, MetricsContract, PacesContract
from pilotage.testing.notify import (
    CredentialsContract,
    NotifierContract,
    RepeatsContract,
    ResolvesContract,
    ThreadContract,
)
from pilotage.testing.pool import PoolContract
from pilotage.testing.tracker import TrackerContract
from pilotage.testing.traffic import MirrorsContract, RestartsContract, SteersContract, StepsContract, TrafficContract

__all__ = [
    "AgesContract",
    "CheckContract",
    "ClockContract",
    "CredentialsContract",
    "DelaysContract",
    "DeployerContract",
    "FaultsContract",
    "HistoryContract",
    "LogsContract",
    "MetricsContract",
    "MirrorsContract",
    "NotifierContract",
    "PacesContract",
    "PoolContract",
    "RehearsesContract",
    "RepeatsContract",
    "ResolvesContract",
    "RestartsContract",
    "SteersContract",
    "StepsContract",
    "ThreadContract",
    "TrackerContract",
    "TrafficContract",
    "UnreachableContract",
    "call",
]
