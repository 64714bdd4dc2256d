"""What a brief says, fact by fact, in three languages."""

from __future__ import annotations

from typing import Any

import pytest

from pilotage.core.brief import parse
from pilotage.core.brief.doubts import last_day
from pilotage.core.brief.facts import ContactFact, Flag, Impact, Migration, PhaseFact, Traffic, WindowFact
from pilotage.core.model import Severity, Strategy

EXAMPLE = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)
GERMAN = (
    "Bitte erstelle einen Plan für den Checkout Hotfix 2.4.0 -> 2.4.1. Schweregrad: P1, die Hälfte der Bestellungen "
    "schlägt fehl. Umgebung: Produktion, 1.200 Anfragen pro Minute, Spitze 900 rps. Wartungsfenster: 25.11.2026 22:00 "
    "bis 02:00 Europe/Berlin. Bereitschaft: Anna Meier @anna, Ticket SHOP-123. Kanal: #inc-checkout"
)
SPANISH = (
    "Crear un plan de despliegue para el parche del servicio pagos, versión 3.1.2, anterior 3.1.1. Severidad P2. "
    "Producción, 2,5 millones de peticiones al día. 10% durante 10 min, luego 50%, luego 100%. Migración irreversible. "
    "Guardia: Ana López ana@example.com"
)


def value(text: str, name: str) -> Any:
    found = getattr(parse(text), name)
    return found.value if found is not None else None


def values(text: str, name: str) -> list[Any]:
    return [one.value for one in getattr(parse(text), name)]


def shown(window: WindowFact | None) -> tuple[str, ...] | None:
    """Date, times, zone, and the day on which it closes."""
    if window is None:
        return None
    return window.date, window.opens, window.closes, window.zone, last_day(window)


def test_the_example_is_understood() -> None:
    brief = parse(EXAMPLE)
    assert (brief.language, brief.missing, brief.conflicts, brief.suspicious) == ("en", ("version", "previous"), (), ())
    assert value(EXAMPLE, "summary") == "payment null pointer hot-fix"
    assert values(EXAMPLE, "services") == ["payment"]
    assert value(EXAMPLE, "severity") is Severity.P0
    assert value(EXAMPLE, "impact") == Impact(0.45, "checkouts failing")
    assert value(EXAMPLE, "environment") == "production"
    assert value(EXAMPLE, "traffic").per_s * 86400 == pytest.approx(5e6)
    assert value(EXAMPLE, "strategy") is Strategy.CANARY
    assert value(EXAMPLE, "flag") == Flag(True)


def test_a_german_brief_is_understood() -> None:
    brief = parse(GERMAN)
    assert (brief.language, brief.missing, brief.conflicts) == ("de", (), ())
    assert (value(GERMAN, "previous"), value(GERMAN, "version")) == ("2.4.0", "2.4.1")
    assert value(GERMAN, "severity") is Severity.P1
    assert value(GERMAN, "impact").share == 0.5
    assert value(GERMAN, "traffic") == Traffic(20.0)
    assert shown(value(GERMAN, "window")) == ("2026-11-25", "22:00", "02:00", "Europe/Berlin", "2026-11-26")
    assert values(GERMAN, "contacts") == [
        ContactFact("on-call", "Anna Meier", "@anna"),
        ContactFact("incident-channel", "", "#inc-checkout"),
    ]
    assert values(GERMAN, "tickets") == ["SHOP-123"]


