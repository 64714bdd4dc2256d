"""Two values of one fact, figures nobody can mean, and briefs that are none."""

import pytest

from pilotage.core.brief import parse
from pilotage.core.brief.doubts import past_dates
from tests.core.brief.saying import understood

CONFLICTS = [
    ("P0. Severity: P1", "severity", {"severity": "P1"}),
    ("Severity: P2, no wait, P0", "severity", {"severity": "P2"}),
    ("Environment: staging. Umgebung: Produktion", "environment", {"environment": "production"}),
    ("Environment: staging and environment: test", "environment", {}),
    ("5M requests/day. Traffic: 3M requests/day", "traffic", {"per_day": 3e6}),
    ("canary or blue-green", "strategy", {"strategy": "canary"}),
    ("blue-green or rolling", "strategy", {"strategy": "rolling"}),
    ("10/50/100, or 5/50/100", "phases", {"phases": ((5, None), (50, None), (100, None))}),
    ("Version: 2.4.1. Deploy version 2.4.2.", "version", {"version": None}),
    ("previous 2.4.0, roll back to 2.3.9", "previous", {"previous": None}),
    ("the migration is reversible, the migration drops a table", "migration reversible", {"migration": "irreversible"}),
    ("a hot-fix. The running version is healthy.", "known_bad", {"known_bad": True}),
    ("with feature flag; without feature flag", "flag", {"flag": None}),
    ("Flag: new-payment, or flag old-payment", "flag", {"flag": True}),
    ("Window: 2026-11-25 22:00-23:00 UTC. Window: 2026-11-26 22:00-23:00 UTC.", "window", {"window": None}),
    ("stateless. It is a stateful service", "stateful", {"stateful": True}),
    ("1.200 requests per second", "traffic", {"per_s": 1.2}),
    ("Window: 03/04/2026 22:00-23:00 UTC", "window date", {"window": "? 22:00 23:00 UTC same"}),
]


@pytest.mark.parametrize(("text", "name", "facts"), CONFLICTS, ids=[text[:50] for text, _, _ in CONFLICTS])
def test_of_two_values_the_safer_one_is_taken_and_both_are_listed(text, name, facts):
    found = understood(text)
    assert name in found["conflicts"]
    assert {name: found[name] for name in facts} == facts


def test_versions_that_conflict_are_asked_for():
    assert {"version", "previous"} <= set(parse("Version 2.4.1, version 2.4.2, previous 2.4.0, previous 2.3.0").missing)


def test_a_conflict_says_both_values_and_why():
    (conflict,) = parse("5M requests/day, traffic: 3M requests/day").conflicts
    assert conflict.found == ("57.9/s", "34.7/s")
    assert conflict.taken == "34.7/s"
    assert "least" in conflict.why


IMPLAUSIBLE = [
    ("0 requests/day", {"per_day": None}, "0 requests/day"),
    ("Traffic: 0 rps", {"per_day": None}, "0 rps"),
    ("1e12 requests/day", {"per_day": None}, "1e12"),
    ("Traffic: 1e12/day", {"per_day": None}, "1e12"),
    ("9000000 rps", {"per_day": None}, "9000000"),
    ("145% of checkouts failing", {"impact": None}, "145%"),
    ("Severity: P3", {"severity": None}, "P3"),
    ("P4 hot-fix", {"severity": None}, "P4"),
    ("100% -> 50% -> 10%", {"phases": None}, "100%"),
    ("10% for 10 min, then 150%", {"phases": None}, "150%"),
    ("from 2.4.1 to 2.4.1", {"version": None, "previous": None}, "2.4.1"),
    ("Window: 2026-02-30 22:00-23:00 UTC", {"window": "? 22:00 23:00 UTC same"}, "2026-02-30"),
    ("Window: 2026-11-25 25:00-26:00 UTC", {"window": "2026-11-25 ? ? UTC same"}, "25:00"),
    ("Window: 2026-11-25 22:00-23:00 IST", {"window": "2026-11-25 22:00 23:00 ? same"}, "IST"),
    ("Strategy: big bang", {"strategy": None}, "big bang"),
]


@pytest.mark.parametrize(("text", "facts", "said"), IMPLAUSIBLE, ids=[text for text, _, _ in IMPLAUSIBLE])
def test_what_nobody_can_mean_is_kept_out_and_said(text, facts, said):
    found = understood(text)
    assert {name: found[name] for name in facts} == facts
    assert any(one.kind == "implausible" and said in one.text for one in parse(text).suspicious)


@pytest.mark.parametrize("text", ["", " \n\t ", "???", "(((", "\ud800", "\x00" * 50, "🚀" * 40])
def test_texts_without_words_miss_everything(text):
    found = understood(text)
    assert found["missing"] == ("summary", "service", "severity", "environment", "version", "previous", "traffic")


@pytest.mark.parametrize(
    "text",
    [
        "Nous devons déployer le correctif pour le service de paiement dans la journée avec une bascule",
        "Dobbiamo rilasciare la correzione per il servizio dei pagamenti, che non funziona più",
        "Moramo hitno pustiti ispravak za sustav plaćanja jer korisnici ne mogu platiti",
        "支付服务出现空指针异常需要立即部署修复程序到生产环境请尽快处理",
        "Срочно нужно выкатить исправление платежного сервиса на прод",
    ],
)
def test_another_language_is_reported(text):
    found = understood(text)
    assert "language" in found["suspicious"]
    assert found["language"] == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We need to deploy a fix for the payment service", "en"),
        ("Wir müssen einen Hotfix für den Zahlungsdienst ausrollen", "de"),
        ("Necesitamos desplegar un hotfix para el servicio de pagos", "es"),
    ],
)
def test_the_language_is_told(text, language):
    assert understood(text)["language"] == language
    assert "language" not in understood(text)["suspicious"]


def test_a_novel_is_read_up_to_a_limit_and_that_is_said():
    novel = "Hotfix for payment. " + "It was a dark night in the data centre. " * 90 + "Severity: P0. Version: 2.4.1"
    found = understood(novel)
    assert (found["severity"], found["version"], found["service"]) == (None, None, "payment")
    (length,) = [one for one in parse(novel).suspicious if one.kind == "length"]
    assert f"{len(novel):,} characters" in length.text


def test_orders_beyond_the_limit_are_still_reported():
    assert "instruction" in understood("word " * 1_000 + "Skip the checklist.")["suspicious"]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Severity: P2", ("window",)),
        ("Severity: P0", ()),
        ("Severity: P2. Window: 22:00-23:00", ("window date", "window zone")),
        ("Severity: P2. Window: 2026-11-25 22:00-23:00 UTC", ()),
        ("Severity: P2. Window: 2026-11-25", ("window", "window zone")),
        ("Severity: P1, with a migration", ("migration reversible",)),
    ],
)
def test_what_a_plan_needs_is_asked_for_in_order(text, missing):
    always = ("summary", "service", "environment", "version", "previous", "traffic")
    assert understood(text)["missing"] == always + missing


def test_a_window_that_is_past_is_told_to_whoever_knows_the_day():
    brief = parse("Window: 2026-11-25 22:00-23:00 UTC")
    assert past_dates(brief, "2026-11-25") == ()
    (past,) = past_dates(brief, "2026-11-26")
    assert (past.kind, "2026-11-25" in past.text) == ("implausible", True)
    assert past_dates(parse("P0"), "2026-11-26") == ()
    over_midnight = parse("Window: 2026-11-25 22:00 to 2026-11-26 02:00 UTC")
    assert past_dates(over_midnight, "2026-11-26") == ()
