"""A real Kubernetes control plane on loopback ports: etcd, kube-apiserver and kube-controller-manager.

There is no scheduler and no node: `kubelet.py` plays both for one namespace at a time. By hand, until Ctrl-C:
`python -m tests.kubernetes.cluster FOLDER`, then PILOTAGE_TEST_KUBECONFIG=FOLDER/kubeconfig for any number of runs.
"""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kubernetes import build, kubeconfig
from tests.servers import free_port

START_S = 90.0
"""Takes 6 s on two idle cores; a machine that builds something beside it needs longer."""
NOT_RUN = ("node-lifecycle-controller", "taint-eviction-controller", "persistentvolume-binder-controller")
"""A fake node sends no heartbeats, and its pods are not to be moved away for that."""


class DidNotStart(Exception):
    """The message names the part and ends with the last lines of its log."""


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """Gives the path of the administrator's kubeconfig. Everything ends with the block; the data is thrown away."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates(folder)
    with ExitStack() as parts:
        etcd, peers, secure = free_port(), free_port(), free_port()
        server = f"https://127.0.0.1:{secure}"
        admin = kubeconfig.write(
            folder / "kubeconfig",
            server,
            (folder / "ca.pem").read_bytes(),
            kubeconfig.by_certificate((folder / "admin.pem").read_bytes(), (folder / "admin.key").read_bytes()),
        )
        started = [
            parts.enter_context(_part(folder, "etcd", etcd_options(folder, etcd, peers))),
            parts.enter_context(_part(folder, "apiserver", apiserver_options(folder, secure, etcd))),
        ]
        with _api(folder, server) as api:
            _wait(started, lambda: api.get("/readyz").status_code == 200)
            started.append(parts.enter_context(_part(folder, "controller-manager", manager_options(folder, admin))))
            install_crds(api)
            account = "/api/v1/namespaces/default/serviceaccounts/default"  # the controller manager makes it
            _wait(started, lambda: api.get(account).status_code == 200)
        yield admin


def certificates(folder: Path) -> None:
    """An authority of its own, the server's certificate, the administrator's, the kubelets', and the tokens' key."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, issued in {
        "server": authority.issue_cert("127.0.0.1", "localhost", "10.0.0.1", "kubernetes.default.svc"),
        "kubelet": authority.issue_cert("127.0.0.1", common_name="kubelet"),
        # The API server takes a client's common name as the user and its organization as the group.
        "admin": authority.issue_cert("admin.test", common_name="admin", organization_name="system:masters"),
    }.items():
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    key = rsa.generate_private_key(65537, 2048)
    kind, plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    (folder / "accounts.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))


def etcd_options(folder: Path, port: int, peers: int) -> list[str]:
    clients, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    return [
        *(f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync", "--name=one", "--log-level=warn"),
        *(f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}"),
        *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=one={peer}"),
    ]


def apiserver_options(folder: Path, port: int, etcd: int) -> list[str]:
    return [
        *("--bind-address=127.0.0.1", f"--secure-port={port}", "--endpoint-reconciler-type=none"),
        *(f"--etcd-servers=http://127.0.0.1:{etcd}", "--service-cluster-ip-range=10.0.0.0/16"),
        *(f"--client-ca-file={folder / 'ca.pem'}", "--authorization-mode=RBAC", "--profiling=false"),
        *(f"--tls-cert-file={folder / 'server.pem'}", f"--tls-private-key-file={folder / 'server.key'}"),
        *("--service-account-issuer=https://kubernetes.default.svc", "--anonymous-auth=false"),
        *(f"--service-account-{one}-file={folder / 'accounts.key'}" for one in ("key", "signing-key")),
        f"--kubelet-certificate-authority={folder / 'ca.pem'}",
        *(f"--kubelet-client-certificate={folder / 'admin.pem'}", f"--kubelet-client-key={folder / 'admin.key'}"),
        "--kubelet-preferred-address-types=InternalIP",
    ]


def manager_options(folder: Path, admin: Path) -> list[str]:
    return [
        *(f"--kubeconfig={admin}", "--secure-port=0", "--leader-elect=false", "--profiling=false"),
        *(f"--service-account-private-key-file={folder / 'accounts.key'}", f"--root-ca-file={folder / 'ca.pem'}"),
        *("--kube-api-qps=500", "--kube-api-burst=1000", f"--controllers=*,{','.join(f'-{one}' for one in NOT_RUN)}"),
    ]


def install_crds(api: httpx.Client) -> None:
    """All that were built and are not there yet, until they can be used."""
    place = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    files = sorted((build.BUILT / "crds").glob("*.json"))
    if not files:
        raise DidNotStart(f"no definitions in {build.BUILT / 'crds'}: run `make kubernetes`")
    for file in files:
        answer = api.post(place, content=file.read_bytes(), headers={"content-type": "application/json"})
        if answer.status_code not in (201, 409):
            raise DidNotStart(f"{file.stem} was refused: {answer.status_code} {answer.text[:500]}")
    _wait([], lambda: all(_established(api.get(f"{place}/{file.stem}").json()) for file in files))


def _established(crd: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _api(folder: Path, server: str) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    trusted.load_cert_chain(folder / "admin.pem", folder / "admin.key")
    return httpx.Client(base_url=server, verify=trusted, trust_env=False, timeout=20)


class _Part:
    def __init__(self, name: str, argv: list[str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(2)  # the API server would wait a minute for those who watch
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def _part(folder: Path, name: str, options: list[str]) -> Iterator[_Part]:
    binary = build.BUILT / "control-plane"
    if not binary.exists():
        raise DidNotStart(f"{binary} is missing: run `make kubernetes`")
    part = _Part(name, [str(binary), name, *options], folder / f"{name}.log")
    try:
        yield part
    finally:
        part.end()


def _wait(parts: list[_Part], ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        for part in parts:
            if (code := part.process.poll()) is not None:
                said = "\n".join(part.log.read_text(errors="replace").splitlines()[-15:])
                raise DidNotStart(f"{part.name} ended with {code}:\n{said}")
        try:
            if ready():
                return
        except (httpx.HTTPError, json.JSONDecodeError):
            pass
        if time.monotonic() > deadline:
            names = ", ".join(f"{one.name} ({one.log})" for one in parts)
            raise DidNotStart(f"not ready within {START_S:.0f} s; see the logs of {names}")
        time.sleep(0.1)


def ends_on_signals() -> None:
    """So that whatever is told to end ends its parts first."""
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: sys.exit(1))


if __name__ == "__main__":
    ends_on_signals()
    try:
        with running(Path(sys.argv[1]).resolve()) as kubeconfig_file:
            print(kubeconfig_file, flush=True)
            signal.pause()
    except DidNotStart as failed:
        sys.exit(str(failed))
