"""How people come in: by an OpenID provider, by a token, or by a key that the command line asked for."""

from __future__ import annotations

from fastapi import FastAPI

from pilotage.server.login import me, routes


def add_login(app: FastAPI) -> None:
    for router in (routes.router, me.router):
        app.include_router(router, include_in_schema=False)