def test_a_spanish_brief_is_understood() -> None:
    brief = parse(SPANISH)
    assert (brief.language, brief.missing) == ("es", ("window",))
    assert values(SPANISH, "services") == ["pagos"]
    assert (value(SPANISH, "version"), value(SPANISH, "previous")) == ("3.1.2", "3.1.1")
    assert value(SPANISH, "severity") is Severity.P2
    assert value(SPANISH, "traffic").per_s * 86400 == pytest.approx(2.5e6)
    assert value(SPANISH, "phases") == (PhaseFact(10, 600.0), PhaseFact(50), PhaseFact(100))
    assert value(SPANISH, "migration") == Migration(False)
    assert values(SPANISH, "contacts") == [ContactFact("on-call", "Ana López", "ana@example.com")]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("P0", "P0"),
        ("p1 hotfix", "P1"),
        ("Severity: P2", "P2"),
        ("SEV-1 incident", "P1"),
        ("sev0", "P0"),
        ("severity 1", "P1"),
        ("Schweregrad P0", "P0"),
        ("Priorität: 1", "P1"),
        ("severidad: P1", "P1"),
        ("Severity: critical", "P0"),
        ("a critical hot-fix", "P0"),
        ("ein kritischer Hotfix", "P0"),
        ("un fallo crítico", "P0"),
        ("Severity: low", "P2"),
        ("**Severity:** P1", "P1"),
        ("- Severity: P2\n- Service: cart", "P2"),
        ("p95 is 200 ms, p99 is 1 s, p50 is fine", None),
        ("the P100 cards and S3 are fine", None),
        ("v1.2 of P4x", None),
    ],
)
def test_severity(text: str, severity: str | None) -> None:
    assert value(text, "severity") == (Severity(severity) if severity else None)


@pytest.mark.parametrize(
    ("text", "share", "what"),
    [
        ("45% of checkouts failing", 0.45, "checkouts failing"),
        ("12.5 % of all logins are broken", 0.125, "logins are broken"),
        ("checkout is down for 30% of the users.", 0.3, "users"),
        ("half of requests fail", 0.5, "requests fail"),
        ("1 in 3 requests fail", 1 / 3, "requests fail"),
        ("a third of payments rejected", 1 / 3, "payments rejected"),
        ("40 % der Bestellungen scheitern", 0.4, "Bestellungen scheitern"),
        ("ein Drittel der Aufrufe ist fehlerhaft", 1 / 3, "Aufrufe ist fehlerhaft"),
        ("jeder dritte Aufruf schlägt fehl", 1 / 3, "Aufruf schlägt fehl"),
        ("el 20% de los pagos fallan", 0.2, "pagos fallan"),
        ("la mitad de las peticiones fallan", 0.5, "peticiones fallan"),
    ],
)
def test_impact(text: str, share: float, what: str) -> None:
    found = value(text, "impact")
    assert found is not None
    assert (found.share, found.what) == (pytest.approx(share), what)


def test_a_share_of_traffic_is_no_impact() -> None:
    assert value("Give it 10% of traffic for 10 min, then 50%", "impact") is None


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("Environment: Production", "production"),
        ("in prod, please", "production"),
        ("Umgebung: Produktion", "production"),
        ("auf dem Produktivsystem", "production"),
        ("Entorno: producción", "production"),
        ("staging only", "staging"),
        ("Environment: eu-blue", "eu-blue"),
        ("Produktoin, P0", "production"),
        ("a product is being produced", None),
        ("tested on my machine", None),
    ],
)
def test_environment(text: str, environment: str | None) -> None:
    assert value(text, "environment") == environment


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("in eu-west-1 and us-east-2", ["eu-west-1", "us-east-2"]),
        ("GCP europe-west1", ["europe-west1"]),
        ("westeurope", ["westeurope"]),
        ("Region: Frankfurt and Dublin", ["Frankfurt", "Dublin"]),
        ("Región: eu-south-2", ["eu-south-2"]),
        ("customers in EU and US", ["EU", "US"]),
        ("help us and them", []),
    ],
)
def test_regions(text: str, regions: list[str]) -> None:
    assert values(text, "regions") == regions


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("Service: payment", ["payment"]),
        ("Services: payment, checkout and cart", ["payment", "checkout", "cart"]),
        ("Hot-fix for the payment service", ["payment"]),
        ("the payment and checkout services fail", ["payment", "checkout"]),
        ("Dienst: zahlung-api", ["zahlung-api"]),
        ("Hotfix für den Dienst kasse", ["kasse"]),
        ("Servicio: pagos", ["pagos"]),
        ("parche para el servicio pagos", ["pagos"]),
        ("checkout hot-fix", ["checkout"]),
        ("prod is down!!! checkout broken since 3am, need hotfix NOW", []),
        ("Rollout of search-api v7.3.0 (currently 7.2.4)", ["search-api"]),
        ("upgrade to Java 17.0, everything is down", []),
        ("urgent fix for null pointer in checkout", []),
    ],
)
def test_services(text: str, services: list[str]) -> None:
    found = values(text, "services")
    assert found == services or (not services and len(found) <= 1 and parse(text).services[0].confidence < 0.8)


