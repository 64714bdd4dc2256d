"""The text as it is matched: look-alike letters folded, invisible ones left out, what is not the author's own word
set aside. Every place leads back to the text as given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pilotage.core.brief.facts import Kind, Suspicion
from pilotage.core.redact import HIDDEN, redact

MOST_CHARACTERS = 20_000
NOVEL = 3_000
"""A brief that is longer is said to be long: facts may be lost in it."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LOOKS = str.maketrans(
    "аеорсухіјѕԁһӏАВЕКМНОРСТУХІЈЅαορνκιΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhlABEKMHOPCTYXIJSaopvkiABEZHIKMNOPTYX",
)
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[A-Za-z]")

_LOG_LINE = re.compile(
    r"^[ \t]*(?:"
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\n]*|"
    r"\[?\d\d:\d\d:\d\d[.,]?\d*\]?[ \t]+[^\n]*|"
    r"(?:\[)?(?:ERROR|FATAL|WARN(?:ING)?|INFO|DEBUG|TRACE|CRITICAL|SEVERE)\b[\]: \t][^\n]*|"
    r"at [\w.$<>/]{3,}\([^)\n]*\)[^\n]*|"
    r"Traceback \(most recent call last\)[^\n]*|"
    r"File \"[^\"\n]*\", line \d+[^\n]*|"
    r"Caused by: [^\n]*|"
    r"(?:[a-z_][\w]*\.){1,10}[A-Z]\w*(?:Exception|Error)\b[^\n]*|"
    r"\{\"[^\n]*\}[ \t]*|"
    r">[^\n]*"
    r")$",
    re.MULTILINE,
)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_QUOTED = re.compile(r'"[^"\n]{12,2000}"|“[^”\n]{12,2000}”|„[^“”\n]{12,2000}[“”]|«[^»\n]{12,2000}»')
_LIKE_A_LOG = re.compile(
    r"\b(?:ERROR|FATAL|WARN(?:ING)?|CRITICAL)\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\w(?:Exception|"
    r"Error)\b\s*:|\bat \w[\w.$]+\("
)
_SHELL = re.compile(
    r"\$\([^)\n]{0,200}\)?|\$\{[^}\n]{0,200}\}?|"
    r"`[^`\n]*(?:\brm\b|\bsudo\b|\bcurl\b|\bwget\b|\bchmod\b|\bkubectl\b|\bbash\b|\bsh -c|\|\s*sh\b|[;&|"
    r"]{1,2}\s*\w)[^`\n]*`|"
    r"\b(?:curl|wget)\b[^\n|]{0,300}\|\s*(?:sudo\s+)?(?:ba|z)?sh\b|"
    r"\brm\s+-[a-z]{1,3}\s+\S+|\bsudo\s+\S+[^\n.]{0,80}|&&\s*\S+[^\n.]{0,80}|;\s*(?:rm|curl|wget|"
    r"drop\s+table)\b[^\n.]{0,80}|"
    r"\bDROP\s+TABLE\b[^\n.]{0,80}",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:"
    r"(?:ignore|disregard|forget|override)\s+(?:all\s+|any\s+|the\s+|your\s+|these\s+|"
    r"every\s+)*(?:previous|prior|above|earlier|"
    r"other|former|system|safety)?\s*(?:instructions?|rules|prompts?|checks?|checklist|polic(?:y|ies)|safeguards?)|"
    r"you are (?:now )?(?:an? |the )?(?:\w+ )?(?:assistant|agent|admin\w*|root|ai|model|developer mode)|"
    r"(?:skip|bypass|disable)\s+(?:all\s+|any\s+|the\s+|every\s+)*(?:\w+\s+)?(?:checklist|checks|"
    r"approvals?|rehearsal|watch|monitoring|"
    r"safeguards?|tests)|"
    r"(?:do not|don't|never)\s+(?:ask|roll\s?back|wait for|tell|hold|stop)\b|"
    r"(?:approve|promote)\s+(?:this|it|everything|yourself|the (?:plan|rollout))|"
    r"(?:run|execute)\s+(?:the following|this command|this script)|"
    r"(?:system|assistant|developer)\s*(?:prompt|message)\s*:|"
    r"(?:reveal|print|show|send)\s+(?:me\s+)?(?:your|the|all)\s+(?:system prompt|secrets?|credentials|"
    r"tokens?|environment variables)|"
    r"ignorier\w*\s+(?:\w+\s+){0,3}(?:anweisung\w*|regeln|prüf\w*|checkliste)|"
    r"(?:überspring\w*|umgeh\w*|deaktivier\w*)\s+(?:\w+\s+){0,3}(?:checkliste|prüf\w*|freigabe\w*|überwachung)|"
    r"(?:frag\w*|roll\w*)\s+(?:\w+\s+){0,2}nicht\s+(?:nach|zurück)|"
    r"du bist (?:jetzt )?(?:ein\w* )?(?:assistent|agent|admin\w*)|"
    r"führ\w*\s+(?:\w+\s+){0,2}(?:befehl\w*|folgende\w*)\s*\w*\s*aus|"
    r"ignora\w*\s+(?:\w+\s+){0,3}(?:instrucciones|reglas|comprobaciones|lista)|"
    r"(?:omit[ea]\w*|salta\w*|desactiva\w*)\s+(?:\w+\s+){0,3}(?:lista|comprobaci\w*|aprobaci\w*|supervisión)|"
    r"no\s+(?:preguntes|reviertas|vuelvas atrás)|"
    r"ejecuta\s+(?:lo siguiente|este comando|el siguiente)|"
    r"eres (?:ahora )?(?:un |el )?(?:asistente|agente|administrador)"
    r")",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?](?=\s|$)|\n")


