"""Which services are deployed: labelled, called a service, named with a version, or first in the summary."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.languages import SMALL_WORDS
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.versions import IMAGE, LIBRARIES, NUMBERED, VERSION

_NAME = r"[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)*"
_STOP = words(
    "database db memory security performance config configuration data slow wrong broken missing high intermittent "
    "failing lento roto lenta rota minutes minuten minutos hours stunden horas minute "
    "regular planned routine train below above under over p0 p1 p2 kundendienst notdienst bereitschaftsdienst "
    "merged done ready blue-green "
    "blau-grun azul-verde roll-out gradual "
    "behind hinter detras a an the our my this that these those "
    "your their its his her new old web whole entire affected other each "
    "every any all same single customer self which "
    "what no not one two three both more some of for in on to from with by at as is are was be and or per if when "
    "then while our us it "
    "urgent critical hot-fix hotfix fix fixes null npe bug bugfix patch nullpointer crash crashes timeout timeouts "
    "memory leak race deadlock error errors pointer exception "
    "release releases version versions deploy deployment rollout plan create make write please we need needs must "
    "should production prod staging service services "
    "out feature flag canary rolling blue green full quick fast emergency small major minor high low severity "
    "environment strategy traffic update upgrade only also "
    "der die das den dem des ein eine einen einem einer unser unsere unseren dieser diese dieses fur mit von und "
    "oder ist sind im in am an auf zu zum zur dringend dringender dringenden kritisch kritischer kritischen "
    "neue neuen neuer betroffene betroffenen betroffener alle beide fehler dienst dienste version korrektur "
    "null-pointer nullzeiger produktion bitte wir ausrollen eines nach bei "
    "el la los las un una unos unas de del al y o es son con para por en se su nuestro nuestra este esta estos "
    "nuevo nueva urgente critico correccion parche arreglo puntero nulo "
    "servicio servicios despliegue plan version produccion afectado afectados principal todo todos cada esta estan "
    "caido fallo error que hay sin a "
    "p0 p1 p2 deployments downtime outage incident null-pointer-hotfix something anything thing things it's today "
    "tomorrow now soon hotfixes rollback pod pods node nodes server servers"
)
_AND = r"(?: ?, ?(?:and |und |y )?| and | & | und | y | e )"
_PLURAL = Pattern(rf"\b(?P<list>(?:{_NAME}{_AND}){{1,6}}{_NAME})[ -](?:micro)?(?:services|dienste)\b")
_SINGULAR = Pattern(
    rf"(?<![\w-])(?P<list>{_NAME}) (?:micro)?service\b|(?<![\w-])(?P<glued>{_NAME})-(?:micro)?(?:service"
    rf"|dienst)(?:e?s)?\b"
)
_BEHIND = Pattern(
    rf"\b(?:dienste?[ns]?|diensts|servicios?|microservicios?|services? (?:called|named))(?: (?:de|del|de la|de los"
    rf"|de las|namens|llamado|llamados))?(?: (?:der|die|das|el|la|los"
    rf"|las))? (?P<list>{_NAME}(?:{_AND}(?:de )?{_NAME}){{0,6}})"
)
_NAMED = Pattern(
    rf"(?:^|[.,;(\n] ?)(?:(?:the|der|el|affected) )?(?:services?|dienste?|servicios?)(?: (?:is|are|ist|sind|es|son"
    rf"|heisst|se llama))? "
    rf"(?P<list>{_NAME}(?:{_AND}{_NAME}){{0,5}})(?= ?(?:[,;)\n]|\.(?: |$)|$))"
)
_ADJECTIVE = Pattern(
    r".*(?:able|ible|ed|ing|ful|less|ous|lich|bar|ado|ido|ada|ida|able|stable|healthy|flaky|outage|level|desk|mesh"
    r"|owner|team|name|caido|gestort)$"
)
_CLOSED = (
    "flag",
    "on-call",
    "owner",
    "tester",
    "escalation",
    "ticket",
    "window",
    "version",
    "previous",
    "incident-channel",
)
_SUFFIXED = Pattern(
    rf"(?<![\w./-])(?P<list>{_NAME}-(?:svc|service|api|app|gateway|worker|backend|frontend|server))(?![\w-])"
    rf"|(?<![\w./-])(?P<api>(?!v\d){_NAME}) (?:api|backend|frontend)\b"
)
_COMPOUND = Pattern(r"(?<![\w-])(?P<list>[a-z]{4,30}dienst)(?!-)(?:e?s)?\b")
_BESIDE = Pattern(rf"(?<![\w.-])(?P<name>{_NAME}) {VERSION}")
_VERB = (
    r"(?:deploy(?:ing)?|releas(?:e|ing)|ship(?:ping)?|roll(?:ing)? out|rollout(?: of)?|bring out|bring|update"
    r"|updating|upgrade|upgrading|hot-? ?fix|promote|ausrollen|deployen|rolle|liefere"
    r"|aktualisiere|aktualisieren|desplegar|despliega|despliegue de|lanzar|publicar|publica|actualizar|actualiza"
    r"|release of|deployment of|rollout von|ausrollung von)"
)
_ARROWED = rf"(?:->|→|=>|to|auf|a) ?{NUMBERED}"
_VERSIONED = Pattern(
    rf"\b{_VERB}(?: (?:the|our|den|die|das|el|la))?(?: hot-?fix(?: for| of)?)? (?P<name>{_NAME})"
    rf"(?:,? (?:service|version|release|build|image|tag|from|von|de|desde|hot-?fix|auf|to)){{0,3}},? (?={VERSION})"
    rf"|{VERSION} (?:of|von|de|del|for|fur|para)(?: (?:the|der|die|das|el|la|servicio|dienst))? (?P<name2>{_NAME})"
    rf"|(?<![\w.-])(?P<name3>{_NAME})(?: (?:from|von|de|desde))? {VERSION} ?{_ARROWED}"
    rf"|(?<![\w.-])(?P<name4>{_NAME}) {VERSION} (?:ausrollen|deployen|bereitstellen)"
)
_PLACE = Pattern(rf"\b(?:in|im|en)(?: (?:the|our|der|dem|den|el|la|los|las))? (?P<name>{_NAME})")
_FIXED = Pattern(
    r"\b(?:hot-? ?fix(?:es)?|fix|patch|correccion|parche|korrektur|fehlerbehebung)(?: (?:for|of|fur|para|de|del))?"
    rf"(?: (?:the|our|den|die|das|el|la|los|las))? (?P<name>{_NAME})"
)
_TROUBLES = words(
    "database db memory connection pool null pointer npe race leak timeout timeouts crash deadlock security "
    "performance query queries"
)
"""A summary that begins with one of these names no service first."""
_FIX = Pattern(r"(?:hot-? ?fix(?:es)?|bug-? ?fix|fix|patch|release|update|upgrade|rollout)$")
_WORD = Pattern(rf"(?<![\w-]){_NAME}(?![\w])")
_ITEM = Pattern(r"[^,;&()\n]+")
_SPLIT = Pattern(r" (?:and|und|y|e|plus|sowie) ")
_LABELLED_NAME = Pattern(r"[A-Za-z0-9][\w./-]{0,62}")
_ENDS = words(
    "is are was has have ist sind hat es esta estan son in on at with for mit con en fails failing fallt falla "
    "version running runs lauft down"
)
_BEFORE_VERSIONS = words(
    "run runs running go goes currently previous previously since replaces replaced live stable good deployed want "
    "move bump bumped instead vorher bisher vorige vorherige bisherige"
    " aktuell aktuelle laufende alte seit statt ersetzt derzeit zuruck behoben corre actualmente anterior actual "
    "antigua vieja reemplaza desde ahora fixed solved tag tagged"
    " hotfix-version fix-version commit build image revision old current shipped ship upgrade upgraded update "
    "updated introduced until back get take"
)
_KIND = words(
    "service services microservice dienst dienste servicio servicios the der die das el la los las our unser app "
    "application"
)


def services(reading: Reading, summary: Value[str] | None, span: tuple[int, int]) -> tuple[Value[str], ...]:
    """`span`: where the summary stands in the reading. The first way that gives any service gives them all."""
    found = _labelled(reading) or _chosen(_called(reading), _with_version(reading)) or _written_like_one(reading)
    if not found and summary is not None:
        found = _first_of(reading, span, summary.confidence)
    unique: dict[str, Value[str]] = {}
    for one in sorted(found, key=lambda one: one.start):
        unique.setdefault(one.value.lower(), one)
    return tuple(unique.values())


def _chosen(called: list[Value[str]], versioned: list[Value[str]]) -> list[Value[str]]:
    """What is named with its version is what is deployed, unless it is one of several that are called services."""
    if {one.value.lower() for one in versioned} <= {one.value.lower() for one in called}:
        return called
    return versioned


def _written_like_one(reading: Reading) -> list[Value[str]]:
    """cart-api, search-svc; "payments API"; Zahlungsdienst; the word before a version."""
    found = [
        _name(reading, *word.span(), 0.75)
        for match in _NAMED.finditer(reading.low)
        for word in _WORD.finditer(reading.low, *match.span("list"))
        if word[0] not in _STOP | _ENDS | SMALL_WORDS and not _ADJECTIVE.match(word[0])
    ]
    if found:
        return found
    for pattern, group, sure in ((_SUFFIXED, "list", 0.8), (_COMPOUND, "list", 0.75), (_BESIDE, "name", 0.75)):
        found = []
        for match in pattern.finditer(reading.low):
            name = group if match[group] else "api"
            start, end = _without_fix(reading.low, *match.span(name))
            word = reading.low[start:end]
            known = (
                word in _STOP or word in LIBRARIES or word in _ENDS or word in _BEFORE_VERSIONS or word in SMALL_WORDS
            )
            if len(word) > 2 and not known and not reading.in_label(start, *_CLOSED):
                found.append(_name(reading, start, end, sure))
        if found:
            return _apart(found)
    return []


def _labelled(reading: Reading) -> list[Value[str]]:
    found: list[Value[str]] = []
    for segment in reading.labels.of("service"):
        place = segment.start
        cuts = [match.span() for match in _SPLIT.finditer(reading.low, segment.start, segment.end)]
        for stop, following in [*cuts, (segment.end, segment.end)]:
            for item in _ITEM.finditer(reading.low, place, stop):
                if one := _item(reading, item.start(), item.end(), segment.confidence):
                    found.append(one)
                if "(" in reading.low[item.end() : item.end() + 1]:
                    break
            place = following
    return found


def _item(reading: Reading, start: int, end: int, sure: float) -> Value[str] | None:
    """The first word or words of a list's item that can be a name."""
    taken: list[tuple[int, int]] = []
    for word in _LABELLED_NAME.finditer(reading.low, start, end):
        text = word[0].rstrip("./-")
        if text in _KIND and not taken:
            continue
        if (
            text in _ENDS
            or text in _KIND
            or text in _STOP - {"canary", "null", "release", "plan", "deployment"}
            or text[0].isdigit()
        ):
            break
        if taken and reading.low[taken[-1][1] : word.start()].strip():
            break
        taken.append((word.start(), word.start() + len(text)))
        if len(taken) == 3 or image_tag(reading.low, taken[-1][1]):
            break
    if not taken:
        return None
    return _name(reading, taken[0][0], taken[-1][1], sure)


