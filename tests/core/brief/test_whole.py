"""Whole briefs, as they arrive: chat messages, tickets, mails; and the small misreadings that must not come back."""

import pytest

from tests.core.brief.saying import understood

WHOLE = [
    (
        "Hey team, please create a rollout plan for the checkout-api hotfix (PAY-1234). We're on v1.14.2 and want to "
        "go to v1.14.3. P1. Use canary 5% for 15m, 25% for 15m, 100%. It's behind the feature flag checkout_fix. "
        "~120k requests/hour. No DB migration. Escalation: bob@acme.com",
        {
            "summary": "checkout-api hotfix",
            "service": "checkout-api",
            "severity": "P1",
            "version": "1.14.3",
            "previous": "1.14.2",
            "per_s": 33.333333,
            "strategy": "canary",
            "phases": ((5, 900), (25, 900), (100, None)),
            "flag": "checkout_fix",
            "migration": None,
            "tickets": ("PAY-1234",),
            "contacts": (("escalation", "", "bob@acme.com"),),
            "missing": ("environment",),
            "conflicts": (),
            "suspicious": (),
        },
    ),
    (
        "# Hotfix plan\n\n- **Service:** order-service\n- **Severity:** SEV1\n- **Env:** prod\n"
        "- **Current version:** 5.2.0\n- **New version:** 5.2.1\n- **Traffic:** 3.5M req/day (peak 120 rps)\n"
        "- **Regions:** eu-west-1, us-east-1\n- **Strategy:** blue/green, keep blue warm for 2h\n"
        "- **Window:** 2026-12-01 02:00–04:00 UTC\n- **On-call:** @maria\n"
        "- **Ticket:** https://jira.acme.com/browse/ORD-77\n",
        {
            "service": "order-service",
            "severity": "P1",
            "environment": "production",
            "version": "5.2.1",
            "previous": "5.2.0",
            "per_day": 3.5e6,
            "peak": False,
            "regions": ("eu-west-1", "us-east-1"),
            "strategy": "blue-green",
            "standby_s": 7200,
            "window": "2026-12-01 02:00 04:00 UTC same",
            "contacts": (("on-call", "", "@maria"),),
            "tickets": ("ORD-77",),
            "missing": ("summary",),
            "conflicts": (),
        },
    ),
    (
        "Dringend: Der Zahlungsdienst liefert bei ca. 40 % der Bestellungen einen Fehler. Der Hotfix 7.3.2 ist fertig "
        "und getestet von Carola Weiß. Aktuell läuft 7.3.1. Bitte als Canary ausrollen: 10 % für 10 Minuten, 50 % für "
        "10 Minuten, dann alles. Rund 5 Mio. Anfragen pro Tag. P0.",
        {
            "language": "de",
            "service": "zahlungsdienst",
            "severity": "P0",
            "impact": (0.4, "Bestellungen einen Fehler"),
            "version": "7.3.2",
            "previous": "7.3.1",
            "per_day": 5e6,
            "strategy": "canary",
            "phases": ((10, 600), (50, 600), (100, None)),
            "contacts": (("tester", "Carola Weiß", ""),),
            "missing": ("environment",),
        },
    ),
    (
        "Urgente: el servicio de autenticación falla para la mitad de los usuarios. Hay que desplegar auth 1.9.4 en "
        "producción (ahora corre la 1.9.3). P0. Tráfico: 2,5 millones de peticiones al día. Canary con feature flag "
        "auth-fix: 10% 10 min, 50% 10 min, 100%. Guardia: Lucía (+34 600 123 456).",
        {
            "language": "es",
            "service": "auth",
            "severity": "P0",
            "impact": (0.5, "usuarios"),
            "environment": "production",
            "version": "1.9.4",
            "previous": "1.9.3",
            "per_day": 2.5e6,
            "phases": ((10, 600), (50, 600), (100, None)),
            "flag": "auth-fix",
            "contacts": (("on-call", "Lucía", "+34 600 123 456"),),
            "missing": (),
        },
    ),
    (
        "Subject: [P1] Hotfix for memory leak in inventory-service\n\nHi all,\n\nwe found a memory leak in "
        "inventory-service 2.9.0 (running in production) and\nhave a fix in 2.9.1. About 1 in 10 requests times out. "
        "The service gets\nabout 1.5 million requests per day.\n\nLogs:\n"
        "2026-11-20 10:02:11,123 ERROR [main] c.a.InventoryController - java.lang.OutOfMemoryError: Java heap space\n"
        "    at com.acme.InventoryController.load(InventoryController.java:55)\n\n"
        "> Can we go to 100% directly? P0?\n\nPlease use a canary.\nThanks, Bob",
        {
            "summary": "Hotfix for memory leak in inventory-service",
            "service": "inventory-service",
            "severity": "P1",
            "impact": (0.1, "requests times out"),
            "environment": "production",
            "version": "2.9.1",
            "previous": "2.9.0",
            "per_day": 1.5e6,
            "strategy": "canary",
            "phases": None,
            "window": None,
            "suspicious": ("quoted", "quoted", "quoted"),
        },
    ),
    (
        "hotfix payment npe, prod, p0, canary, 5m req/d, 2.4.0->2.4.1",
        {
            "summary": "hotfix payment npe",
            "service": "payment",
            "severity": "P0",
            "environment": "production",
            "strategy": "canary",
            "per_day": 5e6,
            "version": "2.4.1",
            "previous": "2.4.0",
            "missing": (),
        },
    ),
    (
        "Service=payment; Severity=P0; Environment=production; Version=2.4.1; Previous=2.4.0; Traffic=5M/day",
        {"service": "payment", "severity": "P0", "version": "2.4.1", "per_day": 5e6, "missing": ("summary",)},
    ),
    (
        "Severity is P1. The environment is production. The service is payment. The version is 2.4.1. The previous "
        "version is 2.4.0. Traffic is 5M requests per day. The strategy is canary.",
        {"service": "payment", "severity": "P1", "version": "2.4.1", "previous": "2.4.0", "strategy": "canary"},
    ),
    (
        "P0!!! login broken for everyone!!! auth-service, rollback not possible because of migration. prod. "
        "deploy 2.0.1 NOW. skip the checklist",
        {
            "summary": "login broken for everyone!",
            "service": "auth-service",
            "severity": "P0",
            "migration": "irreversible",
            "version": "2.0.1",
            "suspicious": ("instruction",),
        },
    ),
]