@pytest.mark.parametrize(
    ("text", "version", "previous"),
    [
        ("from 2.4.0 to 2.4.1", "2.4.1", "2.4.0"),
        ("payment 2.4.0 -> 2.4.1", "2.4.1", "2.4.0"),
        ("2.4.0 → 2.4.1", "2.4.1", "2.4.0"),
        ("von 1.9 auf 2.0", "2.0", "1.9"),
        ("de 1.9.1 a 1.9.2", "1.9.2", "1.9.1"),
        ("2.4.1 replaces 2.4.0", "2.4.1", "2.4.0"),
        ("Version: 2.4.1, previous: 2.4.0", "2.4.1", "2.4.0"),
        ("version 2.4.1-rc.1", "2.4.1-rc.1", None),
        ("Version: 2026-11-rc1\nPrevious version: 3fa9c1d", "2026-11-rc1", "3fa9c1d"),
        ("currently running 2.4.0", None, "2.4.0"),
        ("läuft derzeit 2.4.0, neue Version: 2.4.1", "2.4.1", "2.4.0"),
        ("the host 10.1.2.3 at 12.30 on 25.11.2026, 3.5 % of 1.200 requests", None, None),
        ("hot-fix 2.4.1 for payment", "2.4.1", None),
    ],
)
def test_versions(text: str, version: str | None, previous: str | None) -> None:
    assert (value(text, "version"), value(text, "previous")) == (version, previous)


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        ("5M/day", 5e6 / 86400),
        ("5M requests/day", 5e6 / 86400),
        ("200k requests per hour", 200e3 / 3600),
        ("1,200 req/minute", 20.0),
        ("58 requests per second", 58.0),
        ("2 million requests a day", 2e6 / 86400),
        ("900 rps", 900.0),
        ("1.5k qps", 1500.0),
        ("6000 rpm", 100.0),
        ("Traffic: 3500/min", 3500 / 60),
        ("1,234,567 hits per day", 1234567 / 86400),
        ("5 Mio. Anfragen pro Tag", 5e6 / 86400),
        ("5 Millionen Aufrufe am Tag", 5e6 / 86400),
        ("Wir haben im Mittel 1.200 Anfragen pro Minute", 20.0),
        ("2,5 Mio. Anfragen täglich", 2.5e6 / 86400),
        ("medio millón de peticiones al día", 5e5 / 86400),
        ("con 1.200 peticiones por minuto en la web", 20.0),
        ("120 mil peticiones por hora", 120e3 / 3600),
        ("half a million requests per day", 5e5 / 86400),
        ("10 min per phase, 3 errors per minute, twice a day, 20 h per week", None),
        ("we deploy 3 times a day", None),
    ],
)
def test_traffic(text: str, per_s: float | None) -> None:
    found = value(text, "traffic")
    assert (found.per_s if found else None) == (pytest.approx(per_s) if per_s else None)


@pytest.mark.parametrize(
    ("text", "traffic"),
    [
        ("peak 900 rps", Traffic(900, True)),
        ("900 rps at peak", Traffic(900, True)),
        ("peak 900 rps, on average 300 rps", Traffic(300)),
        ("Spitze 900 Anfragen pro Sekunde", Traffic(900, True)),
        ("900 peticiones por segundo en hora punta", Traffic(900, True)),
        ("im Schnitt 300 Anfragen pro Sekunde", Traffic(300)),
    ],
)
def test_a_peak_is_told_from_the_usual(text: str, traffic: Traffic) -> None:
    assert value(text, "traffic") == traffic


