"""The head of a text line: its level, what logged it, and where the message begins."""

from __future__ import annotations

import re

from pilotage.core.masking import COLOUR, MONTH, MOST_CHARACTERS

_PREFIX = re.compile(
    r"""(?x)
    ^(?: \[pod/[^\]]+\]\ | [\w.-]+\ +\|\ | <\d{1,3}>\d?\ ?
      | \d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)\ (?:stdout|stderr)\ [FP]\ )"""
)
_SYSLOG = re.compile(
    rf"^(?:{MONTH} +\d{{1,2}} [\d:.]+|\d{{4}}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)) (?=[\w.-]*[A-Za-z])[\w.-]+ "
    r"([\w./-]+?)(?:\[\d+\])?: "
)
_KLOG = re.compile(r"^([IWEF])\d{4} [\d:.]+ +\d+ ([\w./-]+):\d+\] ")
_NAMES = {
    1: ("TRACE",),
    2: ("DEBUG", "FINE"),
    3: ("INFO", "NOTICE", "I"),
    4: ("WARN", "WARNING", "W"),
    5: ("ERROR", "ERR", "SEVERE", "E"),
    6: ("CRITICAL", "CRIT", "FATAL", "ALERT", "EMERG", "EMERGENCY", "PANIC", "F"),
}
LEVELS = {name: level for level, names in _NAMES.items() for name in names}
_LEVEL = re.compile(
    r"(?<![\w.-])(?:(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|EMERGENCY|PANIC)(?![\w.-]*\w*[=(])"
    r"|(?<=[\[(<])(trace|debug|info|notice|warn|warning|error|err|crit|critical|alert|emerg|fatal|panic)(?=[\])>])"
    r"|(?<=:)(trace|debug|info|notice|warn|error|crit|alert|emerg)(?=\])"
    r"|(?<= )(trace|debug|info|notice|warn|warning|error|fatal)(?=:? ))(?![a-zA-Z])"
)
_BRACKETS_BEFORE = re.compile(r"(?:\[[^\]\n]{0,120}\]\s*|\([^)\n]{0,80}\)\s*)+$")
_BRACKETS_AFTER = re.compile(r"^[\]:>)]*\s*(?:\[[^\]\n]{0,120}\]\s*|\d+\s+|---\s*|\((?:[\w-]+)\)\s+)*")
_LEVEL_WITHIN = 160
_FILE_LINE = re.compile(r"\d+")
_LOGGER = re.compile(
    r"^:?(?!/)((?=[\w.$/-]*[A-Za-z])[\w.$/-]{1,120})(?::\d+)?\s*(?:\[[^\]\n]{0,120}\]\s*)?(?:\s-\s+|:\s+|:(?=\S))"
    r"|^([a-z_][\w-]*(?:\.[\w-]+)+)\s+(?:\[[^\]\n]{0,120}\]\s*)?"
)
_ACCESS = re.compile(r'^(?:\S+ ){2,4}\[[^\]\n]{10,40}\] "([A-Z]{3,9}) \S+ [^"]*" ([1-5]\d\d) \S+')


def head_of(line: str) -> tuple[int, str, str]:
    """(level, what logged it, the message) of a text line. Level 0: the line names none.

    Timestamps, hosts, process ids, thread names and other bracketed context around the level are left out.
    """
    line = COLOUR.sub("", line[:MOST_CHARACTERS])
    line = _PREFIX.sub("", line)
    logged_by = ""
    if access := _ACCESS.match(line):
        return 0, "access log", f"{access[1]} status {access[2]}"
    if klog := _KLOG.match(line):
        return LEVELS[klog[1]], klog[2], line[klog.end() :]
    if syslog := _SYSLOG.match(line):
        logged_by, line = syslog[1], line[syslog.end() :]
    found = _LEVEL.search(line, 0, _LEVEL_WITHIN)
    if not found:
        return 0, logged_by, line
    before = _BRACKETS_BEFORE.sub("", line[: found.start()].rstrip("[(<"))
    after = line[found.end() :]
    after = after[brackets.end() :] if (brackets := _BRACKETS_AFTER.match(after)) else after
    if not logged_by and (logger := _LOGGER.match(after)):
        logged_by, after = _FILE_LINE.sub("", logger[1] or logger[2]), after[logger.end() :]
    return LEVELS[(found[1] or found[2] or found[3] or found[4]).upper()], logged_by, f"{before} {after}"
