"""The HTTP API: a door to `acting`, nothing decided here."""

from __future__ import annotations

from fastapi import APIRouter

from pilotage.server.api import followups, gates, plans, rollouts, system, tokens, watchdogs, webhooks

ROUTERS: tuple[APIRouter, ...] = (
    system.router,
    followups.router,
    rollouts.router,
    plans.router,
    gates.router,
    watchdogs.router,
    tokens.router,
    webhooks.router,
)
