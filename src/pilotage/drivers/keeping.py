"""A weight set on its own, by hand or to practise: the cohort and the copies that are in force stay so."""

from __future__ import annotations

from dataclasses import replace

from pilotage.drivers import Call, Mirrors, Steers, Traffic


async def keeping(traffic: Traffic, call: Call) -> Call:
    """`call` with what is in force beside the weight. Raises as reading it does: what is not known cannot be kept."""
    if isinstance(traffic, Steers):
        call = replace(call, cohort=await traffic.read_cohort())
    if isinstance(traffic, Mirrors):
        call = replace(call, mirror=await traffic.read_mirror())
    return call
