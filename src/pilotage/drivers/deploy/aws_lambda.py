"""AWS Lambda: a function gets the version's code, which is then published under a number; aliases stay."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import one_line
from pilotage.drivers.arguments import fill, versioned
from pilotage.drivers.aws import Aws
from pilotage.drivers.aws_lambda import WHO, LambdaOptions, versions
from pilotage.drivers.looks import looks
from pilotage.drivers.turns import in_turn

_PAUSE_S = (0.2, 2.0)
_MOST_DESCRIPTION = 256
_WHY = {
    "ImageAccessDenied": "Lambda may not pull the image (the repository's policy must let lambda.amazonaws.com)",
    "ImageDeleted": "the image is not there any more",
    "InvalidImage": "the image cannot be run by Lambda",
    "InvalidZipFileException": "the object is no zip file",
    "EniLimitExceeded": "its network has no interfaces left",
    "SubnetOutOfIPAddresses": "its subnets have no addresses left",
    "InsufficientRolePermissions": "its role may not do what it needs",
    "DisabledKMSKey": "its key is disabled",
    "KMSKeyAccessDenied": "its role may not use its key",
}


class AwsLambdaDeployer:
    class Options(LambdaOptions):
        image: Annotated[str, AfterValidator(versioned)] | None = Field(
            default=None, description="for a function of an image: its address in ECR, with {version} in it"
        )
        bucket: str | None = Field(
            default=None, min_length=3, max_length=63, description="or the S3 bucket with the function's zip files"
        )
        key: Annotated[str, AfterValidator(versioned)] | None = Field(
            default=None, description="the zip file's key there, such as payment/{version}.zip"
        )
        within_s: float = Field(
            default=300.0, gt=0, le=3600, description="seconds for Lambda to take the code over, and to publish it"
        )

        @model_validator(mode="after")
        def _comes_from_one_place(self) -> Self:
            if (self.image is None) == (self.bucket is None) or (self.bucket is None) != (self.key is None):
                raise ValueError("image, or bucket together with key")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._aws = Aws("lambda", WHO, options, prefix="lambda", region=options.region_of_function)
        self._function = {"FunctionName": options.function}

    @in_turn
    async def deploy(self, version: str, call: Call) -> str:
        if number := await self._published(version):
            return f"{version} is version {number} of {self._options.function} already"
        before = await self._until_taken_over(also_failed=True)
        lock = {"RevisionId": before["RevisionId"]} if before.get("RevisionId") else {}
        given = {**self._function, **self._code(version), **self._architectures(before), **lock}
        await self._aws.change("update_function_code", self._options.function, **given)
        now = await self._until_taken_over()
        number, description = await self._publish(version, now)
        await self._until_active(number)
        said = f"{version} is version {number} of {self._options.function}"
        if description != version:
            said += (
                f", published before as {one_line(description, 60) or '(no description)'} with the very same code: "
                f"say `canary: '{number}'` to the splitter aws-lambda"
            )
        return said

    async def rehearse(self, version: str, call: Call) -> str:
        """Lambda itself looks whether the code is there and may be read (a dry run); nothing is changed."""
        if number := await self._published(version):
            return f"{version} is version {number} of {self._options.function} already"
        now = await self._configuration()
        given = {**self._function, **self._code(version), **self._architectures(now), "DryRun": True}
        await self._aws.change("update_function_code", self._options.function, **given)
        return f"Lambda would take {self._source(version)} for {self._options.function}"

    async def probe(self) -> str:
        now = await self._configuration()
        state = one_line(str(now.get("State", "Active")), 40)
        return f"{self._options.function} is {state}; its last change was {now.get('LastUpdateStatus', 'Successful')}"

    async def close(self) -> None:
        """The connections are the process's."""

    def _source(self, version: str) -> str:
        (source,) = fill(
            [self._options.image or f"s3://{self._options.bucket}/{self._options.key}"], {"version": version}
        )
        return source

    def _code(self, version: str) -> dict[str, str]:
        if self._options.image:
            return {"ImageUri": self._source(version)}
        (key,) = fill([self._options.key or ""], {"version": version})
        return {"S3Bucket": self._options.bucket or "", "S3Key": key}

    def _architectures(self, now: dict[str, Any]) -> dict[str, list[str]]:
        """As they are: left out, they would become x86_64."""
        found = now.get("Architectures")
        return {"Architectures": [str(one) for one in found]} if isinstance(found, list) and found else {}

    async def _published(self, version: str) -> str:
        """The number of the version that an earlier call has published; empty when there is none."""
        if not version or len(version) > _MOST_DESCRIPTION:
            raise PermanentError(f"{WHO}: a version's description has 1 to {_MOST_DESCRIPTION} characters")
        there = await versions(self._aws, self._options.function)
        numbers = [number for number, one in there.items() if one.get("Description") == version]
        return max(numbers, key=int) if numbers else ""

    async def _configuration(self, number: str = "") -> dict[str, Any]:
        what = f"version {number} of {self._options.function}" if number else f"function {self._options.function}"
        more = {"Qualifier": number} if number else {}
        found = await self._aws.look("get_function_configuration", what, **self._function, **more)
        self._aws.text(found, "FunctionName")
        kind = found.get("PackageType", "Zip")
        if (kind == "Image") != (self._options.image is not None):
            wanted = "image" if kind == "Image" else "bucket and key"
            raise PermanentError(f"{WHO}: {what} is a function of type {one_line(str(kind), 20)}: give `{wanted}`")
        return found

    async def _until_taken_over(self, *, also_failed: bool = False) -> dict[str, Any]:
        """`also_failed`: whatever became of the code before, it is only to be over."""
        options = self._options
        async for _ in looks(options.within_s, *_PAUSE_S):
            now = await self._configuration()
            status, state = now.get("LastUpdateStatus", "Successful"), now.get("State", "Active")
            if also_failed and status != "InProgress" and state != "Pending":
                return now
            if status == "Failed" or state == "Failed":
                which = "LastUpdateStatus" if status == "Failed" else "State"
                raise PermanentError(f"{WHO}: {options.function} did not take the code over: {_why(now, which)}")
            if status == "Successful" and state in ("Active", "Inactive"):
                return now
        raise TemporaryError(f"{WHO}: {options.function} is still being changed after {options.within_s:g} s")

    async def _publish(self, version: str, now: dict[str, Any]) -> tuple[str, str]:
        """The number and what it is described as. Lambda refuses when somebody has changed the function meanwhile."""
        hashed = {"CodeSha256": now["CodeSha256"]} if now.get("CodeSha256") else {}
        lock = {"RevisionId": now["RevisionId"]} if now.get("RevisionId") else {}
        made = await self._aws.change(
            "publish_version", self._options.function, **self._function, Description=version, **hashed, **lock
        )
        return self._aws.text(made, "Version"), str(made.get("Description") or "")

    async def _until_active(self, number: str) -> None:
        what = f"version {number} of {self._options.function}"
        async for _ in looks(self._options.within_s, *_PAUSE_S):
            now = await self._configuration(number)
            state = now.get("State", "Active")
            if state == "Failed":
                raise PermanentError(f"{WHO}: {what} cannot be run: {_why(now, 'State')}")
            if state in ("Active", "Inactive"):
                return
        raise TemporaryError(f"{WHO}: {what} is not active after {self._options.within_s:g} s")


def _why(now: dict[str, Any], which: str) -> str:
    code, words = str(now.get(f"{which}ReasonCode") or ""), one_line(str(now.get(f"{which}Reason") or ""), 200)
    plain = _WHY.get(code, one_line(code, 60))
    return ": ".join(one for one in (plain, words) if one) or "(no reason given)"