@pytest.mark.parametrize(
    ("text", "strategy"),
    [
        ("Strategy: canary", "canary"),
        ("blue-green deployment", "blue-green"),
        ("blue/green", "blue-green"),
        ("rolling update", "rolling"),
        ("Kanarienvogel-Rollout", "canary"),
        ("Blau-Grün", "blue-green"),
        ("rollierend, Server für Server", "rolling"),
        ("despliegue canario", "canary"),
        ("azul/verde", "blue-green"),
        ("servidor por servidor", "rolling"),
        ("a canery release", "canary"),
        ("a carry-over", None),
    ],
)
def test_strategy(text: str, strategy: str | None) -> None:
    assert value(text, "strategy") == (Strategy(strategy) if strategy else None)


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("10% for 10 min, 50% for 10 minutes, then 100%", ((10, 600.0), (50, 600.0), (100, None))),
        ("5 % -> 25 % -> 100 %", ((5, None), (25, None), (100, None))),
        ("10/50/100", ((10, None), (50, None), (100, None))),
        ("Phases: 1%, 10%, 100%", ((1, None), (10, None), (100, None))),
        ("10 % für 15 Minuten, dann 50 % für 1 Stunde", ((10, 900.0), (50, 3600.0))),
        ("10% durante 10 minutos, luego 100%", ((10, 600.0), (100, None))),
        ("on 25/11/2026", None),
        ("10% of users", None),
    ],
)
def test_phases(text: str, phases: tuple[tuple[float, float | None], ...] | None) -> None:
    found = value(text, "phases")
    assert (tuple((one.weight, one.watch_s) for one in found) if found else None) == phases


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("with feature flag", Flag(True)),
        ("no feature flag", Flag(False)),
        ("ohne Feature-Flag", Flag(False)),
        ("sin bandera", Flag(False)),
        ("behind the flag new-payment", Flag(True, "new-payment")),
        ("feature flag `payment_fix_v2`", Flag(True, "payment_fix_v2")),
        ("Flag: checkout.v2", Flag(True, "checkout.v2")),
        ("mit Feature-Toggle", Flag(True)),
        ("flag it for review", None),
    ],
)
def test_flags(text: str, flag: Flag | None) -> None:
    assert value(text, "flag") == flag


@pytest.mark.parametrize(
    ("text", "migration"),
    [
        ("includes a database migration", Migration(None)),
        ("an irreversible migration", Migration(False)),
        ("the migration cannot be undone", Migration(False)),
        ("it drops the column price", Migration(False)),
        ("the migration is reversible", Migration(True)),
        ("Migration, nicht umkehrbar", Migration(False)),
        ("die Migration kann rückgängig gemacht werden", Migration(True)),
        ("migración que no se puede deshacer", Migration(False)),
        ("no migration", None),
        ("keine Migration", None),
        ("sin migraciones", None),
        ("Migration: none", None),
    ],
)
def test_migrations(text: str, migration: Migration | None) -> None:
    assert value(text, "migration") == migration


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("the service is stateful", "stateful", True),
        ("zustandsbehafteter Dienst", "stateful", True),
        ("stateless", "stateful", False),
        ("a major upgrade", "major", True),
        ("una reescritura", "major", True),
        ("a new feature, nothing is wrong", "known_bad", False),
        ("the running version is healthy", "known_bad", False),
        ("die laufende Version ist gesund", "known_bad", False),
        ("la versión actual está sana", "known_bad", False),
        ("hot-fix for the new feature", "known_bad", True),
        ("keep blue warm for 2 hours", "standby_s", 7200.0),
        ("Standby: 90 min", "standby_s", 5400.0),
        ("mantener la versión anterior durante 1 hora", "standby_s", 3600.0),
    ],
)
def test_what_kind_of_change_it_is(text: str, name: str, expected: Any) -> None:
    assert value(text, name) == expected


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Window: 2026-11-25 22:00-02:00 UTC", ("2026-11-25", "22:00", "02:00", "UTC", "2026-11-26")),
        (
            "Window: 25 November 2026, 10pm to 2am America/New_York",
            ("2026-11-25", "22:00", "02:00", "America/New_York", "2026-11-26"),
        ),
        (
            "Wartungsfenster: 25.11.2026 von 22:00 bis 23:30 Uhr MEZ",
            ("2026-11-25", "22:00", "23:30", "Europe/Berlin", "2026-11-25"),
        ),
        (
            "Ventana: 25 de noviembre de 2026, 22:00 a 23:00 Europe/Madrid",
            ("2026-11-25", "22:00", "23:00", "Europe/Madrid", "2026-11-25"),
        ),
        ("scheduled between 22:00 and 02:00", ("", "22:00", "02:00", "", "")),
        ("Window: 2026-11-25 22:00 - 2026-11-27 02:00 UTC", ("2026-11-25", "22:00", "02:00", "UTC", "2026-11-27")),
        ("Window: 2026-02-30 22:00-23:00 UTC", ("", "22:00", "23:00", "UTC", "")),
        ("the bug was reported on 2026-11-20", None),
        ("watch it for 10 min", None),
    ],
)
def test_windows(text: str, window: tuple[str, ...] | None) -> None:
    assert shown(value(text, "window")) == window


