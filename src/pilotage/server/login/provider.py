"""An OpenID provider: where it sends people, and what its answer is worth. Authlib checks the claims, joserfc (its
library) the signature."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pilotage.server.login.errors import ProviderError
from pilotage.server.login.pending import Pending
from pilotage.settings.base import is_loopback
from pilotage.settings.people import Oidc

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures by the provider's own key only: never `none`, and never one by a secret that we know, too."""
LEEWAY_S = 60
TIMEOUT_S = 10.0
KEPT_S = 600.0


@dataclass
class Provider:
    """`url` is our own address. `now` is Unix seconds."""

    rules: Oidc
    url: str
    _tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context, repr=False)
    _known: dict[str, Any] = field(default_factory=dict)
    _until: float = 0.0

    @property
    def callback(self) -> str:
        return f"{self.url}/login/callback"

    async def address(self, pending: Pending, now: float) -> str:
        """Where to send the browser."""
        about = await self._discovered(now)
        return str(
            prepare_grant_uri(
                about["authorization_endpoint"],
                client_id=self.rules.client_id,
                response_type="code",
                redirect_uri=self.callback,
                scope=list(self.rules.scopes),
                state=pending.state,
                nonce=pending.nonce,
                code_challenge=create_s256_code_challenge(pending.verifier),
                code_challenge_method="S256",
            )
        )

    async def claims(self, code: str, pending: Pending, now: float) -> dict[str, Any]:
        """What the provider says of the person, checked. Raises ProviderError."""
        about = await self._discovered(now)
        answer = await self._exchange(about, code, pending)
        found = await self._checked(about, answer, pending, now)
        wanted = (self.rules.name, self.rules.groups)
        if "userinfo_endpoint" in about and any(one not in found for one in wanted):
            more = await self._ask("GET", about["userinfo_endpoint"], {"Authorization": _bearer(answer)})
            if more.get("sub") != found["sub"]:
                raise ProviderError("userinfo speaks of somebody else")
            doubted = str(more.get("email_verified")).lower() == "false"
            found = {**more, **found} | ({"email_verified": False} if doubted else {})
        return found

    async def goodbye(self, now: float) -> str:
        """Where somebody logs out of the provider, too; empty when it has no such page."""
        try:
            about = await self._discovered(now)
        except ProviderError:
            return ""
        if "end_session_endpoint" not in about:
            return ""
        told = {"client_id": self.rules.client_id, "post_logout_redirect_uri": f"{self.url}/login"}
        return f"{about['end_session_endpoint']}?{urlencode(told)}"

    async def _discovered(self, now: float) -> dict[str, Any]:
        if now < self._until:
            return self._known
        about = await self._ask("GET", f"{self.rules.issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self.rules.issuer:
            raise ProviderError(f"the document of {self.rules.issuer} is of another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _check_address(name, about.get(name))
        for name in ("userinfo_endpoint", "end_session_endpoint"):
            if name in about:
                _check_address(name, about[name])
        self._known, self._until = about, now + KEPT_S
        return about

    async def _exchange(self, about: dict[str, Any], code: str, pending: Pending) -> dict[str, Any]:
        body = urlencode(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.callback,
                "code_verifier": pending.verifier,
            }
        )
        secret = await self.rules.client_secret.reveal() if self.rules.client_secret else ""
        offered = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        by = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        auth = ClientAuth(self.rules.client_id, secret, by if secret else "none")
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, headers, body = auth.prepare("POST", about["token_endpoint"], headers, body)
        return await self._ask("POST", url, headers, body)

    async def _checked(
        self, about: dict[str, Any], answer: dict[str, Any], pending: Pending, now: float
    ) -> dict[str, Any]:
        given = answer.get("id_token")
        if not isinstance(given, str):
            raise ProviderError("it sent no id_token")
        keys = await self._ask("GET", about["jwks_uri"])
        try:
            token = jwt.decode(given, KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
            options: Any = {
                "iss": {"essential": True, "value": self.rules.issuer},
                "aud": {"essential": True, "value": self.rules.client_id},
                "nonce": {"essential": True, "value": pending.nonce},
            }
            params = {
                "nonce": pending.nonce,
                "client_id": self.rules.client_id,
                "access_token": answer.get("access_token"),
            }
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(now=int(now), leeway=LEEWAY_S)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProviderError(f"its id_token is not good: {type(error).__name__} {_reason(error)}") from None
        return dict(claims)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None
    ) -> dict[str, Any]:
        host = urlsplit(url).hostname
        try:
            async with httpx.AsyncClient(verify=self._tls, timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = await client.request(method, url, headers=headers, content=body)
            told = answer.json()
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise ProviderError(f"{host} did not answer as a provider does: {type(error).__name__}") from None
        if answer.status_code != 200 or not isinstance(told, dict):
            said = told.get("error") if isinstance(told, dict) else None
            named = f", {said[:64]}" if isinstance(said, str) else ""
            raise ProviderError(f"{host} answered HTTP {answer.status_code}{named}")
        return told


def _bearer(answer: dict[str, Any]) -> str:
    return f"Bearer {answer.get('access_token')}"


def _reason(error: Exception) -> str:
    """Which claim it is, where it is one; never its value."""
    return str(getattr(error, "claim", "") or getattr(error, "error", ""))[:64]


def _check_address(name: str, given: Any) -> None:
    try:
        parts = urlsplit(given)
        good = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    except (ValueError, TypeError, AttributeError):
        good = False
    if not good:
        raise ProviderError(f"its {name} is no address with https://")
