"""Access to a cluster for tests, in the API's own words: paths and JSON."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.kubernetes import kubeconfig as kubeconfigs

Object = dict[str, Any]
PATIENCE_S = 40.0


class Access:
    """What whoever holds the kubeconfig may do. A refusal is an httpx.HTTPStatusError with the API's words."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        said = yaml.safe_load(kubeconfig.read_text())
        context = _named(said["contexts"], said["current-context"])["context"]
        self.server: str = _named(said["clusters"], context["cluster"])["cluster"]["server"]
        self._ca = _pem(_named(said["clusters"], context["cluster"])["cluster"], "certificate-authority", kubeconfig)
        user = _named(said["users"], context["user"])["user"]
        trusted = ssl.create_default_context(cadata=self._ca.decode())
        headers = {"authorization": f"Bearer {user['token']}"} if "token" in user else {}
        if not headers:
            with tempfile.NamedTemporaryFile() as both:
                pems = [_pem(user, one, kubeconfig) for one in ("client-certificate", "client-key")]
                both.write(b"\n".join(pems))
                both.flush()
                trusted.load_cert_chain(both.name)
        self.how: Object = {"base_url": self.server, "verify": trusted, "headers": headers, "trust_env": False}
        """What an httpx client takes."""
        self.authority = self._ca.decode()
        """The certificate that the server is known by, as PEM."""
        self.api = httpx.Client(timeout=20, **self.how)
        self._places: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        self.api.close()

    def apply(self, given: Object | str, namespace: str = "default") -> Object:
        """Makes or changes an object as `kubectl apply --server-side` does; YAML may hold several. Gives the last."""
        made: Object = {}
        for one in list(yaml.safe_load_all(given)) if isinstance(given, str) else [given]:
            place = self.place(one, namespace)
            params = {"fieldManager": "tests", "force": "true"}
            made = self._send("PATCH", place, json.dumps(one), params=params, kind="application/apply-patch+yaml")
        return made

    def patch(self, place: str, given: Object) -> Object:
        """A merge patch."""
        return self._send("PATCH", place, json.dumps(given), kind="application/merge-patch+json")

    def get(self, place: str, **params: str) -> Object:
        return self._send("GET", place, params=params)

    def delete(self, place: str) -> None:
        self._send("DELETE", place)

    def until(self, place: str, holds: Callable[[Object], Any], timeout_s: float = PATIENCE_S) -> Object:
        """The object, or the list, when `holds` says so; one that is not there yet is waited for."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self.api.get(place)
            if answer.status_code == 200 and holds(answer.json()):
                return dict(answer.json())
            assert time.monotonic() < deadline, f"{place} after {timeout_s} s: {answer.text[:3000]}"
            time.sleep(0.05)

    def until_dry(self, place: str, holds: Callable[[Object], Any], timeout_s: float = PATIENCE_S) -> None:
        """Until a change of the object would give what `holds` waits for: admission policies take a moment to count."""
        deadline = time.monotonic() + timeout_s
        body, kind = json.dumps({"metadata": {"labels": {"tried": "yes"}}}), "application/merge-patch+json"
        while not holds(self._send("PATCH", place, body, kind, params={"dryRun": "All"})):
            assert time.monotonic() < deadline, f"{place} is not changed so after {timeout_s} s"
            time.sleep(0.05)

    def place(self, one: Object, namespace: str) -> str:
        """The path of an object, from the API's own list of kinds."""
        version, kind = one["apiVersion"], one["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._places:
            known = {each["kind"]: each for each in self.get(root)["resources"] if "/" not in each["name"]}
            self._places[version, kind] = known[kind]["name"], known[kind]["namespaced"]
        plural, namespaced = self._places[version, kind]
        within = f"/namespaces/{one['metadata'].get('namespace', namespace)}" if namespaced else ""
        return f"{root}{within}/{plural}/{one['metadata']['name']}"

    def account(self, namespace: str, rules: list[Object], cluster_wide: list[Object], folder: Path) -> Path:
        """The kubeconfig of a new service account in the namespace that has these rights and no others."""
        name = f"account-{uuid.uuid4().hex[:6]}"
        rbac, subject = "rbac.authorization.k8s.io", {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, namespace)
        for kind, given in (("Role", rules), ("ClusterRole", cluster_wide)):
            if given:
                of = {"apiVersion": f"{rbac}/v1", "metadata": {"name": name}}
                role = {"apiGroup": rbac, "kind": kind, "name": name}
                self.apply({**of, "kind": kind, "rules": given}, namespace)
                self.apply({**of, "kind": f"{kind}Binding", "roleRef": role, "subjects": [subject]}, namespace)
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        place = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        token = self._send("POST", place, json.dumps(request))["status"]["token"]
        return kubeconfigs.write(folder / name, self.server, self._ca, kubeconfigs.by_token(token), namespace)

    def _send(
        self, method: str, place: str, body: str | None = None, kind: str = "application/json", **more: Any
    ) -> Object:
        headers = {"content-type": kind} if body is not None else {}
        answer = self.api.request(method, place, content=body, headers=headers, **more)
        if answer.is_error:
            said = f"{method} {place}: {answer.status_code} {answer.text[:2000]}"
            raise httpx.HTTPStatusError(said, request=answer.request, response=answer)
        return dict(answer.json())


def _named(entries: list[Object], name: str) -> Object:
    return next(one for one in entries if one["name"] == name)


def _pem(entry: Object, key: str, kubeconfig: Path) -> bytes:
    """Written in the kubeconfig itself, or in a file named there."""
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"])
    return kubeconfig.parent.joinpath(entry[key]).read_bytes()
