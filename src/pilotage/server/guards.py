"""What stands before every route: hosts and origins, rates, sizes; and the headers that every answer has.

Plain ASGI, so that a stream passes through as it comes.
"""

from __future__ import annotations

from fastapi import FastAPI

from pilotage.server.access import Access
from pilotage.server.guards_body import Bodies
from pilotage.server.guards_headers import Headers
from pilotage.server.guards_place import Places
from pilotage.server.guards_rate import Strangers


def add_guards(app: FastAPI, access: Access) -> None:
    """The last one that is added sees a request first."""
    app.add_middleware(Bodies)
    app.add_middleware(Strangers, access=access)
    app.add_middleware(Places, access=access)
    app.add_middleware(Headers, access=access)
