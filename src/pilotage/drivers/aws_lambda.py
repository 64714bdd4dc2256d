"""What the drivers of AWS Lambda share: how a function is named, and its published versions."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers.aws import Aws, AwsOptions

WHO = "AWS Lambda"
_MOST_PAGES = 40


class LambdaOptions(AwsOptions):
    function: str = Field(
        pattern=r"^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}$",
        description="the function's name or ARN, without a version",
    )

    @property
    def region_of_function(self) -> str | None:
        return self.function.split(":")[3] if ":" in self.function else None


async def versions(aws: Aws, function: str) -> dict[str, dict[str, Any]]:
    """The published ones by number."""
    found: dict[str, dict[str, Any]] = {}
    more: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        answer = await aws.look("list_versions_by_function", function, FunctionName=function, **more)
        for one in aws.listed(answer, "Versions"):
            if (number := str(one.get("Version"))).isdigit():
                found[number] = one
        if not answer.get("NextMarker"):
            return found
        more = {"Marker": answer["NextMarker"]}
    raise PermanentError(
        f"{WHO}: {function} has more than {len(found)} published versions, too many to look through for one that is "
        "described as the plan's: delete old ones, or give `canary` to the splitter"
    )
