"""One cluster for all workers of a run: the first starts it, the last ends it, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.kubernetes import build, cluster, fixtures, keeper

ROOT = Path(__file__).parents[2]
USER = """
import sys
from pathlib import Path
from tests.kubernetes.keeper import shared
with shared(Path(sys.argv[1])) as kubeconfig:
    print(kubeconfig, flush=True)
    sys.stdin.read()
"""
PROGRAM = """#!{python}
import pathlib, signal, sys, time
part = sys.argv[1]
folder = pathlib.Path(__file__).parent
print("this is", part, flush=True)
if (folder / f"{{part}} is broken").exists(): sys.exit((folder / f"{{part}} is broken").read_text())
signal.pause()
"""


@pytest.fixture
def users(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that ask for the cluster at the same time, as two workers of a run do."""
    if not (build.BUILT / "control-plane").exists():
        pytest.fail("run `make kubernetes`") if os.environ.get("CI") else pytest.skip("run `make kubernetes`")
    argv = [sys.executable, "-c", USER, str(tmp_path)]
    started = [
        subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    yield started
    for one in started:
        one.kill()
        with one:  # waits for it, and closes its pipes
            pass


def test_two_share_one_cluster_and_it_ends_when_both_are_gone_in_whatever_way(
    users: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    first, second = (one.stdout.readline().strip() for one in users if one.stdout)
    assert first == second != ""
    kept = psutil.Process(json.loads((tmp_path / "ready.json").read_text())["pid"])
    parts = kept.children()
    assert sorted(one.cmdline()[1] for one in parts) == ["apiserver", "controller-manager", "etcd"]
    assert users[0].stdin is not None
    users[0].stdin.close()
    assert users[0].wait(10) == 0
    with pytest.raises(psutil.TimeoutExpired):  # the other still uses it
        kept.wait(4 * keeper.LOOK_S)
    users[1].send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs([kept, *parts], timeout=20)
    assert (len(gone), alive) == (4, [])
    assert not (tmp_path / "ready.json").exists()
    assert not list(tmp_path.glob("*/etcd"))
    assert list(tmp_path.glob("*/apiserver.log"))


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program in place of the control plane; what is in `PART is broken` ends that part."""
    folder = tmp_path / "built"
    folder.mkdir()
    program = folder / "control-plane"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr(build, "BUILT", folder)
    return folder


def test_a_part_that_does_not_start_is_named_with_what_it_said(pretended: Path, tmp_path: Path) -> None:
    (pretended / "etcd is broken").write_text("no room left on the disk")
    before = {one.pid for one in psutil.Process().children()}
    with (
        pytest.raises(cluster.DidNotStart, match=r"(?s)etcd ended with 1:.*no room left on the disk"),
        cluster.running(tmp_path / "cluster"),
    ):
        pass
    begun = {one.pid for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE}
    assert begun <= before


def test_one_that_is_never_ready_is_told_with_the_place_of_its_logs(
    pretended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "START_S", 0.5)
    with pytest.raises(cluster.DidNotStart, match=r"not ready within 0 s.*apiserver\.log"):
        cluster.running(tmp_path / "cluster").__enter__()


def test_what_was_not_built_is_an_error_on_ci_and_a_skip_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "BUILT", tmp_path)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="run `make kubernetes`"):
        fixtures.need_programs()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="run `make kubernetes`"):
        fixtures.need_programs()