@dataclass(frozen=True)
class Clean:
    """`text` is what the brief keeps. `matched` is what the rules read, `origin[i]` the place in `text` "
    "of its i-th sign."""

    text: str
    matched: str
    origin: tuple[int, ...]
    suspicious: tuple[Suspicion, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A place in `matched` as one in `text`; the end is exclusive."""
        if end <= start:
            return 0, 0
        return self.origin[start], self.origin[end - 1] + 1


def clean(given: str) -> Clean:
    """Linear in the length of the text; what lies beyond 20,000 signs is not read, and that is said."""
    doubts: list[Suspicion] = []
    if len(given) > NOVEL:
        read = min(len(given), MOST_CHARACTERS)
        doubts.append(Suspicion("length", f"{len(given):,} characters, a brief has a few hundred; {read:,} were read"))
    given = given[:MOST_CHARACTERS]
    doubts += _unseen(given)
    text = redact(given).replace("\r", "\n")
    hidden = text.count(HIDDEN) - given.count(HIDDEN)
    if hidden > 0:
        doubts.append(
            Suspicion("secret", f"{hidden} secret{'s' if hidden > 1 else ''} masked; change what was written down")
        )
    folded, origin, alike = _folded(text)
    doubts += [Suspicion("look-alike", f'letters of another alphabet in "{text[a:b]}"', a, b) for a, b in alike[:20]]
    matched = folded
    for kind, start, end in sorted(_passages(folded), key=lambda one: one[1]):
        if matched[start:end].strip():
            a, b = origin[start], origin[end - 1] + 1
            doubts.append(Suspicion(kind, _short(text[a:b]), a, b))
            matched = matched[:start] + _blank(matched[start:end]) + matched[end:]
    return Clean(text, matched, tuple(origin), tuple(doubts))


def _unseen(given: str) -> Iterator[Suspicion]:
    found = [*_INVISIBLE.findall(given), *_CONTROL.findall(given.replace("\r\n", "\n"))]
    if found:
        names = ", ".join(dict.fromkeys(f"U+{ord(one):04X}" for one in found[:200]))
        yield Suspicion(
            "invisible", f"{len(found)} sign{'s' if len(found) > 1 else ''} that cannot be seen: {names[:120]}"
        )


def _folded(text: str) -> tuple[str, list[int], list[tuple[int, int]]]:
    """Compatibility forms (NFKC) and, within words of Latin letters, look-alikes of other alphabets."""
    alike = []
    signs = list(text)
    for word in _WORD.finditer(text):
        if word[0].isascii() or not _LATIN.search(word[0]):
            continue
        replaced = word[0].translate(_LOOKS)
        if replaced != word[0]:
            alike.append(word.span())
            signs[word.start() : word.end()] = list(replaced)
    folded, origin = [], []
    for place, sign in enumerate(signs):
        if _INVISIBLE.match(sign):
            continue
        for one in sign if sign.isascii() else unicodedata.normalize("NFKC", sign):
            folded.append(one)
            origin.append(place)
    return "".join(folded), origin, alike


def _passages(text: str) -> Iterator[tuple[Kind, int, int]]:
    """(kind, start, end) of what is data, not the author's own word. They may overlap."""
    for match in _FENCE.finditer(text):
        yield "quoted", match.start(), match.end()
    for match in _LOG_LINE.finditer(text):
        yield "quoted", match.start(), match.end()
    for match in _QUOTED.finditer(text):
        if _LIKE_A_LOG.search(match[0]):
            yield "quoted", match.start(), match.end()
    for match in _SHELL.finditer(text):
        yield "command", match.start(), match.end()
    begins = [0, *(match.end() for match in _END.finditer(text)), len(text)]
    place = 0
    for match in _ORDER.finditer(text):
        while place + 2 < len(begins) and begins[place + 1] <= match.start():
            place += 1
        yield "instruction", begins[place], max(begins[place + 1], match.end())


def _blank(text: str) -> str:
    """A full stop, so that nothing reads across; line ends stay."""
    return "".join("\n" if sign == "\n" else " " for sign in text[:-1]) + (text[-1] if text[-1] == "\n" else ".")


def _short(text: str) -> str:
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return flat if len(flat) <= 100 else flat[:97] + "..."
