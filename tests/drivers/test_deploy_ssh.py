from __future__ import annotations

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.deploy.ssh import SshDeployer
from pilotage.testing import DeployerContract, UnreachableContract, call
from tests import servers
from tests.drivers import sshd

NOTE = ["sh", "-c", 'echo "$1" >> deployed', "sh", "{version}"]


@pytest.fixture
async def server(tmp_path):
    async with sshd.serving(tmp_path / "home") as running:
        yield running


@pytest.fixture
async def deployer(server, tmp_path):
    made = []

    def make(*command, **options):
        given = server.login(tmp_path) | {"command": list(command) or NOTE} | options
        made.append(SshDeployer(SshDeployer.Options.model_validate(given), Context(tmp_path, tmp_path / "state")))
        return made[-1]

    yield make
    for one in made:
        await one.close()


class TestSsh(DeployerContract, UnreachableContract):
    @pytest.fixture
    def driver(self, deployer):
        return deployer()

    @pytest.fixture
    def deployed(self, server):
        return lambda: [line for one in server.home.glob("deployed") for line in one.read_text().splitlines()]

    @pytest.fixture
    def unreachable(self, deployer):
        return deployer(port=servers.free_port())