def image_tag(low: str, place: int) -> bool:
    return low[place : place + 1] in (":", "@")


def _called(reading: Reading) -> list[Value[str]]:
    found: list[Value[str]] = []
    for pattern in (_PLURAL, _SINGULAR, _BEHIND):
        for match in pattern.finditer(reading.low):
            if reading.in_label(match.start(), *_CLOSED):
                continue
            group = "glued" if pattern is _SINGULAR and match["glued"] else "list"
            start, end = match.span(group)
            if group == "glued" and reading.plain[start].islower() and reading.low[end : end + 8] == "-service":
                end += 8
            elif group == "glued" and reading.plain[start].islower() and reading.low[end + 1 :].startswith("micro"):
                end += len("-microservice")
            for word in _WORD.finditer(reading.low, start, end):
                if word[0] not in _STOP and word[0] not in _ENDS:
                    found.append(_name(reading, *word.span(), 0.9))
                elif pattern is _BEHIND and word[0] not in ("y", "e", "de", "und", "and"):
                    break
    return _apart(found)


def _apart(found: list[Value[str]]) -> list[Value[str]]:
    """Without those that lie within another one."""
    out: list[Value[str]] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not any(other.start <= one.start < other.end for other in out):
            out.append(one)
    return out


def _with_version(reading: Reading) -> list[Value[str]]:
    found: list[Value[str]] = []
    for match in IMAGE.finditer(reading.low):
        if match["name"] not in _STOP:
            found.append(_name(reading, *match.span("name"), 0.9))
    for match in _VERSIONED.finditer(reading.low):
        for group in ("name", "name2", "name3", "name4"):
            name = match[group]
            if name and len(name) > 1 and name not in _STOP and name not in LIBRARIES:
                found.append(_name(reading, *match.span(group), 0.85))
    return found


