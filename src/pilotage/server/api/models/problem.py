"""Errors (RFC 9457), and how routes say which of them can come."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MEDIA = "application/problem+json"


class Problem(BaseModel):
    """What was expected, what came, and what to do: `detail` is a sentence for a person."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="the kind of error, for a program")
    title: str = Field(description="the same in words")
    status: int = Field(description="as the HTTP status")
    detail: str = Field(description="one or more sentences, each a line")
    request_id: str | None = Field(default=None, description="as in the header X-Request-Id, and in the log")
    problems: list[Any] | None = Field(
        default=None, description="one by one, where there can be several: of a plan, of a checklist, of a request"
    )


TELLS: dict[int, tuple[str, str, str]] = {
    400: ("The request cannot be read: no JSON, too deeply nested, or a key that is none", "NotReadable", "no JSON"),
    401: ("It is not known who asks", "Unauthorised", "a token is missing: Authorization: Bearer TOKEN"),
    403: ("Who asks may not do this", "Forbidden", "bob may not operate shop in production: that needs the role ..."),
    404: ("There is no such thing, or who asks may not see it", "NotFound", "there is no rollout 'x'"),
    408: ("The body did not come in time", "TooSlow", "the body has to come within 30 s"),
    409: ("It cannot be done as things stand now", "Refused", "cannot approve while the rollout is watching."),
    412: ("Something that must hold before does not", "ChecklistOpen", "nothing was started: a required item is open"),
    413: ("The request is larger than any of ours", "TooLarge", "at most 2 MB are read"),
    415: ("The body is not sent as JSON", "NotJson", "Content-Type: application/json is expected"),
    421: ("The host is none of ours", "ForeignHost", "this is no server for the host 'x'"),
    422: ("The request, or a plan in it, is wrong", "PlanError", "line 3: service: expected a name, got nothing."),
    429: ("Too many requests of one caller", "TooMany", "ask again in 12 s"),
    500: ("Pilotage itself failed; it is in its log", "InternalError", "this is a mistake of ours"),
    503: ("It cannot be answered now; ask again", "Unavailable", "the engine does not answer"),
}
ANYWHERE = (401, 403, 421, 429, 500)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`, besides those that every route may give."""
    return {
        status: {
            "description": TELLS[status][0],
            "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(status)}},
        }
        for status in sorted({*ANYWHERE, *statuses})
    }


def _example(status: int) -> dict[str, Any]:
    _, kind, detail = TELLS[status]
    return {"type": kind, "title": kind, "status": status, "detail": detail}
