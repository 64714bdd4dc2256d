"""Which of the three languages a brief is in, by its small words; and whether it is in none of them."""

from __future__ import annotations

from pilotage.core.brief.patterns import Pattern, words

_EN = words(
    "the of for to with and is are was were from by on at not must this that it be has have will should can please "
    "we our if when then "
    "a an per day hour all no in as deploy deployment plan failing fails fix service requests severity environment "
    "strategy traffic "
    "production rollout release hot keep running window owner version down users need needs new roll out after "
    "before until within since because"
)
_DE = words(
    "der die das und fur fuer mit von auf ist sind nicht ein eine einen einem einer kein keine keinen ohne nach bei "
    "im am zu zum zur "
    "pro tag wir bitte den dem des es wird werden soll sollen bis uhr schweregrad umgebung dienst dienste strategie "
    "anfragen produktion "
    "verkehr fehler schlagen fehl wartungsfenster bereitschaft neue alte vorherige lauft ausrollen stunde minuten "
    "plan in an als auch dann"
)
_ES = words(
    "el la los las de del y con para por en es son no un una sin que al se dia lo su esta este estan hay severidad "
    "entorno servicio "
    "servicios estrategia trafico peticiones solicitudes produccion despliegue version ventana guardia fallan falla "
    "hora minutos plan "
    "desplegar nueva anterior actual correccion cada luego despues hasta desde mantener plan"
)
_SHARED = words(
    "canary blue green rolling hotfix flag feature p0 p1 p2 rollback staging bug ticket checkout payment region api "
    "database"
)
SMALL_WORDS = _EN | _DE | _ES
_FOREIGN = (
    words(
        "le les des est dans pour avec sur une du et pas au aux qui sont nous vous mais cette ce ne il chaque jour "
        "sans deployer"
    ),
    words("il di che per con sono della dello nel nella alle gli non ogni giorno come questo questa piu"),
    words("o os do da dos das em para com uma nao ao pela pelo mais isso este dia sem"),
    words("het een van voor met naar zijn niet op de en wordt bij dit dag zonder"),
    words("w na do z nie jest sie dla oraz przez od po dzien"),
    words("och att det som en ar pa av for med inte till den"),
)
_TOKEN = Pattern(r"[^\W\d_]+")
ENOUGH = 8
"""Words below which nobody can tell the language."""


def language(low: str) -> tuple[str, bool]:
    """The language (en, de, es or empty), and whether the text seems to be in another one."""
    tokens = _TOKEN.findall(low)
    counts = {name: sum(one in known for one in tokens) for name, known in (("en", _EN), ("de", _DE), ("es", _ES))}
    best = max(counts, key=lambda name: counts[name])
    letters = sum(map(len, tokens))
    alien = sum(len(one) for one in tokens if not one.isascii())
    if letters >= 12 and 2 * alien > letters:
        return "", True
    if len(tokens) < ENOUGH:
        return (best if counts[best] else ""), False
    foreign = max(sum(one in known for one in tokens) for known in _FOREIGN)
    known = sum(one in _EN or one in _DE or one in _ES or one in _SHARED for one in tokens)
    if foreign > counts[best] or 8 * known < len(tokens):
        return "", True
    return best, False
