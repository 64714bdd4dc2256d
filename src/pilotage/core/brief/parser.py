"""A short brief in plain words -> facts with their place in the text. Deterministic: rules, no model.

What the text does not say stays None and is listed in `missing`; what it says twice differently is in `conflicts`;
what is data or a trick is in `suspicious`. Every rule reads at most `reading.READ` characters, so time is bounded.
"""

from __future__ import annotations

from pilotage.core.brief.contacts import contacts
from pilotage.core.brief.facts import Brief
from pilotage.core.brief.flags import flag
from pilotage.core.brief.kinds import known_bad, major, standby, stateful
from pilotage.core.brief.migration import migration
from pilotage.core.brief.needed import missing
from pilotage.core.brief.phases import phases
from pilotage.core.brief.places import environment, regions
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.servers import fleet, servers
from pilotage.core.brief.services import services
from pilotage.core.brief.severity import severity
from pilotage.core.brief.shares import impact
from pilotage.core.brief.strategy import strategy
from pilotage.core.brief.summary import summary
from pilotage.core.brief.tickets import tickets
from pilotage.core.brief.traffic import traffic
from pilotage.core.brief.versions import Versions
from pilotage.core.brief.window import window


def parse(text: str) -> Brief:
    """Never raises, whatever the text."""
    reading = Reading(text)
    about, where = summary(reading)
    version, previous = Versions(reading).settled()
    brief = Brief(
        text=reading.text,
        language=reading.language,
        summary=about,
        services=services(reading, about, where),
        severity=severity(reading),
        impact=impact(reading),
        environment=environment(reading),
        regions=regions(reading),
        traffic=traffic(reading),
        strategy=strategy(reading),
        phases=phases(reading),
        flag=flag(reading),
        migration=migration(reading),
        stateful=stateful(reading),
        servers=servers(reading),
        fleet=fleet(reading),
        major=major(reading),
        known_bad=known_bad(reading),
        window=window(reading),
        standby_s=standby(reading),
        version=version,
        previous=previous,
        tickets=tickets(reading),
        contacts=contacts(reading),
    )
    return missing(brief, tuple(reading.conflicts), tuple(reading.doubts))