@pytest.mark.parametrize(("text", "facts"), WHOLE, ids=[text[:40] for text, _ in WHOLE])
def test_a_whole_brief_is_understood(text, facts):
    found = understood(text)
    assert {name: found[name] for name in facts} == facts


NEVER_AGAIN = [
    (
        "canary with 5, 20, 50 and 100 percent",
        {"per_s": None, "phases": ((5, None), (20, None), (50, None), (100, None))},
    ),
    ("Upgrade of Spring Boot 3.2.1 to 3.3.0 included", {"version": None, "previous": None, "services": ()}),
    ("Roll back when the error rate exceeds 2% for 5 minutes", {"impact": None, "phases": None, "summary": None}),
    ("99.9% SLO, p95 below 300 ms, CPU below 80%", {"version": None, "impact": None, "phases": None, "severity": None}),
    ("Budget is $5M per year, 2,000 tickets per day", {"per_s": None}),
    ("Production is at 2.4.0, needs 2.4.1", {"version": "2.4.1", "previous": "2.4.0"}),
    ("10% of checkouts failing, 50% of logins slow", {"phases": None}),
    ("between 100 and 200 requests per second", {"per_s": 100}),
    ("about 5-6M requests per day", {"per_day": 5e6}),
    ("100k+ requests per day", {"per_day": 1e5}),
    ("The service is unavailable.", {"services": ()}),
    ("Environment: staging first, then production", {"environment": "production"}),
    ("Version: 2.4.1, commit: 4f2a9c1", {"version": "2.4.1", "conflicts": ()}),
    ("Window: Sat 22:00 - Sun 02:00 UTC", {"window": "? 22:00 02:00 UTC same"}),
    ("Window: 2026-11-30T22:00Z to 2026-12-01T01:00Z", {"window": "2026-11-30 22:00 01:00 UTC 2026-12-01"}),
    ("The fix was tested on staging with 10% and 50% traffic", {"environment": None}),
    ("start at 1% for half an hour, go to 20% for an hour and then to 100%",
     {"phases": ((1, 1800), (20, 3600), (100, None))}),
    ("Severity: P0 (30% of users)", {"severity": "P0", "impact": (0.3, "users")}),
    ("suche 4.0 ersetzt 3.9", {"version": "4.0", "previous": "3.9", "service": "suche"}),
    ("Hotfix 1.2.4 (bisher 1.2.3)", {"version": "1.2.4", "previous": "1.2.3", "services": ()}),
    ("We must not forget the rules for refunds", {"suspicious": ()}),
    ("Do not check in before 22:00. Never stop the old pods early", {"suspicious": ()}),
    ("cart-api 2.4.1. From 2.4.0 to 2.4.1", {"version": "2.4.1", "previous": "2.4.0"}),
    ("᪔ requests per hour", {"per_s": None}),
    ("roll back if it fails 20% for 15 minutes, then 100%", {"impact": None}),
    ("Nothing is failing; 0% errors.", {"impact": None}),
    ("5 December 2026 is a nice day", {"window": None}),
    ("Rolling is not possible, so canary", {"strategy": "canary", "conflicts": ()}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts"), NEVER_AGAIN, ids=[text[:50] for text, _ in NEVER_AGAIN])
def test_what_was_once_misread_is_read_well(text, facts):
    found = understood(text)
    assert {name: found[name] for name in facts} == facts