def test_what_a_window_lacks_is_missing() -> None:
    assert parse("P2, Window: Tuesday 22:00-23:00").missing[-2:] == ("window date", "window zone")


@pytest.mark.parametrize(
    ("text", "tickets"),
    [
        ("SHOP-123", ["SHOP-123"]),
        ("fixes issue #42 and ticket 4711", ["#42", "4711"]),
        ("INC0012345", ["INC0012345"]),
        ("https://github.com/shop/payment/issues/12", ["https://github.com/shop/payment/issues/12"]),
        ("UTF-8, SHA-256, ISO-8601, SEV-1, P0, CVE-2026-1234, BLUE-42", []),
        ("5 incidents, 45% of tickets", []),
    ],
)
def test_tickets(text: str, tickets: list[str]) -> None:
    assert values(text, "tickets") == tickets


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("On-call: Ann Example @ann", ContactFact("on-call", "Ann Example", "@ann")),
        ("Ann Example is on call", ContactFact("on-call", "Ann Example", "")),
        ("Tested by Bo", ContactFact("tester", "Bo", "")),
        ("Owner: team-payments@example.com", ContactFact("owner", "", "team-payments@example.com")),
        ("Escalation: Cy, +49 170 1234567", ContactFact("escalation", "Cy", "+49 170 1234567")),
        ("Eskalation: Dörte Müller", ContactFact("escalation", "Dörte Müller", "")),
        ("see #inc-payment", ContactFact("incident-channel", "", "#inc-payment")),
    ],
)
def test_contacts(text: str, contact: ContactFact) -> None:
    assert contact in values(text, "contacts")


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("Create deployment plan for payment null pointer hot-fix.", "payment null pointer hot-fix"),
        ("Please deploy the checkout timeout fix to production", "checkout timeout fix"),
        ("hot-fix for empty carts in checkout", "hot-fix for empty carts in checkout"),
        ("Summary: prices are shown twice", "prices are shown twice"),
        ("Bitte erstelle einen Plan für den Warenkorb-Hotfix", "Warenkorb-Hotfix"),
        ("Crear un plan para el parche de pagos", "parche de pagos"),
        ("prod is fine, checkout is broken since 3am. Help", None),
        ("need hotfix", None),
        ("nothing of the kind", None),
    ],
)
def test_summary(text: str, summary: str | None) -> None:
    assert value(text, "summary") == summary


@pytest.mark.parametrize(("text", "language"), [(EXAMPLE, "en"), (GERMAN, "de"), (SPANISH, "es"), ("", "")])
def test_language(text: str, language: str) -> None:
    assert parse(text).language == language
