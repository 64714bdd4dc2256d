"""How people come in: by an OpenID provider, by a token, or by a key that the command line asked for."""

from __future__ import annotations

from importlib import import_module

from fastapi import FastAPI

from pilotage.server.access import Access
from pilotage.server.login import me, routes
from pilotage.server.routing import serve


def add_login(app: FastAPI, access: Access) -> None:
    serve(app, (routes.router, me.router))
    login = access.settings.login
    if login is not None and login.oidc is not None:
        import_module("pilotage.server.login.provider")  # now, as it takes long: later the loop would stand still
