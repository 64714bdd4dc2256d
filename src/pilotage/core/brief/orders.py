"""Sentences that give orders to whoever reads the brief, and shell commands: reported, never obeyed, never facts."""

from __future__ import annotations

from collections.abc import Iterator

from pilotage.core.brief.patterns import Pattern

_GAP = r"[^.\n]{0,50}?\b"
_ENGLISH = (
    rf"(?:ignore|disregard|(?<!not )forget|override|bypass|circumvent)\b{_GAP}(?:instructions?|prompts?|rules?"
    rf"|guidelines?"
    rf"|polic(?:y|ies)"
    r"|guard ?rails?|safeguards?|checks?|checklist|approvals?|warnings?|verdicts?|everything|above|safety)\b",
    r"you(?: are|'re) (?:now|no longer|an? (?:ai|assistant|agent|model|bot))\b",
    r"(?:from now on,? you|as an ai\b|pretend (?:to be|you|that you)|act as (?:an? |the )?(?:admin|root|assistant"
    r"|ai|system))",
    r"(?:system prompt|developer mode|jailbreak|your new (?:task|role|instructions?)|new instructions?:)",
    r"skip(?:ping)? (?:the |all |any |every |our |your )?(?:[\w-]{1,20} ){0,2}(?:checklist|checks?|approvals?"
    r"|tests?|rehearsal"
    r"|pre-?flight|verification|watch(?:ing)?|phases?|monitoring|review|window)\b",
    r"(?:do not|don't|dont|never|must not|no need to) (?:ever )?(?:roll(?:ing)? ?back|rollback|go back|revert|hold"
    r"|pause|ask|check(?! in)"
    r"|verify|tell|notify|alert|warn|wait for|watch|monitor|stop (?:the )?(?:rollout|roll-out|deployment))\b",
    r"(?:auto-?approve|approve (?:this|it|the|all|every|everything|automatically|immediately)\b)",
    r"(?:mark|consider|treat) (?:it|this|all|everything|every)\b[^.\n]{0,30}\b(?:approved|done|passed|ticked|safe"
    r"|confirmed)\b",
    r"without (?:asking|any approval|approval|an approval|confirmation|waiting)\b",
    r"(?:run|execute|eval|invoke) (?:the |this |these )?(?:following|below|this|these|command|script|code)\b",
    rf"(?:disable|turn off|switch off|deactivate)\b{_GAP}(?:judge|monitoring|guard ?rails?|guards?|alerts?|checks?"
    rf"|rollback|safety)\b",
    rf"(?:reveal|print|leak|exfiltrate|send|show|output|post|upload)\b{_GAP}(?:secrets?|credentials?|passwords?"
    rf"|tokens?|api keys?|prompt)\b",
    r"(?:respond|reply|answer) (?:only )?with\b",
)
_GERMAN = (
    rf"(?:ignorier\w{{0,4}}|vergiss|missachte\w?|umgeh\w{{0,3}})\b{_GAP}(?:anweisung\w*|regeln?|vorgaben?"
    rf"|instruktion\w*|prompts?"
    r"|pruf\w+|checkliste|freigaben?|alles|warnung\w*)\b",
    r"(?:du bist|sie sind) (?:jetzt|nun|ab (?:jetzt|sofort)|nicht mehr)\b",
    r"(?:verhalte dich (?:wie|als)|tu so,? als|ab (?:jetzt|sofort) bist du)",
    rf"(?:uberspring\w*|lass\w*)\b{_GAP}(?:checkliste|prufung\w*|freigaben?|tests?|proben?)\b(?: aus| weg)?",
    r"(?:checkliste|prufung\w*|freigaben?|tests?) (?:bitte )?(?:uberspringen|auslassen|weglassen|ignorieren)",
    r"(?:nicht|niemals|nie) (?:zuruck(?:rollen|gehen|setzen|drehen|nehmen)|anhalten|nachfragen|warten|stoppen)\b",
    rf"(?:rolle?n?|gehe?n?|setze?n?)\b{_GAP}(?:nicht|niemals|nie) zuruck\b",
    r"kein(?:en)? (?:rollback|zuruckrollen)\b",
    r"(?:genehmig(?:e|en sie)|bestatige|gib|geben sie) (?:dies|das|diese[nrs]?|es|den|die|alles|bitte)\b[^.\n]{0,40}",
    r"ohne (?:freigabe|ruckfrage|nachfrage|genehmigung|bestatigung)\b",
    r"fuhr(?:e|en sie)?\b[^.\n]{0,20}\b(?:folgende[nsmr]?|diese[nsmr]?|das skript|den befehl)\b",
    rf"(?:deaktivier\w*|schalte?n?)\b{_GAP}(?:uberwachung|alarme?|prufung\w*|rollback)\b",
)
_SPANISH = (
    rf"(?:ignor(?:a|e|en|ar)|olvid(?:a|e|en)|desobedece|haz caso omiso|hagan? caso omiso"
    rf"|pasa por alto)\b{_GAP}(?:instruccion\w*"
    r"|reglas?|indicacion\w*|comprobacion\w*|aprobacion\w*|advertencias?|prompts?|todo|anterior\w*)\b",
    r"(?:ahora eres|eres ahora|a partir de ahora,? eres|ya no eres|actua como|finge que|finge ser)\b",
    rf"(?:omit(?:e|a|an|ir)|salt(?:a|e|ar|ate|arse|ese)|evita)\b{_GAP}(?:lista|comprobacion\w*|verificacion\w*"
    rf"|aprobacion\w*"
    r"|pruebas?|revision\w*)\b",
    r"(?:no|nunca) (?:hagas|haga|hagan|hacer|realices|realice) (?:un |una |el |la )?(?:rollback|reversion"
    r"|marcha atras)",
    r"(?:no|nunca) (?:reviertas|revierta|revertir|vuelvas|vuelva atras|volver atras|deshagas|deshaga|preguntes"
    r"|esperes|pares)\b",
    r"apr(?:ueba|uebe|ueben|obad) (?:esto|este|esta|el|la|todo|lo|automaticamente|inmediatamente)\b",
    r"sin (?:aprobacion|preguntar|confirmacion|esperar)\b",
    r"ejecut(?:a|e|en) (?:lo siguiente|el siguiente|la siguiente|los siguientes|este|esta|esto|estos)\b",
    rf"(?:desactiv(?:a|e|ar)|apag(?:a|ue))\b{_GAP}(?:supervision|monitorizacion|alertas?|comprobacion\w*|rollback)\b",
)
_ORDER = Pattern(
    r"\b(?:"
    + "|".join((*_ENGLISH, *_GERMAN, *_SPANISH))
    + r")|(?:^|\n) {0,3}(?:system|assistant) ?:|<\|?/?(?:system|im_start)|\[inst\]"
)
_TO_THE_END = r"(?:[^\n.]|\.(?![ \n]|$)){0,400}"
_COMMANDS = (
    r"rm|curl|wget|sudo|bash|sh|zsh|kubectl|helm|docker|git|ssh|scp|chmod|chown|dd|mkfs|nc|python3?|perl|node|npm"
    r"|pip|psql|mysql|cat"
    r"|echo|eval|exec|systemctl|kill|terraform|aws|gcloud|reboot|shutdown"
)
_COMMAND = Pattern(
    r"\$\([^)\n]{0,200}\)?|\$\{[^}\n]{0,100}\}?|\{\{[^}\n]{0,100}\}?\}?|<script\b[^\n]{0,200}"
    rf"|\b(?:curl|wget) [^\n|]{{0,200}}\| ?(?:sudo )?(?:ba|z|da)?sh\b{_TO_THE_END}"
    rf"|\brm {{1,3}}-{_TO_THE_END}|; ?(?:{_COMMANDS}) {_TO_THE_END}|\bsudo \w{_TO_THE_END}"
    rf"|\S{{0,60}} {{0,3}}&&{_TO_THE_END}"
    rf"|\|\|{_TO_THE_END}|\| ?(?:ba|z)?sh\b|> ?/(?:dev|etc|tmp|bin|usr)/\S{{0,60}}|\bdrop (?:table|database"
    rf"|schema) \w{{1,60}} {{0,3}};"
    rf"|\bkubectl (?:delete|exec|apply|scale){_TO_THE_END}|\bdd if={_TO_THE_END}|:\(\) ?\{{[^\n]{{0,40}}"
)
_TICKED = Pattern(r"`([^`\n]{0,400})`")
_SHELL = Pattern(rf"(?:{_COMMANDS})(?: |$)|[^`]{{0,400}}?(?:[;|&$]|(?<![-=])>)")
_ENDS = frozenset(".!?\n")


