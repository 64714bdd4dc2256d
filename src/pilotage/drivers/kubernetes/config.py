"""Which cluster, as whom: what kubectl would take, read from kubeconfig files or from the pod's own account."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.service import LOOPBACK

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT = "~/.kube/config"
_PATHS = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}


@dataclass(frozen=True)
class Access:
    """`cluster` and `user` are as in a kubeconfig, with absolute paths; the secrets in `user` are never shown."""

    context: str
    server: str
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any] = field(repr=False)

    @property
    def who(self) -> str:
        """What errors call the cluster."""
        return f"Kubernetes ({one_line(self.context, 60)}, {one_line(self.server, 100)})"


def files(given: Path | None, directory: Path | None) -> tuple[Path, ...]:
    """The kubeconfig files to read, as kubectl chooses them. None at all: the pod's own account is meant."""
    if given is not None:
        path = given.expanduser()
        return ((directory / path) if directory is not None else path,)
    if named := [Path(one) for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one]:
        return tuple(named)
    usual = Path(DEFAULT).expanduser()
    return (usual,) if usual.is_file() or not in_a_pod() else ()


def in_a_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").is_file()


def read(paths: Sequence[Path], context: str | None) -> Access:
    """Raises PermanentError with the file and what is missing in it, never with what stands in it."""
    if not paths:
        if context is not None:
            raise PermanentError(f"Kubernetes: no kubeconfig, so there is no context {one_line(context, 60)}")
        return _account()
    # Of several files the first to name a thing wins; one that is not there is passed over, as by kubectl.
    there = [path for path in paths if path.is_file()] if len(paths) > 1 else list(paths)
    if not there:
        raise PermanentError(f"Kubernetes: none of the kubeconfigs {', '.join(map(str, paths))} is there")
    loaded = [_load(path) for path in there]
    shown = ", ".join(str(path) for path in there)
    name = context or next((str(one["current-context"]) for one in loaded if one.get("current-context")), None)
    if name is None:
        raise PermanentError(f"Kubernetes: the kubeconfig {shown} has no current-context; name one with `context`")
    chosen = _named(loaded, "context", name, shown)
    cluster = _named(loaded, "cluster", str(chosen.get("cluster")), shown)
    user = _named(loaded, "user", str(chosen["user"]), shown) if chosen.get("user") else {}
    server = str(cluster.get("server") or "")
    _check(server, user, shown)
    return Access(name, server.rstrip("/"), str(chosen.get("namespace") or "default"), cluster, user)


def _account() -> Access:
    try:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        namespace = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except (KeyError, OSError):
        raise PermanentError(
            f"Kubernetes: no kubeconfig at {DEFAULT}, KUBECONFIG is not set, and this is no pod with an account: "
            "give the driver `kubeconfig` (where the coordinator runs)"
        ) from None
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"certificate-authority": str(ACCOUNT / "ca.crt")}
    return Access("in-cluster", server, namespace, cluster, {"tokenFile": str(ACCOUNT / "token")})


def _load(path: Path) -> dict[str, Any]:
    try:
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PermanentError(f"Kubernetes: there is no kubeconfig {path} (where the coordinator runs)") from None
    except (OSError, UnicodeDecodeError):
        raise PermanentError(f"Kubernetes: the kubeconfig {path} cannot be read") from None
    except YAMLError as error:  # its text may show a secret
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise PermanentError(f"Kubernetes: the kubeconfig {path} is no YAML{where}") from None
    if not isinstance(found, dict):
        raise PermanentError(f"Kubernetes: {path} is no kubeconfig: it has neither clusters nor contexts")
    for kind, keys in _PATHS.items():
        for one in _entries(found, kind):
            inner = one.get(kind)
            if isinstance(inner, dict):
                inner |= {key: str(path.absolute().parent / str(inner[key])) for key in keys if inner.get(key)}
                _make_absolute(inner.get("exec"), path.absolute().parent)
    return found


def _make_absolute(command: Any, folder: Path) -> None:
    if isinstance(command, dict) and "/" in str(command.get("command")):
        command["command"] = str(folder / str(command["command"]))


def _entries(loaded: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    entries = loaded.get(f"{kind}s")
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def _named(loaded: Sequence[Mapping[str, Any]], kind: str, name: str, shown: str) -> dict[str, Any]:
    entries = [one for each in loaded for one in _entries(each, kind)]
    for one in entries:
        if str(one.get("name")) == name and isinstance(one.get(kind), dict):
            return dict(one[kind])
    known = listed([str(one.get("name")) for one in entries]) or "none"
    raise PermanentError(f"Kubernetes: the kubeconfig {shown} has no {kind} {one_line(name, 60)}; it has {known}")


def _check(server: str, user: Mapping[str, Any], shown: str) -> None:
    try:
        parts = urlsplit(server)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or "@" in parts.netloc:
        raise PermanentError(f"Kubernetes: in the kubeconfig {shown} the cluster's `server` is no https:// address")
    if parts.scheme == "http" and user and parts.hostname not in LOOPBACK:
        raise PermanentError(
            f"Kubernetes: in the kubeconfig {shown} `server` begins with http://: the user's secret would go there "
            "unencrypted"
        )
