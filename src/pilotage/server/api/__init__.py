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
    history,
    plans,
    rollouts,
    streams,
    system,
    tokens,
    watchdogs,
    webhooks,
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
    history.router,
    watchdogs.router,
    tokens.router,
    webhooks.router,
)
