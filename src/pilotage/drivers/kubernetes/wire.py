"""The connection to a cluster: lightkube's client, over a transport that brings the login, bounds what comes and lets
only successes through. Loads the libraries: import it late, in a thread."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
import msgspec
from lightkube import AsyncClient
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import GenericGlobalResource, GenericNamespacedResource, create_api_info
from lightkube.types import PatchType

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import MOST_BYTES, Answer
from pilotage.drivers.kubernetes.config import Access
from pilotage.drivers.kubernetes.kinds import Kind
from pilotage.drivers.kubernetes.login import Login
from pilotage.drivers.service import decode

NOT_REACHED = httpx2.HTTPError
NOT_ITS_ANSWER = (msgspec.MsgspecError, TypeError, ValueError)
PATCHES = {"json": PatchType.JSON, "merge": PatchType.MERGE, "strategic": PatchType.STRATEGIC, "apply": PatchType.APPLY}
_LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=20, keepalive_expiry=30)
_CERTIFICATES = ("client-certificate", "client-certificate-data", "client-key", "client-key-data")
_LONGEST_S = 600.0
"""Every call has a limit of its own, which is shorter."""


class Refused(Exception):
    """Any answer but a success."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.status)


class TooMuch(Exception):
    """More came than anybody wants to hold."""


class Wire(httpx2.AsyncBaseTransport):
    def __init__(self, access: Access, login: Login, verify: ssl.SSLContext) -> None:
        self._login = login
        self._sni = access.cluster.get("tls-server-name")
        proxy = access.cluster.get("proxy-url") or _proxy(access.server)
        self._inner = httpx2.AsyncHTTPTransport(verify=verify, limits=_LIMITS, proxy=proxy, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["User-Agent"] = "pilotage"
        if request.method in ("POST", "PUT", "PATCH"):
            # A field that the cluster's version does not know would be dropped in silence.
            request.url = request.url.copy_merge_params({"fieldValidation": "Strict"})
        if self._sni:
            request.extensions = {**request.extensions, "sni_hostname": str(self._sni)}
        sent = await self._login.header()
        response = await self._send(request, sent)
        if response.status_code == 401 and (fresh := await self._login.renewed(sent)):
            sent = fresh
            response = await self._send(request, sent)
        if response.status_code >= 300:
            # A server may repeat what it was sent.
            text = response.text.replace(sent.partition(" ")[2], "(hidden)") if sent else response.text
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise Refused(Answer(response.status_code, headers, decode(text), text))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _send(self, request: httpx2.Request, login: str | None) -> httpx2.Response:
        if login is not None:
            request.headers["Authorization"] = login
        response = await self._inner.handle_async_request(request)
        response.request = request
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    raise TooMuch
        finally:
            await response.aclose()
        headers = {one: value for one, value in response.headers.items() if one.lower() not in _ENCODED}
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)


_ENCODED = ("content-encoding", "content-length", "transfer-encoding")


class Connection:
    """One cluster as one user, for as many drivers as `users` counts."""

    def __init__(self, access: Access, login_within_s: float) -> None:
        self.who = access.who
        self.server = access.server
        self.namespace = access.namespace
        self.users = 0
        config = _config(access)
        self.login = Login(access, login_within_s)
        self.wire = Wire(access, self.login, _context(access, config))
        limit = httpx2.Timeout(_LONGEST_S)
        self.client = AsyncClient(config, timeout=limit, transport=self.wire, trust_env=False, field_manager="pilotage")

    async def get_text(self, path: str, params: dict[str, str]) -> bytes:
        """What is no object, such as a pod's log."""
        request = httpx2.Request("GET", f"{self.server}{path}", params=params)
        request.extensions["timeout"] = httpx2.Timeout(_LONGEST_S).as_dict()
        return (await self.wire.handle_async_request(request)).content

    async def close(self) -> None:
        await self.client.close()


def resource(kind: Kind) -> Any:
    """lightkube's class for it, whose objects are dicts. Not from its registry, which knows some kinds otherwise."""
    base = GenericNamespacedResource if kind.namespaced else GenericGlobalResource
    info = create_api_info(kind.group, kind.version, kind.kind, kind.plural)
    info.action = kind.subresource or None
    return type(kind.kind, (base,), {"_api_info": info})


def _config(access: Access) -> SingleConfig:
    """Without the login, which this transport brings: what remains is who the server is, and the user's certificate."""
    name = access.context
    user = {key: access.user[key] for key in _CERTIFICATES if access.user.get(key)}
    given = {
        "clusters": [{"name": name, "cluster": {**access.cluster, "server": access.server}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": access.namespace}}],
    }
    try:
        config = KubeConfig.from_dict(given).get(name)
    except (ConfigError, msgspec.MsgspecError, KeyError, TypeError):
        config = None
    if config is None:
        raise PermanentError(f"{access.who}: the kubeconfig's cluster or user is not as a kubeconfig has it")
    return config


def _context(access: Access, config: SingleConfig) -> ssl.SSLContext:
    try:
        assert config.user is not None
        return verify_cluster(config.cluster, config.user, config.abs_file, trust_env=True)
    except (OSError, ValueError) as error:  # ssl.SSLError and binascii.Error among them
        why = type(error).__name__
        raise PermanentError(
            f"{access.who}: the kubeconfig's certificates cannot be used ({why}): certificate-authority of the "
            "cluster, or client-certificate and client-key of the user"
        ) from None


def _proxy(server: str) -> str | None:
    parts = urlsplit(server)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
