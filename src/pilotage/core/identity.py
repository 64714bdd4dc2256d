"""What is never merged: the HTTP status a message speaks of, or another code that means the same each time, and the
exception it names."""

from __future__ import annotations

import re

from pilotage.core.masking import MOST_CHARACTERS

_STATUS = re.compile(
    r"""(?ix)
    # said to be one
    (?: \bhttp(?:/\d(?:\.\d)?)?"? | \bstatus(?:[ _.-]?code)?"? | \b(?:response|http|status)[ _-]?code"?
      | \bcode"?(?=[=:]) | \bwith\ code
      | \breturned | \b(?:responded|answered|replied|failed)(?:\ with)? | \bgot | \breceived
      | \bresponse
      | \bresult(?:ed\ in)? )
    (?:\ (?:status|code|error|an?|http))* (?: \s* [:=>-]{1,2} \s* | \s+ )["'(]? ([1-5]\d\d)
    (?! [\w%] | [.:-]\w
      | \s?(?:ms|s|sec|seconds|bytes|kb|mb|rows|items|records|results|entries|times|messages|of|more|out)\b )
    # followed by its name
    | (?<![\w.:-]) ([1-5]\d\d) \ (?-i:Not\ Found|Internal\ Server|Bad\ Gateway|Service\ (?:Temporarily\ )?Unavailable
      |Gateway\ Time|Unauthorized|Forbidden|Bad\ Request|Conflict|Too\ Many|Gone|Not\ Implemented|Method\ Not
      |Unprocessable|Request\ Time|Payload|Precondition)
    | \ ->\ ([1-5]\d\d)(?=\ |$)
    # HAProxy's and Envoy's access logs
    | (?:\ -?\d+(?:/[+-]?\d+){3,4}\ ) ([1-5]\d\d) \ \+?\d+
    | (?<=[\])}])\ {1,2}([1-5]\d\d)\ \d+\ \d+\ (?=[\d-])
    """
)
_THREE_DIGITS = re.compile(r"(?<!\d)[1-5]\d\d(?!\d)")
_TYPE = re.compile(
    r"(?<![\w.$/-])((?:[A-Za-z_][\w$]*\.)*[A-Z][\w$]*(?:Exception|Error|Throwable|Failure|Fault|Panic))(?![\w/-])"
)


_CODE = re.compile(r"(?i)\b(?:signal|errno|sqlstate)[ :=]+\d{1,5}\b")


def status_of(text: str) -> tuple[str, int, int]:
    """The HTTP status (or signal, errno) a text speaks of, with its place; empty when none."""
    text = text[:MOST_CHARACTERS]
    if code := _CODE.search(text):
        return code[0].lower(), code.start(), code.end()
    found = _STATUS.search(text) if _THREE_DIGITS.search(text) else None
    if not found or found.lastindex is None:
        return "", 0, 0
    return found[found.lastindex], found.start(found.lastindex), found.end(found.lastindex)


def type_of(text: str) -> tuple[str, int, int]:
    """The type of exception that a text names first, with its place; empty when none."""
    found = _TYPE.search(text[:MOST_CHARACTERS])
    return (found[1], found.start(1), found.end(1)) if found else ("", 0, 0)
