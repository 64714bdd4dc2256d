"""Deploying over SSH: a real server, whose commands run in a home of their own."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import asyncssh
import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, Rehearses
from pilotage.drivers.deploy.ssh import SshDeployer
from pilotage.drivers.process import OVERTAKEN
from pilotage.testing import DeployerContract, RehearsesContract, UnreachableContract, call
from tests import servers
from tests.drivers import sshd

NOTE = ["sh", "-c", 'echo "$1" >> deployed', "sh", "{version}"]
WAIT = [
    "sh",
    "-c",
    'echo "$1" >> began; until [ -e go ]; do sleep 0.05; done; echo "$1" >> deployed',
    "sh",
    "{version}",
]


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


@pytest.fixture
def home(server):
    return server.home


def lines(home: Path, name: str = "deployed") -> list[str]:
    return (home / name).read_text().splitlines() if (home / name).exists() else []


async def happens(ready, what: str) -> None:
    await asyncio.to_thread(servers.wait_until, ready, what)


class TestSsh(DeployerContract, RehearsesContract, UnreachableContract):
    @pytest.fixture
    def driver(self, deployer):
        return deployer()

    @pytest.fixture
    def deployed(self, home):
        return lambda: lines(home)

    @pytest.fixture
    def unreachable(self, deployer):
        return deployer(port=servers.free_port())

    async def test_the_line_names_command_server_and_version(self, driver):
        assert await driver.deploy("v2", call("a")) == "sh on 127.0.0.1 deployed v2"

    async def test_the_key_is_in_the_environment_and_the_script_is_not(self, deployer, home):
        await deployer("sh", "-c", 'echo "$PILOTAGE_KEY ${PILOTAGE_ONCE:-}" > env').deploy("v2", call("r-1/4"))
        assert lines(home, "env") == ["r-1/4 "]

    @pytest.mark.parametrize(
        "version", ["; touch x", "$(touch x)", "`touch x`", "'; touch x; '", "a\nb", "-n", "", "ü {key}", "\\", "!x"]
    )
    async def test_shell_text_stays_data(self, deployer, home, version):
        await deployer("sh", "-c", 'printf "%s|" "$@" > said', "sh", "{version}", "a b", "{key}").deploy(
            version, call("k'; touch x; '")
        )
        assert (home / "said").read_text() == f"{version}|a b|k'; touch x; '|"
        assert not (home / "x").exists()

    async def test_a_nul_character_is_refused(self, driver):
        with pytest.raises(PermanentError, match="NUL"):
            await driver.deploy("v\0", call("a"))

    async def test_it_runs_in_the_home_folder_without_input(self, deployer, home):
        await deployer("sh", "-c", "pwd > where; cat > input").deploy("v2", call("a"))
        assert (lines(home, "where"), lines(home, "input")) == ([str(home)], [])


class TestOnce:
    async def test_a_lost_connection_is_told_and_the_call_repeated_waits_for_what_runs(self, deployer, server, home):
        driver = deployer(*WAIT)
        first = asyncio.create_task(driver.deploy("v2", call("a")))
        await happens(lambda: lines(home, "began"), "the command's begin")
        server.cut()
        with pytest.raises(TemporaryError, match=r"the connection to 127\.0\.0\.1 was lost"):
            await first
        second = asyncio.create_task(driver.deploy("v2", call("a")))
        await happens(lambda: len(server.connections) == 2, "the second connection")
        (home / "go").touch()
        assert await second == "sh on 127.0.0.1 deployed v2"
        assert (lines(home, "began"), lines(home)) == (["v2"], ["v2"])

    async def test_so_does_another_pilotage(self, deployer, home):
        first = asyncio.create_task(deployer(*WAIT).deploy("v2", call("a")))
        await happens(lambda: lines(home, "began"), "the command's begin")
        first.cancel()  # as in a process that ends: the command is not told
        with pytest.raises(asyncio.CancelledError):
            await first
        (home / "go").touch()
        await deployer(*WAIT).deploy("v2", call("a"))
        assert (lines(home, "began"), lines(home)) == (["v2"], ["v2"])

    async def test_calls_at_the_same_time_run_once(self, deployer, home):
        drivers = [deployer(), deployer()]
        answers = await asyncio.gather(*(driver.deploy("v2", call("a")) for driver in drivers * 3))
        assert (len(set(answers)), lines(home)) == (1, ["v2"])

    async def test_another_key_runs_again(self, deployer, home):
        driver = deployer()
        await driver.deploy("v2", call("a"))
        await driver.deploy("v2", call("b"))
        assert lines(home) == ["v2", "v2"]

    async def test_a_failed_one_is_run_again_when_repeated(self, deployer, home):
        driver = deployer("sh", "-c", "echo x >> tries; [ -e good ]")
        with pytest.raises(TemporaryError):
            await driver.deploy("v2", call("a"))
        (home / "good").touch()
        await driver.deploy("v2", call("a"))
        assert lines(home, "tries") == ["x", "x"]

    async def test_one_whose_supervisor_was_killed_is_waited_for_and_then_run_again(self, deployer, home):
        driver = deployer(*WAIT)
        first = asyncio.create_task(driver.deploy("v2", call("a")))
        await happens(lambda: lines(home, "began"), "the command's begin")
        (owner,) = home.glob(".pilotage/calls/*/*/1.owner")
        os.kill(int(owner.read_text().split()[0]), signal.SIGKILL)
        (home / "go").touch()
        with pytest.raises(TemporaryError, match="killed before its result could be noted"):
            await first
        assert lines(home) == ["v2"]
        await driver.deploy("v2", call("a"))
        assert lines(home) == ["v2", "v2"]

    async def test_an_overtaken_one_is_ended_before_the_cancellation_goes_on(self, deployer, home):
        driver = deployer(*WAIT)
        first = asyncio.create_task(driver.deploy("v2", call("a")))
        await happens(lambda: lines(home, "began"), "the command's begin")
        first.cancel(OVERTAKEN)
        with pytest.raises(asyncio.CancelledError):
            await first
        (group,) = home.glob(".pilotage/calls/*/*/1.group")
        assert not running(int(group.read_text().split()[0]))
        (home / "go").touch()
        with pytest.raises(PermanentError, match="because a later deploy began"):
            await driver.deploy("v2", call("a"))
        assert lines(home) == []

    async def test_a_later_deploy_ends_what_a_dead_pilotage_left_running(self, deployer, home):
        first = asyncio.create_task(deployer(*WAIT).deploy("v2", call("a")))
        await happens(lambda: lines(home, "began"), "the command's begin")
        second = asyncio.create_task(deployer(*WAIT).deploy("v1", call("b")))
        with pytest.raises(PermanentError, match="because a later deploy began"):
            await first
        (home / "go").touch()
        await second
        assert lines(home) == ["v1"]

    async def test_an_overtaken_call_that_is_repeated_leaves_the_later_one_alone(self, deployer, home):
        first = asyncio.create_task(deployer(*WAIT).deploy("v2", call("a")))
        await happens(lambda: lines(home, "began") == ["v2"], "the first command's begin")
        later = asyncio.create_task(deployer(*WAIT).deploy("v1", call("b")))
        with pytest.raises(PermanentError, match="because a later deploy began"):
            await first
        await happens(lambda: lines(home, "began") == ["v2", "v1"], "the later command's begin")
        with pytest.raises(PermanentError, match="because a later deploy began"):
            await deployer(*WAIT).deploy("v2", call("a"))
        (home / "go").touch()
        await later
        assert lines(home) == ["v1"]

    async def test_so_does_one_that_has_succeeded(self, deployer, home):
        (home / "go").touch()
        await deployer(*WAIT).deploy("v2", call("a"))
        (home / "go").unlink()
        later = asyncio.create_task(deployer(*WAIT).deploy("v1", call("b")))
        await happens(lambda: lines(home, "began") == ["v2", "v1"], "the later command's begin")
        await deployer(*WAIT).deploy("v2", call("a"))
        (home / "go").touch()
        await later
        assert lines(home) == ["v2", "v1"]

    async def test_old_journals_are_removed(self, deployer, home):
        driver = deployer()
        await driver.deploy("v1", call("a"))
        (old,) = home.glob(".pilotage/calls/*/*")
        os.utime(old, (time.time() - 3 * 86400,) * 2)
        await driver.deploy("v2", call("b"))
        assert len(list(home.glob(".pilotage/calls/*/*"))) == 1
        assert not old.exists()

    async def test_nobody_else_on_the_server_can_read_the_journal(self, deployer, home):
        await deployer().deploy("v1", call("a"))
        assert (home / ".pilotage").stat().st_mode & 0o077 == 0


def running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(") ")[1][0] != "Z"


class TestWhatGoesWrong:
    async def test_an_exit_code_is_told_with_the_last_lines_and_without_secrets(self, deployer):
        driver = deployer("sh", "-c", "echo 'no image v2' >&2; echo 'password=hunter22' >&2; exit 3")
        with pytest.raises(TemporaryError, match=r"sh on 127\.0\.0\.1 ended with exit code 3\.") as told:
            await driver.deploy("v2", call("a"))
        assert "no image v2" in str(told.value)
        assert "hunter22" not in str(told.value)

    async def test_one_that_takes_too_long_is_ended_with_all_it_started(self, deployer, home):
        driver = deployer("sh", "-c", "sleep 60 & echo $! > child; wait", timeout_s=1)
        with pytest.raises(TemporaryError, match="did not end within 1 s"):
            await driver.deploy("v2", call("a"))
        child = int(lines(home, "child")[0])
        await happens(lambda: not running(child), "the child's end")

    async def test_a_missing_command_is_named_at_probe_and_deploy(self, deployer):
        driver = deployer("no-such-command", "{version}")
        for asked in (driver.probe(), driver.deploy("v2", call("a")), driver.rehearse("v1", call("b"))):
            with pytest.raises(PermanentError, match=r"cannot run no-such-command on 127\.0\.0\.1: there is no such"):
                await asked

    async def test_a_home_that_cannot_be_written_is_told_at_probe(self, deployer, home, monkeypatch):
        home.chmod(0o500)
        try:
            if os.access(home, os.W_OK):
                pytest.skip("the tests run as root, whom nothing is forbidden")
            with pytest.raises(PermanentError, match="home folder cannot be written"):
                await deployer().probe()
        finally:
            home.chmod(0o700)

    async def test_an_unknown_host_is_refused_with_its_fingerprint_and_the_remedy(self, deployer, server, tmp_path):
        driver = deployer(known_hosts="empty")
        with pytest.raises(PermanentError, match="is not a known host") as told:
            await driver.probe()
        assert server.host_key.get_fingerprint() in str(told.value)
        assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {tmp_path / 'empty'}" in str(told.value)
        assert not (tmp_path / "empty").exists()

    async def test_a_changed_key_is_told_sharply_with_both(self, deployer, server, tmp_path):
        other = asyncssh.generate_private_key("ssh-ed25519")
        server.known(tmp_path / "changed", other)
        with pytest.raises(PermanentError, match="has CHANGED") as told:
            await deployer(known_hosts="changed").probe()
        assert all(one.get_fingerprint() in str(told.value) for one in (server.host_key, other))

    async def test_a_host_without_the_known_kind_of_key_is_refused(self, deployer, server, tmp_path):
        server.known(tmp_path / "kind", asyncssh.generate_private_key("ecdsa-sha2-nistp256"))
        with pytest.raises(PermanentError, match="it offers none of these"):
            await deployer(known_hosts="kind").probe()

    async def test_a_revoked_key_is_refused(self, deployer, server, tmp_path):
        server.known(tmp_path / "revoked")
        line = (tmp_path / "revoked").read_text()
        (tmp_path / "revoked").write_text(f"{line}@revoked {line}")
        with pytest.raises(PermanentError, match="is revoked"):
            await deployer(known_hosts="revoked").probe()

    async def test_refused_credentials_name_user_and_key(self, deployer, tmp_path):
        with pytest.raises(PermanentError, match=r"refuses the key \S+id for user root: .*authorized_keys"):
            await deployer(user="root").probe()

    async def test_a_refused_connection_is_temporary(self, deployer):
        with pytest.raises(TemporaryError, match="refuses connections at port"):
            await deployer(port=servers.free_port()).probe()

    async def test_a_name_without_an_address_is_not_tried_again(self, deployer):
        with pytest.raises((PermanentError, TemporaryError), match=r"no address for the name no-such-host\.invalid"):
            await deployer(host="no-such-host.invalid").probe()

    async def test_a_server_that_never_speaks_is_given_up(self, deployer):
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,
            pytest.raises(TemporaryError, match=r"did not answer within 0\.2 s"),
        ):
            await deployer(port=silent.getsockname()[1], connect_timeout_s=0.2).probe()

    async def test_what_is_no_ssh_server_is_said(self, deployer):
        with (
            servers.http_server() as page,
            pytest.raises((PermanentError, TemporaryError), match=r"not an SSH server|closed the connection"),
        ):
            await deployer(port=int(page.url.rsplit(":", 1)[1])).probe()

    async def test_a_key_that_is_not_there_and_one_that_is_none_are_told(self, deployer, tmp_path):
        with pytest.raises(PermanentError, match=r"the key .*gone cannot be read: No such file"):
            await deployer(key="gone").probe()
        (tmp_path / "text").write_text("not a key")
        with pytest.raises(PermanentError, match="cannot be used"):
            await deployer(key="text").probe()

    async def test_without_asyncssh_the_error_says_what_to_install(self, deployer, monkeypatch):
        monkeypatch.setitem(sys.modules, "asyncssh", None)
        with pytest.raises(PermanentError, match=r"pip install 'pilotage\[ssh\]'"):
            await deployer().probe()


class TestConnection:
    async def test_asyncssh_is_imported_where_it_blocks_nobody(self, deployer, monkeypatch):
        imported, import_module = {}, importlib.import_module

        def noted(name):
            imported[name] = threading.current_thread()
            return import_module(name)

        monkeypatch.setattr(importlib, "import_module", noted)
        await deployer().probe()
        assert imported["asyncssh"] is not threading.main_thread()

    async def test_one_connection_is_kept_and_a_dead_one_renewed(self, deployer, server, home):
        driver = deployer()
        await driver.probe()
        await driver.deploy("v1", call("a"))
        assert len(server.connections) == 1
        server.cut()
        await driver.deploy("v2", call("b"))
        assert (len(server.connections), lines(home)) == (2, ["v1", "v2"])

    async def test_a_passphrase_opens_the_key_and_is_never_shown(self, deployer, server, tmp_path, monkeypatch):
        driver = deployer(passphrase={"env": "PHRASE"})
        server.user_key.write_private_key(tmp_path / "id", "pkcs8-pem", passphrase="s3cr3t-phrase")
        monkeypatch.setenv("PHRASE", "s3cr3t-phrase")
        assert await driver.probe() == "sh can be run on 127.0.0.1"
        monkeypatch.setenv("PHRASE", "another-s3cr3t")
        with pytest.raises(PermanentError, match="cannot be used: Unable to decrypt") as told:
            await deployer_like(driver, tmp_path).probe()
        assert "another-s3cr3t" not in str(told.value)

    async def test_a_jump_host_is_gone_through(self, deployer, server, tmp_path):
        async with sshd.serving(tmp_path / "bastion") as bastion:
            bastion.user_key = server.user_key
            driver = deployer(jump=f"deploy@127.0.0.1:{bastion.port}")
            with pytest.raises(PermanentError, match="is not a known host"):
                await driver.probe()
            bastion.known(tmp_path / "known_hosts")
            assert await driver.deploy("v2", call("a"))
            assert bastion.forwarded == [server.port]
            await driver.close()

    async def test_a_jump_host_that_does_not_reach_the_server_is_told(self, deployer, server, tmp_path):
        driver = deployer(jump=f"deploy@127.0.0.1:{server.port}", port=servers.free_port())
        with pytest.raises(TemporaryError, match="does not reach"):
            await driver.probe()


def deployer_like(driver: SshDeployer, folder: Path) -> SshDeployer:
    return SshDeployer(driver._options, Context(folder, folder / "state"))


class TestRehearsal:
    async def test_a_rehearsal_looks_the_version_up(self, deployer, home):
        (home / "v1").touch()
        driver = deployer(check=["test", "-e", "{version}"])
        assert isinstance(driver, Rehearses)
        assert await driver.rehearse("v1", call("a")) == "test on 127.0.0.1 knows v1"
        with pytest.raises(TemporaryError, match="ended with exit code 1"):
            await driver.rehearse("v0", call("a"))
        assert lines(home) == []

    async def test_a_check_of_a_version_is_only_looked_for_by_the_probe(self, deployer):
        assert await deployer(check=["test", "-e", "{version}"]).probe() == "sh and test can be run on 127.0.0.1"

    async def test_a_check_of_no_version_answers_both(self, deployer, home):
        driver = deployer(check=["test", "-e", "."])
        assert await driver.probe() == await driver.rehearse("v1", call("a")) == "test on 127.0.0.1 ended well"
        with pytest.raises(TemporaryError):
            await deployer(check=["test", "-e", "gone"]).probe()

    async def test_without_a_check_nothing_can_be_looked_up(self, deployer):
        assert "nothing can be looked up" in await deployer().rehearse("v1", call("a"))


@pytest.mark.parametrize(
    "options",
    [{"host": "-oProxyCommand=x"}, {"host": "a b"}, {"port": 0}, {"user": "a@b"}, {"jump": "a b"}, {"jump": "a:99999"},
     {"command": []}, {"command": ["x", "{wieght}"]}, {"check": ["x", "{previous}"]}, {"passphrase": "plain"}],
)  # fmt: skip
def test_wrong_options_are_refused(options):
    with pytest.raises(ValidationError):
        SshDeployer.Options.model_validate({"host": "web1", "command": ["true"]} | options)
