"""The real controller of Argo Rollouts, for one namespace of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.kubernetes import build
from tests.kubernetes.access import Access
from tests.servers import answers, background, free_port, wait_until


@contextmanager
def running(cluster: Access, namespace: str, folder: Path) -> Iterator[Path]:
    """Gives the path of its log. It acts as the administrator."""
    said = yaml.safe_load(cluster.kubeconfig.read_text())
    health, metrics, log = free_port(), free_port(), folder / "argo-rollouts.log"
    said["contexts"][0]["context"]["namespace"] = namespace
    config = folder / "argo-rollouts.kubeconfig"
    config.touch(mode=0o600)
    config.write_text(yaml.safe_dump(said))
    options = [f"--kubeconfig={config}", f"--namespace={namespace}", "--namespaced", "--leader-elect=false"]
    options += [f"--healthzPort={health}", f"--metricsPort={metrics}"]
    with background([str(build.BUILT / "argo-rollouts"), *options], log):
        wait_until(lambda: answers(f"http://127.0.0.1:{health}/healthz"), f"the start of Argo's controller ({log})")
        yield log
