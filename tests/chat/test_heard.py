"""Whether something comes from Slack, and where an answer may go."""

from __future__ import annotations

import pytest

from pilotage.chat.heard import may_answer_to, signed, why_not

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
"""The example of docs.slack.dev/authentication/verifying-requests-from-slack, and its signature below."""
AT = 1531420618
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_slacks_own_example_has_slacks_own_signature() -> None:
    assert signed(SECRET, str(AT), BODY) == SIGNATURE
    assert why_not(SECRET, str(AT), SIGNATURE, BODY, AT) == ""


@pytest.mark.parametrize("off", [-300, -1, 0, 299, 300])
def test_within_five_minutes_it_counts(off: int) -> None:
    assert why_not(SECRET, str(AT), SIGNATURE, BODY, AT + off) == ""


@pytest.mark.parametrize("off", [-301, 301, 86400])
def test_outside_of_them_it_does_not(off: int) -> None:
    assert "are both clocks right?" in why_not(SECRET, str(AT), SIGNATURE, BODY, AT + off)


@pytest.mark.parametrize(
    ("secret", "stamp", "signature", "body"),
    [
        (SECRET, str(AT), SIGNATURE, BODY + b"x"),
        (SECRET, str(AT + 1), SIGNATURE, BODY),
        (SECRET[:-1] + "6", str(AT), SIGNATURE, BODY),
        (SECRET, str(AT), SIGNATURE[:-1], BODY),
        (SECRET, str(AT), SIGNATURE.removeprefix("v0="), BODY),
        (SECRET, str(AT), "v0=ä", BODY),
        (SECRET, str(AT), "", BODY),
        (SECRET, "", SIGNATURE, BODY),
        (SECRET, "now", SIGNATURE, BODY),
        (SECRET, f"{AT}.0", SIGNATURE, BODY),
        (SECRET, "1" * 400, SIGNATURE, BODY),
        (SECRET, "٣" * 10, SIGNATURE, BODY),
    ],
)
def test_anything_else_is_not_from_slack(secret: str, stamp: str, signature: str, body: bytes) -> None:
    said = why_not(secret, stamp, signature, body, AT)
    assert said
    assert secret not in said


SLACK, GOV, HERE = "https://slack.com/api", "https://slack-gov.com/api", "http://127.0.0.1:4000"


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://hooks.slack.com/actions/T1/2/x", SLACK),
        ("https://hooks.slack.com:443/commands/T1/2/x", SLACK),
        ("https://hooks.slack-gov.com/actions/T1/2/x", GOV),
        ("http://127.0.0.1:4000/actions/T1/2/x", HERE),
    ],
)
def test_an_answer_goes_to_slack(url: str, api: str) -> None:
    assert may_answer_to(url, api)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.evil.example/x",
        "https://evil.example/hooks.slack.com",
        "https://hooks.slack.com@evil.example/x",
        "https://me:pw@hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://hooks.slack.com:x/x",
        "https://hooks.slack.com\\@evil.example/x",
        "https://hooks.slack.com/x y",
        "https://hooks.slack.com/\nx",
        "https://evil.slack.com/x",
        "https://[::1/x",
        "http://127.0.0.1:4001/x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "//hooks.slack.com/x",
    ],
)
@pytest.mark.parametrize("api", [SLACK, HERE])
def test_and_nowhere_else(url: str, api: str) -> None:
    assert not may_answer_to(url, api)