def instructions(low: str) -> Iterator[tuple[int, int]]:
    """Whole sentences: who gives orders to the reader is not believed in the same breath."""
    done = 0
    for match in _ORDER.finditer(low):
        if match.start() >= done:
            start, done = sentence(low, match.start(), match.end())
            yield start, done


def commands(low: str) -> Iterator[tuple[int, int]]:
    """Commands with the words they are glued to: ``payment$(id)`` is no service."""
    for match in _TICKED.finditer(low):
        if _SHELL.match(match[1]):
            yield match.span()
    for match in _COMMAND.finditer(low):
        start, end = match.span()
        while start > 0 and not low[start - 1].isspace() and match.start() - start < 80:
            start -= 1
        while end < len(low) and not low[end].isspace() and end - match.end() < 80:
            end += 1
        yield start, end


def sentence(low: str, start: int, end: int, most: int = 600) -> tuple[int, int]:
    """The sentence around a span: from the last full stop or line end to the next one, `most` characters either way."""
    first = start
    while first > max(0, start - most) and not _ends(low, first - 1):
        first -= 1
    last = end
    while last < min(len(low), end + most) and not _ends(low, last):
        last += 1
    return first, last


def _ends(low: str, at: int) -> bool:
    return low[at] in _ENDS and (low[at] == "\n" or at + 1 >= len(low) or low[at + 1].isspace())
