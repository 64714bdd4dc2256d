"""Fixtures for tests on a real Kubernetes control plane; every test may ask for them.

    async def test_it(cluster, namespace, kubelet):
        cluster.apply(deployment("payment", image="payment:2.1"), namespace)

`cluster`: shared by all workers of the run, started by the first that asks. `namespace`: one for each test.
`kubelet`: without it pods stay Pending. `restricted`: accounts with the given rights alone. `argo`: the controller of
Argo Rollouts for the test's namespace.

PILOTAGE_TEST_KUBECONFIG names the kubeconfig of a cluster to use instead; the definitions of the Gateway API, Istio and
Argo Rollouts are installed there if they are missing. One that `python -m tests.kubernetes.cluster FOLDER` runs serves
every test; on any other those that need the fake kubelet are skipped.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubernetes import build

if TYPE_CHECKING:
    from tests.kubernetes.access import Access
    from tests.kubernetes.kubelet import Kubelet

# lightkube takes half a second to import: only those pay it who use a cluster.


def need_programs() -> None:
    """On CI a test that needs them fails without them."""
    missing = [one for one in (*build.PROGRAMS, "crds") if not (build.BUILT / one).exists()]
    if missing:
        said = f"no {' and no '.join(missing)} in {build.BUILT}: run `make kubernetes`"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """The administrator's access: `.kubeconfig` (a path), `.apply`, `.get`, `.delete`, `.until`; see access.py."""
    from tests.kubernetes import cluster as control_plane
    from tests.kubernetes import keeper
    from tests.kubernetes.access import Access

    given = os.environ.get("PILOTAGE_TEST_KUBECONFIG")
    if given:
        access = Access(Path(given).resolve())
        control_plane.install_crds(access.api)
        yield access
        access.close()
        return
    need_programs()
    own = tmp_path_factory.getbasetemp()
    run = own.parent if hasattr(request.config, "workerinput") else own
    with keeper.shared(run / "kubernetes") as kubeconfig:
        access = Access(kubeconfig)
        yield access
        access.close()


@pytest.fixture
def namespace(cluster: Access) -> Iterator[str]:
    """The name of a new namespace, removed after the test without waiting for the end of it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda account: True)
    yield name
    cluster.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def kubelet(cluster: Access, namespace: str) -> Iterator[Kubelet]:
    """Makes the namespace's pods run, as their image's tag or the test says; see kubelet.py."""
    from tests.kubernetes.kubelet import Kubelet

    if not cluster.kubeconfig.with_name("kubelet.pem").exists():
        pytest.skip("this cluster has kubelets of its own: the fake one is for one of tests.kubernetes.cluster")
    running = Kubelet(cluster.kubeconfig, namespace).start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def restricted(cluster: Access, namespace: str, tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a service account and gives the path of its kubeconfig (with a token).

    `restricted(rule, ...)`: each rule is one of a Role in the test's namespace, such as
    `{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}`. `cluster_wide=[rule, ...]` are
    rules of a ClusterRole.
    """

    def make(*rules: dict[str, list[str]], cluster_wide: list[dict[str, list[str]]] | None = None) -> Path:
        return cluster.account(namespace, list(rules), cluster_wide or [], tmp_path)

    return make


@pytest.fixture
def argo(cluster: Access, namespace: str, tmp_path: Path) -> Iterator[Any]:
    """The real controller of Argo Rollouts, for the test's namespace alone; gives the path of its log."""
    from tests.kubernetes import rollouts_controller

    with rollouts_controller.running(cluster, namespace, tmp_path) as log:
        yield log
