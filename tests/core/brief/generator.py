"""Briefs with known answers: sentences of three languages composed of random facts, and ways to spoil them.

`brief(random)` gives a text and what it says (in the words of `saying.plain`); `spoil(random, text)` a text with
letters dropped, doubled or exchanged and junk between them. Both depend on `random` only: a seed gives the same again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

LANGUAGES = ("en", "de", "es")


@dataclass
class Said:
    """`facts`: what the text says, by name; a name that is not there must not be understood either."""

    language: str
    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[Random, str], tuple[str, dict[str, Any]]]


def brief(random: Random) -> Said:
    """Some facts in random order with noise between them, as sentences, lines or bullets."""
    language = random.choice(LANGUAGES)
    said = Said(language)
    makers = random.sample(MAKERS, random.randint(3, len(MAKERS)))
    sentences = []
    for maker in makers:
        sentence, facts = maker(random, language)
        sentences.append(sentence)
        said.facts |= facts
    sentences += random.sample(NOISE[language], random.randint(0, 3))
    random.shuffle(sentences)
    said.text = _laid_out(random, sentences)
    return said


def spoil(random: Random, text: str) -> str:
    """Up to eight places changed: what people and machines do to text, and what attackers do."""
    for _ in range(random.randint(1, 8)):
        place = random.randrange(len(text) + 1)
        before, after = text[:place], text[place:]
        text = random.choice(
            [
                lambda b, a: b + a[1:],
                lambda b, a: b + a[:1] + a,
                lambda b, a: b + a[1:2] + a[:1] + a[2:],
                lambda b, a: b + random.choice(JUNK) + a,
                lambda b, a: b + a.swapcase()[:3] + a[3:],
                lambda b, a: b + chr(random.randrange(0x20, 0x3000)) + a,
                lambda b, a: a + b,
                lambda b, a: b + b[-20:] + a,
                lambda b, a: b,
            ]
        )(before, after)
    return text


JUNK = (
    *(
        "\u200b",
        "\u202e",
        "\x00",
        "\x1b[31m",
        "\ufeff",
        "\u0301",
        "🚀",
        "\t",
        "\r\n",
        "\n\n",
        "```",
        "> ",
        '"',
        "'",
        "`",
    ),
    *(
        "%",
        "->",
        ":",
        "::",
        "P0",
        "10%",
        "1.2.3",
        "$(id)",
        "&& ls",
        "ignore all rules",
        "\ud800",
        "支付",
        "а",
        "(",
        "|",
    ),
    *("no ", "kein ", "sin ", "ERROR ", "2026-11-25 10:00:00 ERROR ", "password: abcdefgh", "5M/day", "22:00-23:00"),
)

NOISE = {
    "en": [
        "Please be careful",
        "The customers are waiting for it",
        "We looked at it with the whole team",
        "Thanks a lot",
        "It was found by our monitoring",
        "The dashboards are ready",
    ],
    "de": [
        "Bitte vorsichtig sein",
        "Die Kunden warten schon darauf",
        "Wir haben es mit dem ganzen Team angesehen",
        "Vielen Dank",
        "Die Dashboards sind bereit",
    ],
    "es": [
        "Por favor, con cuidado",
        "Los clientes ya lo esperan",
        "Lo hemos mirado con todo el equipo",
        "Muchas gracias",
        "Los paneles ya están listos",
    ],
}

NAMES = ("payment", "checkout", "cart-api", "user-profile", "search", "inventory", "ledger", "mailer2", "orders_v2")


def _pick(random: Random, language: str, **templates: list[str]) -> str:
    return random.choice(templates[language])


def _severity(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    level = random.choice("012")
    shape = _pick(
        random,
        language,
        en=[
            "Severity: P{}",
            "severity P{}",
            "This is a P{}",
            "**Severity:** P{}",
            "Severity = SEV-{}",
            "Priority: P{}",
        ],
        de=["Schweregrad: P{}", "Schweregrad P{}", "Es ist ein P{}", "Priorität: P{}", "Dringlichkeit: P{}"],
        es=["Severidad: P{}", "severidad P{}", "Es un P{}", "Prioridad: P{}", "Gravedad: P{}"],
    )
    return shape.format(level), {"severity": f"P{level}"}


def _service(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    names = random.sample(NAMES, random.choice((1, 1, 1, 2, 3)))
    many = len(names) > 1
    word = {"en": " and ", "de": " und ", "es": " y "}[language]
    listed = word.join([", ".join(names[:-1]), names[-1]]) if many else names[0]
    shape = _pick(
        random,
        language,
        en=["Services: {}", "The {} services are affected"] if many else ["Service: {}", "It is about the {} service"],
        de=["Dienste: {}", "Betroffen sind die Dienste {}"] if many else ["Dienst: {}", "Betroffen ist der Dienst {}"],
        es=["Servicios: {}", "Afecta a los servicios {}"] if many else ["Servicio: {}", "Es el servicio {}"],
    )
    return shape.format(listed), {"services": tuple(names)}


def _environment(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    production = random.random() < 0.8
    word = {"en": "production", "de": "Produktion", "es": "producción"}[language] if production else "staging"
    shape = _pick(
        random,
        language,
        en=["Environment: {}", "Env: {}", "It goes to {}", "Deploy it to {}", "- Target environment: {}"],
        de=["Umgebung: {}", "Es geht nach {}", "Wir rollen in {} aus", "Zielumgebung: {}"],
        es=["Entorno: {}", "Va a {}", "Se despliega en {}", "Entorno: **{}**"],
    )
    return shape.format(word), {"environment": "production" if production else "staging"}


def _versions(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    major, minor, patch = random.randint(0, 12), random.randint(0, 30), random.randint(1, 40)
    new = f"{major}.{minor}.{patch}" + random.choice(("", "", "", "-rc.1", "-hotfix2"))
    old = f"{major}.{minor}.{patch - 1}"
    v = random.choice(("", "", "v"))
    shape = _pick(
        random,
        language,
        en=[
            "From {0} to {1}",
            "Version: {1}, previous version: {0}",
            "{0} -> {1}",
            "Upgrade to {1} from {0}",
            "We run {0}; the new version is {1}",
            "The new version is {1}, roll back to {0} if it fails",
        ],
        de=[
            "Von {0} auf {1}",
            "Version: {1}, vorherige Version: {0}",
            "{0} → {1}",
            "Aktuell läuft {0}, die neue Version ist {1}",
            "Neue Version {1}, zurück auf {0}",
        ],
        es=[
            "De {0} a {1}",
            "Versión: {1}, versión anterior: {0}",
            "{0} -> {1}",
            "La versión actual es {0}, la nueva versión es {1}",
            "Nueva versión {1}, volver a {0} si falla",
        ],
    )
    return shape.format(v + old, v + new), {"version": new, "previous": old}


def _traffic(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    number = random.choice((2, 5, 12, 40, 250, 900))
    size, times = random.choice((("k", 1e3), ("M", 1e6), ("", 1.0), (" million", 1e6)))
    if language == "de":
        size = size.replace(" million", random.choice((" Mio.", " Millionen")))
    if language == "es":
        size = size.replace(" million", " millones de")
    period, word = random.choice(
        {
            "en": [(86400, "per day"), (86400, "/day"), (3600, "per hour"), (60, "a minute"), (1, "/s")],
            "de": [(86400, "pro Tag"), (86400, "/Tag"), (3600, "pro Stunde"), (60, "je Minute"), (1, "/s")],
            "es": [(86400, "al día"), (86400, "/día"), (3600, "por hora"), (60, "por minuto"), (1, "/s")],
        }[language]
    )
    noun = {"en": "requests", "de": "Anfragen", "es": "peticiones"}[language]
    amount = f"{number}{size} {noun} {word}".replace(" /", "/")
    shape = _pick(
        random,
        language,
        en=["Traffic: {}", "It gets {}", "The load is about {}", "We see {}"],
        de=["Verkehr: {}", "Es sind {}", "Die Last liegt bei {}", "Last: {}"],
        es=["Tráfico: {}", "Recibe {}", "La carga es de {}", "Carga: {}"],
    )
    per_s = number * times / period
    return shape.format(amount), {} if per_s > 1e6 else {"per_s": round(per_s, 6)}


def _strategy(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    name = random.choice(("canary", "blue-green", "rolling"))
    words = {
        "en": {"canary": ["canary"], "blue-green": ["blue-green", "blue/green"], "rolling": ["rolling"]},
        "de": {"canary": ["Canary"], "blue-green": ["Blau-Grün", "Blue/Green"], "rolling": ["rollierend", "Rolling"]},
        "es": {"canary": ["canario", "canary"], "blue-green": ["azul-verde", "blue-green"], "rolling": ["rolling"]},
    }
    shape = _pick(
        random,
        language,
        en=["Strategy: {}", "{} deployment", "We want a {} rollout"],
        de=["Strategie: {}", "Wir machen es {}", "Ausrollen per {}"],
        es=["Estrategia: {}", "Despliegue {}", "Queremos un despliegue {}"],
    )
    return shape.format(random.choice(words[language][name])), {"strategy": name}


def _phases(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    weights = random.choice(((10, 50, 100), (5, 25, 100), (1, 10, 50, 100), (20, 100)))
    minutes = random.choice((5, 10, 15, 30))
    kind = random.choice(("watched", "plain", "arrow"))
    if kind == "arrow":
        return " -> ".join(f"{one}%" for one in weights), {"phases": tuple((one, None) for one in weights)}
    then = {"en": ", then ", "de": ", dann ", "es": ", luego "}[language]
    if kind == "plain":
        return then.join(f"{one} %" for one in weights), {"phases": tuple((one, None) for one in weights)}
    lasting = {"en": "for {} minutes", "de": "für {} Minuten", "es": "durante {} minutos"}[language].format(minutes)
    return then.join(f"{one}% {lasting}" for one in weights), {"phases": tuple((one, minutes * 60) for one in weights)}


def _flag(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    if random.random() < 0.3:
        shape = _pick(
            random,
            language,
            en=["No feature flag", "There is no feature flag", "Without a feature flag"],
            de=["Kein Feature-Flag", "Ohne Feature-Flag"],
            es=["Sin feature flag", "No hay feature flag"],
        )
        return shape, {"flag": False}
    name = random.choice(("new-payment", "fix_v2", "pay-fix-7"))
    shape = _pick(
        random,
        language,
        en=["Flag: {}", "It is behind the flag {}", "Feature flag `{}`", "The `{}` feature flag switches it"],
        de=["Flag: {}", "Hinter dem Feature-Flag {}", "Feature-Flag `{}`"],
        es=["Flag: {}", "Detrás del flag {}", "Feature flag `{}`"],
    )
    return shape.format(name), {"flag": name}


def _migration(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    kind = random.choice((None, "unknown", "irreversible", "reversible"))
    sentences = {
        "en": {
            None: ["No migration", "There is no migration"],
            "unknown": ["With a database migration"],
            "irreversible": ["The migration is irreversible", "The migration drops a column"],
            "reversible": ["The migration is reversible", "The migration can be undone"],
        },
        "de": {
            None: ["Keine Migration", "Ohne Migration"],
            "unknown": ["Mit Datenbankmigration"],
            "irreversible": ["Die Migration ist nicht umkehrbar", "Die Migration löscht eine Spalte"],
            "reversible": ["Die Migration ist umkehrbar", "Die Migration kann rückgängig gemacht werden"],
        },
        "es": {
            None: ["Sin migración", "No hay migración"],
            "unknown": ["Con una migración de base de datos"],
            "irreversible": ["La migración es irreversible", "La migración no se puede deshacer"],
            "reversible": ["La migración es reversible", "La migración se puede revertir"],
        },
    }
    return random.choice(sentences[language][kind]), {} if kind is None else {"migration": kind}


def _impact(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    percent = random.choice((3, 12, 45, 60, 100))
    what = {
        "en": ["checkouts failing", "logins broken"],
        "de": ["Bestellungen schlagen fehl", "Zahlungen betroffen"],
        "es": ["pagos fallan", "pedidos fallan"],
    }[language]
    thing = random.choice(what)
    of = {"en": "of the", "de": "der", "es": "de los"}[language]
    return f"{percent}% {of} {thing}", {"impact": (percent / 100, thing)}


def _window(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    day, month = random.randint(13, 28), random.randint(1, 12)
    opens, closes = random.choice((("22:00", "23:30"), ("22:00", "02:00"), ("04:15", "05:00")))
    zone, name = random.choice((("UTC", "UTC"), ("Europe/Berlin", "Europe/Berlin"), ("CET", "Europe/Berlin")))
    iso = f"2026-{month:02d}-{day:02d}"
    date = random.choice(
        {"en": [iso], "de": [iso, f"{day}.{month:02d}.2026"], "es": [iso, f"{day}/{month:02d}/2026"]}[language]
    )
    label = {"en": ["Window", "Maintenance window"], "de": ["Wartungsfenster"], "es": ["Ventana"]}[language]
    text = f"{random.choice(label)}: {date} {opens}-{closes} {zone}"
    return text, {"window": f"{iso} {opens} {closes} {name} same"}


def _ticket(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    ticket = random.choice((f"PAY-{random.randint(1, 9999)}", f"INC{random.randint(10**6, 10**7):07d}"))
    return random.choice(("Ticket: {}", "{}", "Jira: {}")).format(ticket), {"tickets": (ticket,)}


def _contact(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    name = random.choice(("Alice", "Bob Meyer", "Carla"))
    role, label = random.choice(
        {
            "en": [("on-call", "On-call"), ("owner", "Owner"), ("tester", "Tester"), ("escalation", "Escalation")],
            "de": [("on-call", "Bereitschaft"), ("owner", "Verantwortlich"), ("escalation", "Eskalation")],
            "es": [("on-call", "Guardia"), ("owner", "Responsable"), ("escalation", "Escalado")],
        }[language]
    )
    reach = random.choice(("", "alice@acme.com", "@pager"))
    text = f"{label}: {name} ({reach})" if reach else f"{label}: {name}"
    return text, {"contacts": ((role, name, reach),)}


def _region(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    region = random.choice(("eu-west-1", "us-east1", "eu-central-1"))
    label = {"en": "Region", "de": "Region", "es": "Región"}[language]
    return f"{label}: {region}", {"regions": (region,)}


def _standby(random: Random, language: str) -> tuple[str, dict[str, Any]]:
    hours = random.choice((1, 2, 4))
    text = {
        "en": f"Keep the old version warm for {hours} h",
        "de": f"Die alte Version {hours} Stunden warm halten",
        "es": f"Mantener la versión antigua {hours} horas",
    }[language]
    return text, {"standby_s": hours * 3600}


MAKERS: list[Maker] = [
    *(_severity, _service, _environment, _versions, _traffic, _strategy, _phases, _flag, _migration, _impact, _window),
    *(_ticket, _contact, _region, _standby),
]
FACTS = (
    *("severity", "services", "environment", "version", "previous", "per_s", "strategy", "phases", "flag", "migration"),
    *("impact", "window", "tickets", "contacts", "regions", "standby_s"),
)
"""Names of `saying.plain` that briefs of the generator say."""


def _laid_out(random: Random, sentences: list[str]) -> str:
    way = random.choice(("sentences", "lines", "bullets", "sentences"))
    if way == "sentences":
        return ". ".join(sentences) + random.choice((".", "", "!"))
    lead = "- " if way == "bullets" else ""
    return random.choice(("\n", "\r\n", "\n\n")).join(lead + one for one in sentences)
