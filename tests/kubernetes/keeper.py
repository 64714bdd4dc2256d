"""One cluster for all workers of a test run, kept by a process of its own: `python -m tests.kubernetes.keeper FOLDER`.

Whoever uses the cluster holds a shared lock on FOLDER/users. The keeper ends when nobody does: the kernel lets go of
the lock of a process that ended in whatever way, so nothing is left behind, and nothing has to be counted.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tests.kubernetes import cluster

LOOK_S = 0.3
TRIES = 3
"""A free port may be taken by another between the look and the start."""


@contextmanager
def shared(folder: Path) -> Iterator[Path]:
    """The administrator's kubeconfig of the cluster in `folder`, which is started if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        with (folder / "starts").open("w") as starts:
            fcntl.flock(starts, fcntl.LOCK_EX)  # one looks and starts at a time
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is about to end
            ready = folder / "ready.json"
            if not ready.exists():
                _start(folder, ready)
            said = json.loads(ready.read_text())
        yield Path(said["kubeconfig"])


def _start(folder: Path, ready: Path) -> None:
    with (folder / "keeper.log").open("ab") as log:
        argv = [sys.executable, "-m", "tests.kubernetes.keeper", str(folder)]
        root = Path(__file__).parents[2]
        process = subprocess.Popen(
            argv, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    while not ready.exists():
        if process.poll() is not None:
            raise cluster.DidNotStart((folder / "keeper.log").read_text()[-3000:])
        time.sleep(0.05)


def keep(folder: Path) -> None:
    cluster.ends_on_signals()
    with (folder / "users").open("w") as users:  # held until this process has ended
        for number in range(TRIES):
            home = folder / f"{os.getpid()}-{number}"
            try:
                with cluster.running(home) as kubeconfig:
                    _say(folder / "ready.json", {"kubeconfig": str(kubeconfig), "pid": os.getpid()})
                    _until_unused(users)
                    return
            except cluster.DidNotStart as failed:
                if "address already in use" not in str(failed) or number + 1 == TRIES:
                    raise
            finally:
                (folder / "ready.json").unlink(missing_ok=True)
                shutil.rmtree(home / "etcd", ignore_errors=True)  # 100 MB; the logs stay to be read


def _until_unused(users: TextIO) -> None:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOOK_S)


def _say(file: Path, said: dict[str, object]) -> None:
    whole = file.with_suffix(".new")
    whole.write_text(json.dumps(said))
    whole.replace(file)


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]))
    except cluster.DidNotStart as failed:
        sys.exit(str(failed))
