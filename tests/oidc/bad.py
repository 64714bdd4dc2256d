"""An OpenID provider by hand that answers as one must not: each fault is a line of a test."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLIENT = "pilotage"
SECRET = "a secret that both sides know, long enough to sign with"


@dataclass
class Bad:
    """What it says differs from what is right by `claims` (None: left out), `header`, `about` and so on."""

    issuer: str
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    key: Any = None
    token: Any = None
    """Instead of an id_token."""
    exchange: Response | None = None
    """Instead of the token endpoint's answer."""
    nonce: str = ""
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._own = RSAKey.generate_key(2048, {"kid": "own"})
        self.other = RSAKey.generate_key(2048, {"kid": "own"})

    def discovery(self) -> dict[str, Any]:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return {name: value for name, value in {**told, **self.about}.items() if value is not None}

    def id_token(self) -> Any:
        if self.token is not None:
            return self.token
        now = int(time.time())
        right = {"iss": self.issuer, "aud": CLIENT, "sub": "olga", "iat": now, "exp": now + 300, "nonce": self.nonce}
        right |= {"email": "olga@shop.example", "email_verified": True, "groups": ["everyone"]}
        said = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.algorithm == "none":
            return f"{_part({'alg': 'none'})}.{_part(said)}."
        header = {"alg": self.algorithm, "kid": "own"}
        if self.algorithm == "HS256":
            return jwt.encode(header, said, OctKey.import_key(SECRET), algorithms=["HS256"])
        if self.algorithm == "HS256 by the public key":
            header["alg"] = "HS256"
            public = OctKey.import_key(self._own.as_pem(private=False))
            return jwt.encode(header, said, public, algorithms=["HS256"])
        return jwt.encode(header, said, self.key or self._own, algorithms=["RS256"])

    def app(self) -> Starlette:
        async def discovery(_: Request) -> Response:
            return JSONResponse(self.discovery())

        async def keys(_: Request) -> Response:
            return JSONResponse({"keys": [self._own.as_dict(private=False)]})

        async def exchange(request: Request) -> Response:
            self.asked.append(parse_qs((await request.body()).decode()))
            if self.exchange is not None:
                return self.exchange
            told = {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token()}
            return JSONResponse({name: value for name, value in told.items() if value != ""})

        async def me(_: Request) -> Response:
            return JSONResponse({"sub": "olga", **self.userinfo})

        routes = [("/.well-known/openid-configuration", discovery, "GET"), ("/keys", keys, "GET"), ("/me", me, "GET")]
        routes.append(("/token", exchange, "POST"))
        return Starlette(routes=[Route(path, answer, methods=[method]) for path, answer, method in routes])


def _part(said: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