def _first_of(reading: Reading, span: tuple[int, int], sure: float) -> list[Value[str]]:
    start, end = span
    for pattern in (_PLACE, _FIXED):
        for match in pattern.finditer(reading.low, start, end):
            first, last = _without_fix(reading.low, *match.span("name"))
            if first < last and reading.low[first:last] not in _STOP and reading.low[first:last] not in _ENDS:
                return [_name(reading, first, last, 0.7 * sure)]
    if _FIX.search(reading.low, start, end):
        for word in _WORD.finditer(reading.low, start, end):
            first, last = _without_fix(reading.low, *word.span())
            if reading.low[first:last] in _TROUBLES:
                return []
            if first < last and reading.low[first:last] not in _STOP:
                return [_name(reading, first, last, 0.7 * sure)]
    return []


def _without_fix(low: str, start: int, end: int) -> tuple[int, int]:
    """``payment-null-pointer-hotfix`` is about payment."""
    if _FIX.search(low, start, end):
        while start < end:
            part = low.rfind("-", start, end)
            if low[max(part + 1, start) : end] not in _STOP:
                break
            end = max(part, start)
    return start, end


def _name(reading: Reading, start: int, end: int, sure: float) -> Value[str]:
    """``Payment`` is written like a sentence's first word; ``PaymentService`` is written like a name and stays."""
    name = " ".join(reading.plain[start:end].split())
    return reading.value(start, end, name.lower() if name[1:].islower() or len(name) == 1 else name, sure)
