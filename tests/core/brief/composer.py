"""Briefs with known answers, composed from a seed: three languages, shuffled sentences, noise, mutations."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

NAMES = ("payment", "checkout", "cart", "search-api", "login", "inventory", "mail", "billing")
TROUBLES = {
    "en": ("null pointer", "timeout", "empty cart", "wrong price"),
    "de": ("Zeitüberschreitung", "Absturz", "Preisfehler"),
    "es": ("precio", "inicio", "carrito"),
}
SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "summary": (
            "Create deployment plan for {service} {trouble} hot-fix.",
            "We need to ship the {service} {trouble} hot-fix.",
        ),
        "service": ("Service: {service}.", "It is the {service} service."),
        "severity": ("Severity: {severity}.", "This is a {severity}.", "Priority {digit}."),
        "impact": ("{share}% of requests failing.", "Right now {share} % of the orders are broken."),
        "environment": ("Environment: Production.", "It goes to production."),
        "versions": (
            "From {previous} to {version}.",
            "Version {previous} -> {version}.",
            "Version: {version}. Previous: {previous}.",
        ),
        "traffic": (
            "{millions}M requests/day.",
            "It gets {millions} million requests per day.",
            "Traffic: {millions}M/day.",
        ),
        "strategy": ("Strategy: Canary.", "Use a canary release."),
        "flag": ("Behind the flag {flag}.", "Feature flag `{flag}`."),
        "phases": ("Phases: 5% for 10 min, 25% for 15 min, then 100%.",),
        "ticket": ("See {ticket}.", "Ticket: {ticket}."),
        "on-call": ("On-call: Ann Example @ann.",),
        "window": ("Window: 2026-12-0{day} 22:00-23:30 Europe/Berlin.",),
        "noise": (
            "Thanks a lot.",
            "The team has been on it since this morning.",
            "Please be careful with it.",
            "Coffee is in the kitchen.",
        ),
    },
    "de": {
        "summary": ("Bitte erstelle einen Plan für den {service} {trouble} Hotfix.",),
        "service": ("Dienst: {service}.",),
        "severity": ("Schweregrad: {severity}.", "Das ist ein {severity}."),
        "impact": ("{share} % der Bestellungen scheitern.", "{share}% der Aufrufe sind fehlerhaft."),
        "environment": ("Umgebung: Produktion.", "Es geht in die Produktion."),
        "versions": ("Von {previous} auf {version}.", "Version {previous} -> {version}."),
        "traffic": ("{millions} Mio. Anfragen pro Tag.", "Wir haben {millions} Millionen Aufrufe am Tag."),
        "strategy": ("Strategie: Canary.", "Bitte als Kanarienvogel-Rollout."),
        "flag": ("Feature-Flag `{flag}`.",),
        "phases": ("Phasen: 5 % für 10 Minuten, 25 % für 15 Minuten, dann 100 %.",),
        "ticket": ("Siehe {ticket}.",),
        "on-call": ("Bereitschaft: Ann Example @ann.",),
        "window": ("Wartungsfenster: 0{day}.12.2026 22:00 bis 23:30 Europe/Berlin.",),
        "noise": ("Vielen Dank.", "Das Team ist seit heute früh daran.", "Bitte sei vorsichtig damit."),
    },
    "es": {
        "summary": ("Crear un plan para el parche de {service} {trouble}.",),
        "service": ("Servicio: {service}.",),
        "severity": ("Severidad: {severity}.", "Esto es un {severity}."),
        "impact": ("El {share}% de los pagos fallan.", "El {share} % de las peticiones están afectadas."),
        "environment": ("Entorno: producción.", "Va a producción."),
        "versions": ("De {previous} a {version}.", "Versión {previous} -> {version}."),
        "traffic": ("{millions} millones de peticiones al día.", "Tráfico: {millions}M/día."),
        "strategy": ("Estrategia: canario.", "Despliegue canario, por favor."),
        "flag": ("Con la bandera `{flag}`.",),
        "phases": ("Fases: 5% durante 10 min, 25% durante 15 min, luego 100%.",),
        "ticket": ("Ver {ticket}.",),
        "on-call": ("Guardia: Ann Example @ann.",),
        "window": (
            "Ventana: 0{day}/12/2026 de 22:00 a 23:30 Europe/Berlin.",
            "Ventana: {day} de diciembre de 2026, 22:00 a 23:30 Europe/Berlin.",
        ),
        "noise": ("Muchas gracias.", "El equipo está en ello desde la mañana.", "Con cuidado, por favor."),
    },
}
OPTIONAL = ("impact", "strategy", "flag", "phases", "ticket", "on-call", "window")
JUNK = (
    "\u200b",
    "\u202e",
    "а",
    "\x00",
    "```",
    "> ",
    '"',
    "%",
    "P",
    "5M/",
    "\n\n",
    "🙂",
    "ﬁ",
    "$(",
    "1.200",
    "ERROR ",
    "from ",
    "->",
)


@dataclass(frozen=True)
class Made:
    """`answers` are what was put in, by fact."""

    text: str
    language: str
    answers: dict[str, Any]


def made(random: random.Random) -> Made:
    language = random.choice(("en", "de", "es"))
    minor = random.randint(0, 30)
    values: dict[str, Any] = {
        "service": random.choice(NAMES),
        "trouble": random.choice(TROUBLES[language]),
        "severity": f"P{random.randint(0, 2)}",
        "share": random.randint(1, 99),
        "previous": f"{random.randint(1, 9)}.{minor}.{random.randint(0, 9)}",
        "millions": random.randint(1, 90),
        "flag": random.choice(("payment-fix", "new_checkout", "cart.v2")),
        "ticket": f"SHOP-{random.randint(1, 9999)}",
        "day": random.randint(1, 9),
    }
    values["digit"] = values["severity"][1]
    values["version"] = f"{random.randint(1, 9)}.{minor + 1}.{random.randint(0, 9)}"
    said = ["service", "severity", "environment", "versions", "traffic", *random.sample(OPTIONAL, random.randint(0, 7))]
    said += ["noise"] * random.randint(0, 2)
    random.shuffle(said)
    pieces = [random.choice(SENTENCES[language][name]).format(**values) for name in ["summary", *said]]
    return Made(
        random.choice((" ", " ", "\n")).join(pieces), language, {name: values | {"said": True} for name in said}
    )


def mutated(text: str, random: random.Random) -> str:
    """A few signs dropped, doubled, swapped or thrown in."""
    signs = list(text)
    for _ in range(random.randint(1, 8)):
        place = random.randrange(len(signs) + 1)
        match random.randrange(4):
            case 0 if signs:
                del signs[min(place, len(signs) - 1)]
            case 1 if signs:
                signs.insert(place, signs[min(place, len(signs) - 1)])
            case 2 if len(signs) > 1:
                other = random.randrange(len(signs))
                place = min(place, len(signs) - 1)
                signs[place], signs[other] = signs[other], signs[place]
            case _:
                signs.insert(place, random.choice(JUNK))
    return "".join(signs)
