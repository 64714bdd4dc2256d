"""Builds what a cluster for tests needs from public Go modules: `make kubernetes` calls it.

Into .venv/kubernetes/: `control-plane` (etcd, kube-apiserver and kube-controller-manager in one program),
`argo-rollouts` (its controller) and `crds/` (the definitions of the Gateway API, Istio and Argo Rollouts). What was
built from the same sources is not built again. From nothing it takes ten minutes of two cores.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / ".venv" / "kubernetes"
PROGRAMS = {"control-plane": ("control_plane", "."), "argo-rollouts": ("rollouts", None)}
ARGO = "github.com/argoproj/argo-rollouts"
CRDS = (
    ("sigs.k8s.io/gateway-api", "v1.6.3", "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=", "config/crd/standard"),
    ("istio.io/api", "v1.32.0", "h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=", "kubernetes"),
    (ARGO, "v1.10.1", "h1:6oyVPGiHHxu3ixkT6mngemh88HLPDoTX1IwO6KNR1Y4=", "manifests/crds"),
)
"""Module, version, the module's sum (as in a go.sum) and the folder that holds its definitions."""
WANTED = re.compile(
    r"^(gatewayclasses|gateways|httproutes|grpcroutes|referencegrants)\.gateway\.networking\.k8s\.io$"
    r"|^(virtualservices|destinationrules|gateways)\.networking\.istio\.io$|\.argoproj\.io$"
)
"""Names of the definitions that are kept: each costs a cluster's start some hundredths of a second."""


class CannotBuild(Exception):
    """The message says what is missing or went wrong."""


def go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        raise CannotBuild("go is missing: install Go 1.26 or newer, then `make kubernetes`")
    return found


def sources(folder: Path) -> str:
    """A hash of all that decides what is built."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def program(name: str) -> bool:
    """Builds one program; False if it was there already."""
    folder, package = PROGRAMS[name]
    mark, wanted = BUILT / f"{name}.sources", sources(HERE / folder)
    if mark.exists() and mark.read_text() == wanted and (BUILT / name).exists():
        return False
    mod = (HERE / folder / "go.mod").read_text()
    version = re.search(r"k8s\.io/kubernetes (?:=> k8s\.io/kubernetes )?v((\d+)\.(\d+)\.\d+)", mod)
    assert version, f"{folder}/go.mod does not say which Kubernetes"
    stamps = {"gitVersion": f"v{version[1]}", "gitMajor": version[2], "gitMinor": version[3]}
    flags = " ".join(["-s", "-w", *(f"-X k8s.io/component-base/version.{key}={one}" for key, one in stamps.items())])
    argv = [go(), "build", "-mod=readonly", "-buildvcs=false", "-o", str(BUILT / f"{name}.new"), "-ldflags", flags]
    _run([*argv, package or f"{ARGO}/cmd/rollouts-controller"], HERE / folder)
    (BUILT / f"{name}.new").replace(BUILT / name)
    mark.write_text(wanted)
    return True


def crds() -> bool:
    mark, wanted = BUILT / "crds.sources", hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return False
    shutil.rmtree(BUILT / "crds", ignore_errors=True)
    (BUILT / "crds").mkdir()
    for module, version, expected, folder in CRDS:
        got = json.loads(_run([go(), "mod", "download", "-json", f"{module}@{version}"], BUILT))
        if got["Sum"] != expected:
            raise CannotBuild(f"{module} {version} has the sum {got['Sum']}, expected {expected}")
        for file in sorted(Path(got["Dir"], folder).glob("*.yaml")):
            for one in yaml.load_all(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if one and one["kind"] == "CustomResourceDefinition" and WANTED.search(one["metadata"]["name"]):
                    (BUILT / "crds" / f"{one['metadata']['name']}.json").write_text(json.dumps(one))
    mark.write_text(wanted)
    return True


def _run(argv: list[str], folder: Path) -> str:
    # A toolchain that a go.mod asks for is not fetched in passing: the one that is here, or a clear refusal.
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuild(f"{' '.join(argv[:3])} in {folder} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def main() -> int:
    BUILT.mkdir(parents=True, exist_ok=True)
    try:
        for name, build in [*((one, lambda one=one: program(one)) for one in PROGRAMS), ("crds", crds)]:
            began = time.monotonic()
            print(f"{name}: {f'built in {time.monotonic() - began:.0f} s' if build() else 'there already'}", flush=True)
    except CannotBuild as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
