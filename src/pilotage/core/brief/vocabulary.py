"""Small vocabularies: which language a brief is in, and how its labels are called."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """The words of a text block."""
    return frozenset(text.split())


_LETTERS = re.compile(r"[^\W\d_]{2,}")
_COMMON: dict[str, frozenset[str]] = {
    "en": words(
        """
    the for of with and to is in on are be at by from this that it we our has have was will please can then after
    before no not an as or when create plan need needs all new must should
    """
    ),
    "de": words(
        """
    der die das und für mit auf ist nicht von bitte wir den dem des ein eine einen im am zu bei nach vor aus sind
    wird werden dann kein keine alle soll muss zum zur über durch ohne unser unsere jede jeder pro erstelle plan
    """
    ),
    "es": words(
        """
    el la los las para con de que en por una un del al se es son no y o hay después antes sin todas todos nuestro
    nuestra cada luego crear plan necesitamos debe su
    """
    ),
}
_FIELD = words(
    """
    hotfix hot fix bug bugfix deploy deployment release rollout canary rolling blue green flag feature toggle
    production prod staging severity sev environment service version traffic requests request rps qps peak day hour
    minute second strategy window ticket incident checkout payment null pointer error errors failing failed crash
    migration database stateful region on-call oncall call owner tester phase phases critical produktion schweregrad
    umgebung dienst verkehr anfragen strategie fehler fehlerbehebung ausfall kritisch bereitschaft datenbank
    producción produccion severidad entorno servicio versión tráfico trafico peticiones estrategia ventana guardia
    fallo fallos corrección parche crítico base datos api gateway cache login cart search timeout timeouts
    """
)

LABELS: dict[str, tuple[str, ...]] = {
    "summary": ("summary", "title", "what", "titel", "zusammenfassung", "resumen", "título", "titulo"),
    "service": (
        "services",
        "service",
        "dienste",
        "dienst",
        "servicios",
        "servicio",
        "component",
        "komponente",
        "componente",
    ),
    "severity": ("severity", "sev", "priority", "schweregrad", "priorität", "severidad", "gravedad", "prioridad"),
    "impact": ("impact", "auswirkungen", "auswirkung", "impacto"),
    "environment": ("environment", "env", "umgebung", "entorno", "ambiente"),
    "region": ("regions", "region", "regionen", "regiones", "región"),
    "version": ("new version", "target version", "neue version", "nueva versión", "version", "versión"),
    "previous": (
        *("previous version", "previous", "current version", "running version", "rollback to", "vorherige version"),
        *("vorversion", "bisherige version", "aktuelle version", "versión anterior", "versión actual", "anterior"),
    ),
    "traffic": (
        "traffic",
        "load",
        "requests",
        "volume",
        "verkehr",
        "last",
        "anfragen",
        "tráfico",
        "trafico",
        "carga",
        "peticiones",
    ),
    "strategy": ("strategy", "strategie", "estrategia", "rollout"),
    "phases": ("phases", "steps", "phasen", "schritte", "stufen", "fases", "pasos", "etapas"),
    "flag": ("feature flag", "feature toggle", "feature-flag", "flag", "schalter", "bandera"),
    "migration": ("migrations", "migration", "database", "datenbank", "migración", "base de datos"),
    "window": (
        "maintenance window",
        "window",
        "wartungsfenster",
        "zeitfenster",
        "fenster",
        "ventana de mantenimiento",
        "ventana",
    ),
    "standby": ("standby", "keep warm", "warm", "bereithalten", "en espera"),
    "ticket": ("tickets", "ticket", "issue", "incident", "jira", "vorfall", "incidencia"),
    "on-call": ("on-call", "on call", "oncall", "bereitschaft", "rufbereitschaft", "de guardia", "guardia"),
    "tester": ("tester", "tested by", "qa", "getestet von", "probado por"),
    "escalation": ("escalation", "escalate to", "eskalation", "escalado", "escalación"),
    "owner": ("owner", "responsible", "verantwortlich", "verantwortliche", "responsable"),
    "incident-channel": ("incident channel", "channel", "kanal", "canal"),
}
"""What a fact is called before a colon, in any of the three languages."""


def language_of(text: str) -> str:
    """en, de or es; empty when too few words are known to tell. Of two that fit, the first."""
    read = [one.lower() for one in _LETTERS.findall(text[:5000])]
    if not read:
        return ""
    scores = {name: sum(word in known for word in read) for name, known in _COMMON.items()}
    best = max(scores, key=lambda name: scores[name])
    field = sum(word in _FIELD for word in read)
    if len(read) >= 8 and scores[best] + field < 0.2 * len(read):
        return ""
    if len(read) >= 8 and scores[best] == 0 and field < 0.25 * len(read):
        return ""
    return best
