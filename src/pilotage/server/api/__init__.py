"""The HTTP API: a door to `acting`, nothing decided here."""

from __future__ import annotations

from fastapi import APIRouter

from pilotage.server.api import (
    approvals,
    audit,
    drafts,
    drivers,
    followups,
    gates,
    plans,
    rollouts,
    streams,
    system,
    watchdogs,
)

ROUTERS: tuple[APIRouter, ...] = (
    system.router,
    followups.router,
    streams.router,
    rollouts.router,
    approvals.router,
    drafts.router,
    drivers.router,
    plans.router,
    gates.router,
    audit.router,
    watchdogs.router,
)
