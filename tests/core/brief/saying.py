"""Facts of a brief as plain values, so that a table of briefs reads like sentences."""

from __future__ import annotations

from typing import Any

from pilotage.core.brief import Brief, parse


def understood(text: str) -> dict[str, Any]:
    return plain(parse(text))


def plain(brief: Brief) -> dict[str, Any]:
    """Every fact without its place: a name of the dataclass -> strings, numbers, tuples; None when it is not said."""

    def of(name: str) -> Any:
        value = getattr(brief, name)
        return None if value is None else value.value

    impact, traffic, phases, flag, migration, window = map(
        of, ("impact", "traffic", "phases", "flag", "migration", "window")
    )
    return {
        "language": brief.language,
        "summary": of("summary"),
        "services": tuple(one.value for one in brief.services),
        "service": " ".join(one.value for one in brief.services),
        "severity": of("severity") and of("severity").value,
        "impact": impact and (None if impact.share is None else round(impact.share, 4), impact.what),
        "environment": of("environment"),
        "regions": tuple(one.value for one in brief.regions),
        "per_day": traffic and round(traffic.per_s * 86400, 3),
        "per_s": traffic and round(traffic.per_s, 6),
        "peak": traffic and traffic.peak,
        "strategy": of("strategy") and of("strategy").value,
        "phases": phases and tuple((one.weight, one.watch_s) for one in phases),
        "flag": flag and (flag.name or True if flag.wanted else False),
        "migration": migration and {True: "reversible", False: "irreversible", None: "unknown"}[migration.reversible],
        "stateful": of("stateful"),
        "major": of("major"),
        "known_bad": of("known_bad"),
        "window": window
        and " ".join(
            one or "?" for one in (window.date, window.opens, window.closes, window.zone, window.closes_date or "same")
        ),
        "standby_s": of("standby_s"),
        "version": of("version"),
        "previous": of("previous"),
        "tickets": tuple(one.value for one in brief.tickets),
        "contacts": tuple((one.value.role, one.value.name, one.value.reach) for one in brief.contacts),
        "missing": brief.missing,
        "conflicts": tuple(one.name for one in brief.conflicts),
        "suspicious": tuple(one.kind for one in brief.suspicious),
    }
